"""Arrays between Blender and the worker, as files in the worker's folder."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from ..errors import AddonError

_numbers = itertools.count()


def new_path(folder: Path, name: str) -> Path:
    """A name that no other request uses."""
    return folder / f"{name}{next(_numbers)}"


def read_arrays(path: Path, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """The arrays of a file of ``.npy`` blocks one after the other, which is removed.

    Raises:
        AddonError: the worker wrote something else.
    """
    try:
        with open(path, "rb") as file:
            arrays = [np.lib.format.read_array(file, allow_pickle=False) for _ in shapes]
    except (OSError, ValueError, EOFError) as error:
        raise AddonError(f"the worker's answer is not readable ({error}); render again") from error
    finally:
        path.unlink(missing_ok=True)
    found = [array.shape for array in arrays]
    if found != shapes:
        raise AddonError(f"the worker answered with pictures of another size ({found}, asked for {shapes})")
    return arrays
