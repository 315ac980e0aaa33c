"""Driving: whose motion it is."""

from __future__ import annotations

import bpy

from ._common import DRIVING, Tab
from ._footage import draw_people
from ._previews import icon_of


class LIQUID_MOTION_PT_driving(Tab, bpy.types.Panel):
    bl_label = "Driving"
    bl_order = DRIVING

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        work = context.scene.liquid_motion.work
        layout.row().prop(work, "driving_kind", expand=True)
        if work.driving_kind == "CLIP":
            layout.prop(work.driving, "path", text="", icon="FILE_MOVIE")
            if work.driving.path:
                if work.driving.people < 0 and (icon := icon_of(work.driving.path)):
                    layout.template_icon(icon_value=icon, scale=5.0)
                draw_people(layout.column(), work.driving, "liquid_motion.find_drivers")
        elif work.driving_kind == "FILE":
            layout.prop(work, "driving_motion", text="", icon="ANIM_DATA")
        else:
            layout.prop(work, "driving_armature", text="")


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_PT_driving)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_PT_driving)
