"""``python -m blender_addon …``: the command line with pip's bpy."""

from __future__ import annotations

import sys

import bpy

from . import register, unregister
from .cli import main


def run() -> int:
    """Register, run the command, and unregister, so that bpy can end. Returns the exit code."""
    register()
    try:
        return main(sys.argv[1:], "python -m blender_addon")
    finally:
        # bpy hangs (4.5) or crashes (4.2) at exit when a scene still uses a Python engine or one is registered
        for scene in bpy.data.scenes:
            scene.render.engine = "BLENDER_WORKBENCH"
        unregister()


if __name__ == "__main__":
    sys.exit(run())
