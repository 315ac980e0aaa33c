"""What went wrong, in words for the user: the same from the worker and on the command line."""

from __future__ import annotations

import errno
import sys
from dataclasses import dataclass

from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.progress import Cancelled

_OURS = ("blender_addon", "neural", "smpl_fitting")
_MEMORY_PHRASES = ("can't allocate memory", "not enough memory", "out of memory")


@dataclass(frozen=True)
class Failure:
    """``code`` is ``user``, ``cancelled``, ``memory`` or ``internal``; ``message`` is one line."""

    code: str
    message: str


def describe_failure(error: BaseException) -> Failure:
    """Sort an exception by who can mend it."""
    if isinstance(error, (Cancelled, KeyboardInterrupt)):
        return Failure("cancelled", "cancelled")
    if isinstance(error, LiquidMotionError):
        return Failure("user", _one_line(error))
    if _is_out_of_memory(error):
        return Failure(
            "memory",
            "out of memory; choose a smaller size or fewer frames, or close other programs",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure(
            "user", f"{error.filename or 'output'}: the disk is full; free some space and run again"
        )
    if isinstance(error, PermissionError):
        return Failure(
            "user", f"{error.filename}: no permission ({error.strerror}); mend it or choose another folder"
        )
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith(_OURS):
        return Failure(
            "user",
            f"{sys.prefix}: the package {error.name!r} is missing; install liquid-motion there with pip",
        )
    return Failure("internal", f"{type(error).__name__}: {_one_line(error)}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _is_out_of_memory(error: BaseException) -> bool:
    """Torch reports it as a RuntimeError on the CPU and as a class of its own on a GPU."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error) for phrase in _MEMORY_PHRASES)
