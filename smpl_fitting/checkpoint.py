"""Finished pieces of a long computation on disk, so that a killed one goes on where it stopped."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from smpl_fitting.files import atomic_path


class Checkpoint:
    """A folder of arrays, each under a name and the digest of what it was made from; with no folder, nothing."""

    def __init__(self, folder: str | Path | None, *inputs: Tensor | np.ndarray | str | float | None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._digest = _digest((_code(), *inputs))

    def tensors(
        self,
        name: str,
        make: Callable[[], Sequence[Tensor]],
        *inputs: Tensor | np.ndarray | str | float | None,
    ) -> tuple[Tensor, ...]:
        """What ``make`` returns, from the disk where an earlier run with the same inputs has left it whole."""
        if self._folder is None:
            return tuple(make())
        path = self._folder / f"{name}-{self._digest}{_digest(inputs)}.npz"
        try:
            with np.load(path, allow_pickle=False) as archive:
                return tuple(torch.from_numpy(archive[f"arr_{i}"]) for i in range(len(archive.files)))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            made = tuple(make())
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, *(value.numpy() for value in made))
        return made


@lru_cache(maxsize=1)
def _code() -> str:
    """The digest of this package's code and data: another version's pieces are not gone on from."""
    hashed = hashlib.sha1(usedforsecurity=False)
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.suffix in (".py", ".npz"):
            hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _digest(inputs: Sequence[Tensor | np.ndarray | str | float | None]) -> str:
    hashed = hashlib.sha1(usedforsecurity=False)
    for value in inputs:
        if isinstance(value, Tensor):
            value = value.detach().numpy()
        hashed.update(repr(getattr(value, "shape", "")).encode())
        hashed.update(
            np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        )
    return hashed.hexdigest()[:16]
