"""Colour management that shows a photo's colours as they are."""

from __future__ import annotations

import bpy

from ..scene.build import set_colour_management


class LIQUID_MOTION_OT_keep_colours(bpy.types.Operator):
    """Set the view transform to Standard, without look, exposure, gamma or dither: pictures come out byte for byte.
    AgX and Filmic recolour everything the engine draws, as they do for any photo, and no way back from them is
    exact"""

    bl_idname = "liquid_motion.keep_colours"
    bl_label = "Keep the Photo's Colours"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if keeps_colours(context.scene):
            cls.poll_message_set("The photo's colours are kept already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        set_colour_management(context.scene)
        return {"FINISHED"}


def keeps_colours(scene: bpy.types.Scene) -> bool:
    """Whether the scene's colour management leaves a photo as it is."""
    view = scene.view_settings
    return (
        scene.display_settings.display_device == "sRGB"
        and view.view_transform == "Standard"
        and view.look == "None"
        and view.exposure == 0.0
        and view.gamma == 1.0
        and not view.use_curve_mapping
        and scene.render.dither_intensity == 0.0
    )


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_OT_keep_colours)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_OT_keep_colours)
