"""Export: the animated, textured body for other programs."""

from __future__ import annotations

import bpy

from ..scene.person import body_of, rig_of
from ._common import EXPORT, Tab


class LIQUID_MOTION_PT_export(Tab, bpy.types.Panel):
    bl_label = "Export"
    bl_order = EXPORT
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        if body_of(rig_of(context.object)) is None:
            layout.label(text="Select a person", icon="INFO")
        row = layout.row(align=True)
        for suffix, name in ((".fbx", "FBX"), (".glb", "glTF"), (".usdc", "USD")):
            row.operator("liquid_motion.export_person", text=name, icon="EXPORT").format = suffix


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_PT_export)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_PT_export)
