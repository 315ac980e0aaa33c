"""How the person is drawn, and what is behind: in the sidebar, and where Blender has every engine's settings."""

from __future__ import annotations

import bpy

from ..engine import LiquidMotionEngine
from ..operators.colours import LIQUID_MOTION_OT_keep_colours, keeps_colours
from ._common import RENDER, Tab

_ENGINE = LiquidMotionEngine.bl_idname
_NOT_OURS = {"VIEWLAYER_PT_filter", "VIEWLAYER_PT_layer_passes", "RENDER_PT_freestyle"}
"""Panels for every engine whose settings this one does not read."""
_shown_with_engine: list[type] = []


class LIQUID_MOTION_PT_render(Tab, bpy.types.Panel):
    bl_label = "Render"
    bl_order = RENDER

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        scene = context.scene
        layout.prop(scene.render, "engine")
        if scene.render.engine == _ENGINE:
            draw_settings(layout, scene)
            layout.operator("render.render", text="Render Image", icon="RENDER_STILL")
            layout.operator(
                "render.render", text="Render Animation", icon="RENDER_ANIMATION"
            ).animation = True


def draw_settings(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """What the engine reads from the scene's own settings, and whether colours are kept."""
    settings = scene.liquid_motion
    layout.prop(settings, "renderer")
    layout.prop(settings, "light")
    layout.prop(settings, "background")
    if settings.background == "plate":
        layout.prop(settings, "plate")
    elif settings.background == "driving":
        layout.prop(settings, "footage")
        layout.prop(settings, "footage_start")
    elif settings.background == "colour":
        layout.prop(settings, "colour")
    if not keeps_colours(scene):
        column = layout.column(align=True)
        column.label(text=f"{scene.view_settings.view_transform} changes the photo's colours", icon="INFO")
        column.operator(LIQUID_MOTION_OT_keep_colours.bl_idname, icon="COLOR")


class _EnginePanel:
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    COMPAT_ENGINES = {_ENGINE}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.engine in cls.COMPAT_ENGINES


class LIQUID_MOTION_PT_engine(_EnginePanel, bpy.types.Panel):
    bl_label = "Person"
    bl_context = "render"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        draw_settings(self.layout, context.scene)


class LIQUID_MOTION_PT_motion_blur(_EnginePanel, bpy.types.Panel):
    bl_label = "Motion Blur"
    bl_context = "render"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.prop(context.scene.render, "use_motion_blur", text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout, render = self.layout, context.scene.render
        layout.use_property_split = True
        layout.active = render.use_motion_blur
        layout.prop(render, "motion_blur_position", text="Position")
        layout.prop(render, "motion_blur_shutter", text="Shutter")
        layout.prop(context.scene.liquid_motion, "motion_blur_samples")


class LIQUID_MOTION_PT_passes(_EnginePanel, bpy.types.Panel):
    bl_label = "Passes"
    bl_context = "view_layer"

    def draw(self, context: bpy.types.Context) -> None:
        layout, view_layer = self.layout, context.view_layer
        layout.use_property_split = True
        column = layout.column(heading="Data")
        column.prop(view_layer, "use_pass_z", text="Depth")
        column.prop(view_layer.liquid_motion, "use_pass_provenance")
        column.prop(view_layer.liquid_motion, "use_pass_mask")


_CLASSES = (
    LIQUID_MOTION_PT_render,
    LIQUID_MOTION_PT_engine,
    LIQUID_MOTION_PT_motion_blur,
    LIQUID_MOTION_PT_passes,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    # output, dimensions, camera lens …: Blender's panels name the engines that they are shown with
    for panel in bpy.types.Panel.__subclasses__():
        engines = getattr(panel, "COMPAT_ENGINES", ())
        if "BLENDER_RENDER" in engines and _ENGINE not in engines and panel.__name__ not in _NOT_OURS:
            engines.add(_ENGINE)
            _shown_with_engine.append(panel)


def unregister() -> None:
    while _shown_with_engine:
        _shown_with_engine.pop().COMPAT_ENGINES.discard(_ENGINE)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
