"""How the person is drawn, and what is behind."""

from __future__ import annotations

import bpy

from ..engine import LiquidMotionEngine
from ._common import RENDER, Tab


class LIQUID_MOTION_PT_render(Tab, bpy.types.Panel):
    bl_label = "Render"
    bl_order = RENDER

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        scene = context.scene
        settings = scene.liquid_motion
        layout.prop(scene.render, "engine")
        if scene.render.engine != LiquidMotionEngine.bl_idname:
            return
        layout.prop(settings, "renderer")
        layout.prop(settings, "background")
        if settings.background == "plate":
            layout.prop(settings, "plate")
        elif settings.background == "driving":
            layout.prop(settings, "footage")
            layout.prop(settings, "footage_start")
        elif settings.background == "colour":
            layout.prop(settings, "colour")
        layout.operator("render.render", text="Render Image", icon="RENDER_STILL")
        if scene.view_settings.view_transform != "Standard" or scene.render.dither_intensity:
            column = layout.column(align=True)
            column.label(text="The photo's colours will change:", icon="INFO")
            column.prop(scene.view_settings, "view_transform", text="View Transform")
            column.prop(scene.render, "dither_intensity")


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_PT_render)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_PT_render)
