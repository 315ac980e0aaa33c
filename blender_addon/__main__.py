"""``python -m blender_addon …``: the command line with pip's bpy."""

from .cli import run_module

run_module()
