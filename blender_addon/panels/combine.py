"""The person into the scene: among CG objects, on a plane, in the sequencer, behind the camera."""

from __future__ import annotations

import bpy

from ..scene.combine import is_combined
from ._common import COMBINE, Tab


class LIQUID_MOTION_PT_combine(Tab, bpy.types.Panel):
    bl_label = "Into the Scene"
    bl_order = COMBINE
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        scene = context.scene
        if is_combined(scene):
            column = layout.column()
            column.label(text=f"Drawn by {scene.liquid_motion.person_scene.name}", icon="SCENE_DATA")
            column.operator("liquid_motion.separate", icon="UNLINKED")
            column.prop(scene.liquid_motion, "renderer")
            column.prop(scene.liquid_motion, "light")
            if scene.view_settings.view_transform != "Standard":
                column.label(text="The photo's colours will change:", icon="INFO")
                column.prop(scene.view_settings, "view_transform", text="")
        else:
            layout.operator("liquid_motion.combine", icon="NODE_COMPOSITING")
        column = layout.column(align=True)
        column.label(text="Rendered frames")
        column.operator("liquid_motion.frames_plane", icon="IMAGE_PLANE")
        column.operator("liquid_motion.frames_strip", icon="SEQUENCE")
        column.operator("liquid_motion.camera_background", icon="VIEW_CAMERA")
        layout.operator("liquid_motion.textured_body", icon="TEXTURE")


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_PT_combine)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_PT_combine)
