"""Fit: from the driving clip to a body that moves."""

from __future__ import annotations

import bpy

from ._common import FIT, Tab
from ._progress import draw_button


class LIQUID_MOTION_PT_fit(Tab, bpy.types.Panel):
    bl_label = "Fit"
    bl_order = FIT

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        work = context.scene.liquid_motion.work
        draw_button(layout, "liquid_motion.fit", "ARMATURE_DATA")
        if work.motion:
            layout.label(text=bpy.path.basename(work.motion), icon="CHECKMARK", translate=False)


class LIQUID_MOTION_PT_fit_options(Tab, bpy.types.Panel):
    bl_label = "Options"
    bl_parent_id = "LIQUID_MOTION_PT_fit"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        work = context.scene.liquid_motion.work
        layout.prop(work, "body")
        if work.driving_kind != "CLIP":
            return
        _switched(layout, work, "use_stature", "stature")
        layout.prop(work, "foot_lock")
        layout.prop(work, "use_range")
        if work.use_range:
            column = layout.column(align=True)
            column.prop(work, "first_frame", text="First")
            column.prop(work, "last_frame", text="Last")
        layout.prop(work, "start")


def _switched(layout: bpy.types.UILayout, owner: bpy.types.PropertyGroup, switch: str, value: str) -> None:
    """A value with its switch before it, greyed while that is off."""
    row = layout.row(heading="Height")
    row.prop(owner, switch, text="")
    inner = row.row()
    inner.active = getattr(owner, switch)
    inner.prop(owner, value, text="")


_CLASSES = (LIQUID_MOTION_PT_fit, LIQUID_MOTION_PT_fit_options)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
