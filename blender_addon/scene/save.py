"""Saving a .blend whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..errors import AddonError


def save_blend(out: Path) -> None:
    """Save the file under a temporary name and rename it, without leaving a ``.blend1``.

    Raises:
        AddonError: the folder cannot be written.
    """
    temporary = out.with_name(f".{out.stem}-{os.getpid()}.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(temporary), compress=True, relative_remap=True, copy=True)
        os.replace(temporary, out)
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise AddonError(f"{out}: cannot be written ({reason}); choose another folder") from error
    finally:
        temporary.unlink(missing_ok=True)
