"""Person: the look of the sources, on the body that moves in the scene."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import steps
from ..errors import AddonError
from ..jobs import known_jobs
from ..preferences import worker_python
from ..project import stored_path
from ..results import drive_by_armature, show_person
from ..work_settings import LIQUID_MOTION_WorkSettings
from ._work import WorkOperator, under_way
from .fit import no_driving

_TITLE = "Make the person"


class LIQUID_MOTION_OT_make_person(WorkOperator, bpy.types.Operator):
    """Take the person's look from the sources and put the person into the scene, doing the fitted motion"""

    bl_idname = "liquid_motion.make_person"
    bl_label = "Make Person"

    @classmethod
    def obstacle(cls, context: bpy.types.Context) -> str:
        work = context.scene.liquid_motion.work
        if not work.sources:
            return "Add a photo or clip of the person first (Source)"
        if work.driving_kind == "ARMATURE" and no_driving(work):
            return no_driving(work)
        return under_way(_TITLE)

    def start(self, context: bpy.types.Context) -> set[str]:
        work = context.scene.liquid_motion.work
        plan = steps.subject(work)
        assert plan.subject is not None
        if work.driving_kind == "ARMATURE":
            steps.movement_of(work.driving_armature)  # complain now rather than after the work
        elif work.motion:
            plan += steps.adapt(work, steps.existing(work.motion, "the fitted motion"), plan.subject)
        return self.queue(_TITLE, plan.steps, _taker(plan))


class LIQUID_MOTION_OT_do_it_all(WorkOperator, bpy.types.Operator):
    """Fit the driving clip, take the person's look from the sources, and put the person into the scene"""

    bl_idname = "liquid_motion.do_it_all"
    bl_label = "Do It All"

    @classmethod
    def obstacle(cls, context: bpy.types.Context) -> str:
        work = context.scene.liquid_motion.work
        if not work.sources:
            return "Add a photo or clip of the person first (Source)"
        if work.driving_kind == "ARMATURE":
            return "An armature needs no fit: press Make Person"
        return no_driving(work) or under_way(_TITLE)

    def start(self, context: bpy.types.Context) -> set[str]:
        work = context.scene.liquid_motion.work
        plan = steps.subject(work) + steps.fit(work)
        assert plan.subject is not None and plan.motion is not None
        fitted = plan.motion
        plan += steps.adapt(work, fitted, plan.subject)
        return self.queue(_TITLE, plan.steps, _taker(plan, fitted))


class LIQUID_MOTION_OT_personalise(WorkOperator, bpy.types.Operator):
    """Train the Liquid renderer on this person: outlines and what no source shows get better"""

    bl_idname = "liquid_motion.personalise"
    bl_label = "Personalise"

    seconds: bpy.props.IntProperty(
        name="Seconds", description="How long to train", default=60, min=5, soft_max=600
    )

    @classmethod
    def obstacle(cls, context: bpy.types.Context) -> str:
        if not context.scene.liquid_motion.work.subject:
            return "Make the person first"
        return "" if can_personalise() else "The worker's version knows no such job: update its environment"

    def start(self, context: bpy.types.Context) -> set[str]:
        look = steps.existing(context.scene.liquid_motion.work.subject, "the subject")

        work = context.scene.liquid_motion.work

        def take(results: list[dict]) -> str:
            bpy.context.scene.liquid_motion.renderer = "liquid"
            return "" if results[0]["better"] else "no better than the general weights, which stay in use"

        return self.queue(f"Personalise {look.name}", [steps.personalise(work, look, self.seconds)], take)


def can_personalise() -> bool:
    """Whether the worker knows that job; so it is taken as long as it has not said what it knows."""
    try:
        kinds = known_jobs(worker_python())
    except AddonError:
        return False
    return kinds is None or "personalize" in kinds


def _taker(plan: steps.Plan, fitted: Path | None = None):
    subject = plan.subject
    assert subject is not None
    motion = plan.motion or subject / "fits.npz"  # as in the first source, which has a camera too

    def take(results: list[dict]) -> str:
        work: LIQUID_MOTION_WorkSettings = bpy.context.scene.liquid_motion.work
        scene, armature = bpy.context.scene, work.driving_armature
        built = show_person(scene, motion, subject, results[-1].get("cameras", "source"))
        if fitted is not None:
            work.motion = stored_path(fitted)
        if work.driving_kind == "ARMATURE" and armature is not None:
            drive_by_armature(scene, built.rig, armature)
        return "; ".join(built.warnings)

    return take


_CLASSES = (LIQUID_MOTION_OT_make_person, LIQUID_MOTION_OT_do_it_all, LIQUID_MOTION_OT_personalise)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
