"""Edit: the fit cleaned up, range by range, and the person's shape."""

from __future__ import annotations

import bpy

from ..scene.layers import has_layer
from ..scene.person import beta_keys, body_of, rig_of
from ..scene.shape import bones_lag
from ._common import EDIT, Tab


class LIQUID_MOTION_PT_edit(Tab, bpy.types.Panel):
    bl_label = "Edit"
    bl_order = EDIT
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        rig = rig_of(context.object)
        if rig is None:
            layout.label(text="Select a person", icon="INFO")
            return
        self._range(layout, context)
        self._corrections(layout, context, rig)

    def _range(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        settings = context.scene.liquid_motion_edit
        column = layout.column(align=True)
        column.prop(settings, "first")
        column.prop(settings, "last")
        column.operator("liquid_motion.use_preview_range", icon="PREVIEW_RANGE")
        layout.prop(settings, "blend")
        row = layout.row(align=True)
        row.operator("liquid_motion.smooth", icon="SMOOTHCURVE")
        row.prop(settings, "strength", text="")
        layout.operator("liquid_motion.foot_lock", icon="CON_FLOOR")
        row = layout.row(align=True)
        row.operator("liquid_motion.refit", text="Fit Again", icon="FILE_REFRESH").begin = "POSE"
        row.operator("liquid_motion.refit", text="From Footage").begin = "FOOTAGE"

    def _corrections(
        self, layout: bpy.types.UILayout, context: bpy.types.Context, rig: bpy.types.Object
    ) -> None:
        layout.separator()
        layout.label(text="Corrections above the fit", icon="NLA")
        if not has_layer(rig):
            layout.operator("liquid_motion.add_layer", icon="ADD")
            return
        column = layout.column(align=True)
        column.operator("liquid_motion.key_correction", icon="KEY_HLT")
        column.prop(context.scene.liquid_motion_edit, "falloff")
        row = layout.row(align=True)
        row.operator("liquid_motion.merge_layer", icon="CHECKMARK")
        row.operator("liquid_motion.remove_layer", icon="X")


class LIQUID_MOTION_PT_shape(Tab, bpy.types.Panel):
    bl_label = "Shape"
    bl_parent_id = "LIQUID_MOTION_PT_edit"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return body_of(rig_of(context.object)) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        rig = rig_of(context.object)
        column = layout.column(align=True)
        for key in beta_keys(body_of(rig)):
            column.prop(key, "value", text=key.name.replace("beta_", "Shape "), slider=True)
        lag = bones_lag(rig)
        if lag:
            layout.label(text="The bones do not follow yet", icon="ERROR")
        row = layout.row(align=True)
        apply = row.row(align=True)
        apply.alert = lag
        apply.operator("liquid_motion.apply_shape", icon="CHECKMARK")
        row.operator("liquid_motion.reset_shape", icon="LOOP_BACK")


_CLASSES = (LIQUID_MOTION_PT_edit, LIQUID_MOTION_PT_shape)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
