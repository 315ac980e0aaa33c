"""A folder that one process at a time works in: its lock, its room for long paths, its deletion. Knows no bpy."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import AddonError
from .jobs import JobCancelled

LOCK = "lock"


def delete_tree(folder: Path, cancelled: Callable[[], bool]) -> None:
    """Delete a folder that must not be used half deleted: it loses its name first."""
    doomed = folder.with_name(folder.name + ".deleted")
    for _ in range(2):  # what an earlier try has left, then this one
        for path, folders, files in os.walk(doomed, topdown=False):
            if cancelled():
                raise JobCancelled
            for name in (*files, *(name for name in folders if os.path.islink(os.path.join(path, name)))):
                os.unlink(os.path.join(path, name))
            os.rmdir(path)
        if folder.exists():
            os.replace(folder, doomed)


def check_long_paths(folder: Path, longest: int) -> None:
    """Windows refuses paths of more than 259 characters unless it was told otherwise.

    Args:
        longest: characters below ``folder``.

    Raises:
        AddonError: such a path cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ("x" * (longest - 50)) / ("x" * 48)
    try:
        probe.mkdir(parents=True)
    except OSError as error:
        raise AddonError(
            f"{folder}: too long a path for Windows; switch on long paths (in the registry, LongPathsEnabled), or make "
            "an environment elsewhere and choose its Python"
        ) from error
    finally:
        shutil.rmtree(probe.parent, ignore_errors=True)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[int]:
    """Two Blenders do not build the same environment: a lock that ends with the processes that hold it open.

    pip inherits it (its descriptor), and may outlive a Blender that was killed by some seconds.
    """
    with open(folder / LOCK, "a+b") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AddonError(
                f"{folder}: another Blender is setting up this environment; wait for it"
            ) from error
        yield file.fileno()


def write_whole(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
