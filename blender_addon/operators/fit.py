"""Fit: from the driving clip to a moving body in the scene."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import steps
from ..results import show_fit
from ..work_settings import LIQUID_MOTION_WorkSettings
from ._work import WorkOperator, under_way


class LIQUID_MOTION_OT_fit(WorkOperator, bpy.types.Operator):
    """Fit the body to the person who moves in the driving clip, and put it into the scene with the clip's camera"""

    bl_idname = "liquid_motion.fit"
    bl_label = "Fit"

    @classmethod
    def obstacle(cls, context: bpy.types.Context) -> str:
        work = context.scene.liquid_motion.work
        if work.driving_kind == "ARMATURE":
            return "An armature needs no fit: press Make Person"
        return no_driving(work) or under_way(_title(work))

    def start(self, context: bpy.types.Context) -> set[str]:
        work = context.scene.liquid_motion.work
        plan = steps.fit(work)
        assert plan.motion is not None
        plan += steps.export_body(work, plan.motion)
        motion, body = plan.motion, plan.body
        assert motion is not None and body is not None

        def take(results: list[dict]) -> str:
            words = list(show_fit(bpy.context.scene, motion, body).warnings)
            if results[0].get("camera_moves"):
                words.append("the clip's camera moves: what it does is part of the body's way")
            return "; ".join(words)

        return self.queue(_title(work), plan.steps, take)


def no_driving(work: LIQUID_MOTION_WorkSettings) -> str:
    """What of the driving is not chosen yet; '' where all is."""
    if work.driving_kind == "CLIP" and not work.driving.path:
        return "Choose a driving clip first"
    if work.driving_kind == "FILE" and not work.driving_motion:
        return "Choose a motion file or recording first"
    if work.driving_kind == "ARMATURE" and work.driving_armature is None:
        return "Choose an armature first"
    return ""


def _title(work: LIQUID_MOTION_WorkSettings) -> str:
    text = work.driving.path if work.driving_kind == "CLIP" else work.driving_motion
    return f"Fit {Path(bpy.path.abspath(text)).name}"


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_OT_fit)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_OT_fit)
