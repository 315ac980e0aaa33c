"""Source: photos and clips of the person whose look is taken."""

from __future__ import annotations

import bpy

from ..operators.source import active_source
from ._common import SOURCE, Tab
from ._footage import draw_people
from ._previews import icon_of
from ._progress import draw_button


class LIQUID_MOTION_UL_sources(bpy.types.UIList):
    """A small picture, the file's name, and how many people were found."""

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0):
        picture = icon_of(item.path)
        row = layout.row(align=True)
        if picture:
            row.label(text=item.name, icon_value=picture, translate=False)
        else:
            row.alert = True
            row.label(text=f"{item.name} is not there", icon="ERROR", translate=False)
        if item.people >= 0:
            count = row.row()
            count.alignment = "RIGHT"
            count.label(text=f"{item.people}", icon="COMMUNITY", translate=False)


class LIQUID_MOTION_PT_source(Tab, bpy.types.Panel):
    bl_label = "Source"
    bl_order = SOURCE

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        work = context.scene.liquid_motion.work
        if not work.sources:
            layout.label(text="Who shall be seen?", icon="USER")
            layout.operator("liquid_motion.source_add", icon="ADD")
            draw_button(layout, "liquid_motion.try_demo", "HEART", 1.0)
            return
        row = layout.row()
        row.template_list(
            "LIQUID_MOTION_UL_sources", "", work, "sources", work, "active_source", rows=2, maxrows=6
        )
        buttons = row.column(align=True)
        buttons.operator("liquid_motion.source_add", text="", icon="ADD")
        buttons.operator("liquid_motion.source_remove", text="", icon="REMOVE")
        source = active_source(work)
        if source is not None:
            if source.people < 0 and (icon := icon_of(source.path)):
                layout.template_icon(icon_value=icon, scale=5.0)
            draw_people(layout.column(), source, "liquid_motion.find_people")


_CLASSES = (LIQUID_MOTION_UL_sources, LIQUID_MOTION_PT_source)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
