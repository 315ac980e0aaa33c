"""What has to be done once, before anything else: the worker. Only there until it is."""

from __future__ import annotations

import bpy

from ..errors import AddonError
from ..preferences import worker_python
from ._common import JOBS, Tab


class LIQUID_MOTION_PT_setup(Tab, bpy.types.Panel):
    bl_label = "First of All"
    bl_order = JOBS - 1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            worker_python()
        except AddonError:
            return True
        return False

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.label(text="Liquid Motion computes in a", icon="INFO")
        column.label(text="Python of its own: set it up once", icon="BLANK1")
        row = self.layout.row()
        row.scale_y = 1.4
        addon = __package__.rpartition(".")[0]
        row.operator("preferences.addon_show", text="Set Up", icon="PREFERENCES").module = addon


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_PT_setup)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_PT_setup)
