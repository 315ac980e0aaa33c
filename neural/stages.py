"""Resuming a job of several stages: a stage whose inputs and results are still there is not run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from smpl_fitting.files import atomic_path


def fingerprint(*parts: object) -> str:
    """A short hash of options and of files (:class:`~pathlib.Path`: name, size and time of change)."""
    described = [_describe(part) for part in parts]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]


def _describe(part: object) -> object:
    if isinstance(part, Path):
        state = part.stat()
        return [str(part.resolve()), state.st_size, state.st_mtime_ns]
    if isinstance(part, (list, tuple)):
        return [_describe(one) for one in part]
    return repr(part)


class Stages:
    """Which stages of the job in ``folder`` are done, and from which inputs (``stages.json``)."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stages.json"
        self._keys: dict[str, str] = {}
        try:
            keys = json.loads(self._path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return  # a record that is missing or torn means that nothing is known to be done
        if isinstance(keys, dict):
            self._keys = {str(name): str(key) for name, key in keys.items()}

    def done(self, name: str, key: str, results: Iterable[Path]) -> bool:
        """Whether the stage was finished with the same ``key`` and its results are still there."""
        return self._keys.get(name) == key and all(path.exists() for path in results)

    def started_with(self, name: str, key: str) -> bool:
        """Whether an unfinished run of the stage had the same ``key``, so that its parts can be used."""
        return self._keys.get(f"{name}:started") == key

    def start(self, name: str, key: str) -> None:
        self._keys.pop(name, None)
        self._write(f"{name}:started", key)

    def finish(self, name: str, key: str) -> None:
        self._write(name, key)

    def _write(self, name: str, key: str) -> None:
        self._keys[name] = key
        with atomic_path(self._path) as temporary:
            temporary.write_text(json.dumps(self._keys, indent=1))
