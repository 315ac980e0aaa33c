"""The person: motion, body and look."""

from __future__ import annotations

import bpy

from ..operators.person import can_personalise
from ._common import PERSON, Tab
from ._progress import draw_button


class LIQUID_MOTION_PT_person(Tab, bpy.types.Panel):
    bl_label = "Person"
    bl_order = PERSON

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        work = context.scene.liquid_motion.work
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(work, "view")
        column = layout.column(align=True)
        draw_button(column, "liquid_motion.make_person", "USER")
        draw_button(column, "liquid_motion.do_it_all", "PLAY")
        if work.subject and can_personalise():
            draw_button(layout, "liquid_motion.personalise", "SHADERFX")
        body = body_of(context.object)
        if body is not None and body.liquid_motion.version:
            layout.prop(body.liquid_motion, "subject")
        layout.operator("liquid_motion.import_motion", icon="IMPORT")


def body_of(selected: bpy.types.Object | None) -> bpy.types.Object | None:
    """The mesh itself, or the mesh that a rig carries."""
    if selected is not None and selected.type == "ARMATURE":
        return next((child for child in selected.children if child.type == "MESH"), None)
    return selected if selected is not None and selected.type == "MESH" else None


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_PT_person)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_PT_person)
