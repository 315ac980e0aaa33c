"""The panel *Retarget*: the motion on a character of the artist's own."""

from __future__ import annotations

import bpy

from ..operators.retarget_settings import counts_of
from ..retarget.skeleton import SIDES
from ._common import RETARGET, Tab

ICONS = {
    "NAMED": "COLORSET_03_VEC",  # green
    "BUILT": "COLORSET_04_VEC",  # blue
    "CHOSEN": "COLORSET_06_VEC",  # purple
    "DOUBTFUL": "COLORSET_09_VEC",  # yellow
    "OPTIONAL": "COLORSET_13_VEC",  # grey
    "MISSING": "COLORSET_01_VEC",  # red
}
_WIDE = 450
"""Width of the sidebar, in pixels at a resolution scale of 1, from which the table has room for a third column."""


class LIQUID_MOTION_UL_bone_pairs(bpy.types.UIList):
    """Colour, part of the body, the character's bone, and the source's where there is room."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0):
        split = layout.split(factor=0.5, align=True)
        split.label(text=_spoken(item.role, item.link), icon=ICONS[item.state])
        if context.region.width > _WIDE * context.preferences.system.ui_scale:
            split = split.split(factor=0.5, align=True)
            split.label(text=item.source, translate=False)
        split.label(text=item.bone.rpartition(":")[2], translate=False)

    def filter_items(self, context, data, property):
        """Search in roles and bones."""
        wanted = self.filter_name.lower()
        shown = [wanted in f"{_spoken(pair.role, pair.link)} {pair.bone}".lower() for pair in data.pairs]
        return [self.bitflag_filter_item if show else 0 for show in shown], []


def _spoken(role: str, link: int) -> str:
    """A part as artists name it, short enough for half a narrow sidebar: ``Upper Arm L``."""
    side, _, part = role.partition("_")
    name = f"{part} {side[0]}" if side in SIDES else role
    name = name.replace("_", " ").title()
    return f"{name} {link + 1}" if link else name


class LIQUID_MOTION_PT_retarget(Tab, bpy.types.Panel):
    bl_label = "Retarget"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = RETARGET

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.liquid_motion_retarget
        layout.row().prop(settings, "source_kind", expand=True)
        if settings.source_kind == "FILE":
            layout.prop(settings, "motion")
            layout.prop(settings, "body")
        else:
            layout.prop(settings, "source")
        layout.prop(settings, "target")
        layout.operator("liquid_motion.retarget_detect", icon="VIEWZOOM")
        row = layout.row(align=True)
        row.operator("liquid_motion.retarget_preview", icon="HIDE_OFF")
        row.prop(settings, "preview_frames", text="")
        layout.operator("liquid_motion.retarget", icon="CHECKMARK")


class _SubPanel(Tab):
    bl_parent_id = "LIQUID_MOTION_PT_retarget"
    bl_options = {"DEFAULT_CLOSED"}


class LIQUID_MOTION_PT_retarget_bones(_SubPanel, bpy.types.Panel):
    bl_label = "Bones"
    bl_options = set()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.liquid_motion_retarget.target is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.liquid_motion_retarget
        if not settings.pairs:
            layout.label(text="Detect the bones first", icon="INFO")
        else:
            self._table(layout, settings)
        row = layout.row(align=True)
        row.operator("liquid_motion.retarget_load_map", text="Load", icon="FILE_FOLDER")
        row.operator("liquid_motion.retarget_save_map", text="Save", icon="FILE_TICK")

    @staticmethod
    def _table(layout: bpy.types.UILayout, settings) -> None:
        counts = counts_of(settings)
        kind = settings.convention or "Unknown names"
        layout.label(text=f"{kind}: {counts.found} bones", icon="ARMATURE_DATA")
        if counts.missing or counts.doubtful:
            layout.label(text=f"{counts.missing} missing, {counts.doubtful} doubtful", icon="ERROR")
        layout.template_list(
            "LIQUID_MOTION_UL_bone_pairs", "", settings, "pairs", settings, "active_pair", rows=8
        )
        if 0 <= settings.active_pair < len(settings.pairs):
            pair = settings.pairs[settings.active_pair]
            row = layout.row(align=True)
            row.prop_search(pair, "bone", settings.target.data, "bones", text="", icon="BONE_DATA")
            row.operator("liquid_motion.retarget_take_bone", text="", icon="EYEDROPPER")
            row.operator("liquid_motion.retarget_add_link", text="", icon="ADD")
            row.operator("liquid_motion.retarget_remove_link", text="", icon="REMOVE")
            column = layout.column(align=True)
            column.label(text=pair.reason[:1].upper() + pair.reason[1:], icon=ICONS[pair.state])
            if pair.source:
                column.label(text=f"Moved by {pair.source}", icon="FORWARD", translate=False)


class LIQUID_MOTION_PT_retarget_alignment(_SubPanel, bpy.types.Panel):
    bl_label = "Alignment Pose"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.scene.liquid_motion_retarget.target is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.liquid_motion_retarget
        if settings.kept_pose:
            layout.label(text="Pose the character as the source rests", icon="INFO")
            row = layout.row(align=True)
            row.operator("liquid_motion.retarget_align", text="Keep", icon="CHECKMARK").step = "KEEP"
            row.operator("liquid_motion.retarget_align", text="Cancel", icon="X").step = "CANCEL"
            return
        layout.label(text="Set by hand" if settings.alignment else "Found from the bones")
        row = layout.row(align=True)
        row.operator("liquid_motion.retarget_align", text="Edit", icon="POSE_HLT").step = "EDIT"
        if settings.alignment:
            row.operator("liquid_motion.retarget_align", text="Clear", icon="TRASH").step = "CLEAR"


class LIQUID_MOTION_PT_retarget_options(_SubPanel, bpy.types.Panel):
    bl_label = "Options"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.liquid_motion_retarget
        column = layout.column(heading="Path")
        column.prop(settings, "root")
        column.prop(settings, "scale")
        if settings.scale == "number":
            column.prop(settings, "scale_number")
        column.prop(settings, "turn")
        column.prop(settings, "offset")
        column = layout.column(heading="Contact")
        column.prop(settings, "flat")
        if not settings.flat:
            column.prop(settings, "feet")
            if settings.feet:
                column.prop(settings, "floor")
                column.prop(settings, "fade")
            column.prop(settings, "hands")
        column.prop(settings, "fingers")
        if settings.controls:
            column.prop(settings, "limbs")
        column = layout.column(heading="Keys")
        column.prop(settings, "frame_start")
        column.prop(settings, "use_sparse")
        if settings.use_sparse:
            column.prop(settings, "sparse")
        column.prop(settings, "nla")


_CLASSES = (
    LIQUID_MOTION_UL_bone_pairs,
    LIQUID_MOTION_PT_retarget,
    LIQUID_MOTION_PT_retarget_bones,
    LIQUID_MOTION_PT_retarget_alignment,
    LIQUID_MOTION_PT_retarget_options,
)

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
