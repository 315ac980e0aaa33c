"""The sidebar tab *Liquid Motion* of the 3D viewport."""

from __future__ import annotations

import bpy

from ..engine import LiquidMotionEngine


class LIQUID_MOTION_PT_person(bpy.types.Panel):
    bl_label = "Person"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Liquid Motion"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.operator("liquid_motion.import_motion", icon="IMPORT")
        body = body_of(context.object)
        if body is not None:
            layout.prop(body.liquid_motion, "subject")
        else:
            layout.label(text="Select a body", icon="INFO")


def body_of(selected: bpy.types.Object | None) -> bpy.types.Object | None:
    """The mesh itself, or the mesh that a rig carries."""
    if selected is not None and selected.type == "ARMATURE":
        return next((child for child in selected.children if child.type == "MESH"), None)
    return selected if selected is not None and selected.type == "MESH" else None


class LIQUID_MOTION_PT_render(bpy.types.Panel):
    bl_label = "Render"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Liquid Motion"

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


_CLASSES = (LIQUID_MOTION_PT_person, LIQUID_MOTION_PT_render)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
