"""Who is in footage, as the panels Source and Driving show it."""

from __future__ import annotations

import bpy

from ..work_settings import LIQUID_MOTION_Footage
from ._previews import icon_of
from ._progress import draw_button


def draw_people(layout: bpy.types.UILayout, footage: LIQUID_MOTION_Footage, find: str) -> None:
    """The button that finds people, then their numbered picture and the choice.

    Args:
        find: the operator that looks for people in this footage.
    """
    draw_button(layout, find, "VIEWZOOM", 1.0)
    if footage.people < 0:
        return
    if footage.people == 0:
        layout.label(text="Nobody was found: take another", icon="ERROR")
        return
    icon = icon_of(footage.people_picture)
    if icon:
        layout.template_icon(icon_value=icon, scale=8.0 if footage.people > 1 else 5.0)
    if footage.people == 1:
        layout.label(text="One person was found", icon="CHECKMARK")
        return
    layout.operator("liquid_motion.show_picture", icon="FULLSCREEN_ENTER").filepath = footage.people_picture
    row = layout.row(align=True)
    row.label(text="Person")
    row.prop(footage, "person", expand=True)
