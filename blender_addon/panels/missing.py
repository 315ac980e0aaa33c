"""Missing files: only there while something is missing."""

from __future__ import annotations

import bpy

from ..scene import missing
from ._common import JOBS, Tab

_MOST_LINES = 8


class LIQUID_MOTION_PT_missing(Tab, bpy.types.Panel):
    bl_label = "Missing Files"
    bl_order = JOBS

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(missing.known)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        column = layout.column(align=True)
        for one in missing.known[:_MOST_LINES]:
            column.label(text=f"{one.what} of {one.owner}", icon="ERROR")
            column.label(text=one.path, icon="BLANK1")
        if len(missing.known) > _MOST_LINES:
            column.label(text=f"and {len(missing.known) - _MOST_LINES} more", icon="BLANK1")
        row = layout.row(align=True)
        row.operator("liquid_motion.relink", icon="FILE_FOLDER")
        row.operator("liquid_motion.find_missing", text="", icon="FILE_REFRESH")


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_PT_missing)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_PT_missing)
