"""A solution written into the file: one action, nothing else of the rig is touched."""

from __future__ import annotations

import bpy

from ..scene.action import add_action
from .keys import curves_of
from .solve import Solution


def write_action(
    rig: bpy.types.Object, solution: Solution, *, name: str, frame_start: int = 1
) -> bpy.types.Action:
    """Give ``rig`` a new action of the solution."""
    return add_action(rig, name, curves_of(solution), frame_start)
