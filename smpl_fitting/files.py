"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from smpl_fitting.errors import LiquidMotionError


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, with its suffix, renamed to ``path`` when the block succeeds.

    A block that raises, or a process that dies, leaves ``path`` as it was.

    Raises:
        LiquidMotionError: the folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise LiquidMotionError(
            f"{path}: cannot be written ({error.strerror}); choose another folder or mend its permissions"
        ) from error
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LiquidMotionError(
            f"{path}: cannot be written ({error.strerror or error}); free disk space or choose another folder"
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep_temporaries(folder: Path) -> None:
    """Remove what killed processes left of files they were writing into ``folder`` by :func:`atomic_path`.

    Nobody else may be writing there.
    """
    for path in folder.glob(".*-????????.*"):
        if path.is_file():
            path.unlink()
