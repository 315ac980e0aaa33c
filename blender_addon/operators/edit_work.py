"""Editing a fit with the worker's help: a range of frames fitted again, its planted feet held still."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import bpy

from .. import steps, tasks
from ..errors import AddonError
from ..scene import fit_keys, layers
from ..scene.files import read_motion
from ..scene.motion_file import fit_file, fitted_footage, write_motion
from ..scene.person import check_action_writable, read_shape, selected_rig
from ._work import WorkOperator, under_way
from .edit import edited_range

_numbers = itertools.count()


class EditWorkOperator(WorkOperator):
    """Base: what is edited is the fit of the selected person, on the frames that the panel names."""

    title = ""

    @classmethod
    def obstacle(cls, context: bpy.types.Context) -> str:
        rig = selected_rig(context)
        if rig is None:
            return "Select the rig or the body of a person"
        if context.mode != "OBJECT":
            return "Go to Object Mode first: that is where the result is taken over"
        if layers.has_layer(rig):
            return "Merge or remove the layer of corrections first"
        return under_way(cls.title)

    def edit(
        self, context: bpy.types.Context, kind: str, params: dict[str, Any], written: tuple[Path, ...] = ()
    ) -> set[str]:
        """Queue a job on the chosen rows, whose result is blended into the fit; then ``written`` may go."""
        scene, rig = context.scene, selected_rig(context)
        check_action_writable(rig)
        whole = fit_keys.read_fit(rig)
        old = edited_range(scene, whole)
        blend, out, uid = scene.liquid_motion_edit.blend, _temporary(kind), rig.session_uid
        rows = [old.first - whole.first, old.last - whole.first]
        params = {**params, "frames": rows, "out": str(out), "body": _body_name(context, rig)}

        def take(results: list[dict[str, Any]]) -> None:
            found = next((one for one in bpy.data.objects if one.session_uid == uid), None)
            if found is None:
                raise AddonError(f"{kind}: the rig it was for is gone; undo its removal and do it again")
            motion = read_motion(out)
            for path in (out, *written):
                path.unlink()
            now = fit_keys.read_fit(found)
            new = fit_keys.from_smpl(found, motion.poses, motion.trans, old.first)
            fit_keys.write_fit(found, fit_keys.blend(now.rows(old.first, old.last), new, blend, now))
            bpy.context.scene.frame_set(bpy.context.scene.frame_current)

        return self.queue(self.title, [tasks.Step(kind, params)], take)


class LIQUID_MOTION_OT_foot_lock(EditWorkOperator, bpy.types.Operator):
    """Hold the feet that stand still in the chosen frames; the legs follow"""

    bl_idname = "liquid_motion.foot_lock"
    bl_label = "Lock Feet"
    title = "Lock the feet"

    def start(self, context: bpy.types.Context) -> set[str]:
        rig = selected_rig(context)
        path = _temporary("motion")
        write_motion(context.scene, rig, fit_keys.read_fit(rig), path)
        return self.edit(context, "foot_lock", {"motion": str(path)}, (path,))


class LIQUID_MOTION_OT_refit(EditWorkOperator, bpy.types.Operator):
    """Fit the chosen frames to the footage again: from the pose that the rig has there now, corrected by hand, or
    from what is seen alone"""

    bl_idname = "liquid_motion.refit"
    bl_label = "Fit Again"
    title = "Fit the frames again"

    begin: bpy.props.EnumProperty(
        name="Begin",
        items=(
            (
                "POSE",
                "From the Pose",
                "Begin with the present keys: pose roughly right, and the fit finds the rest",
            ),
            ("FOOTAGE", "From the Footage", "Begin with what is seen, whatever the keys are"),
        ),
    )

    def start(self, context: bpy.types.Context) -> set[str]:
        scene, rig = context.scene, selected_rig(context)
        whole = fit_keys.read_fit(rig)
        fit = fit_file(scene, rig, len(whole.locations))
        params: dict[str, Any] = {"motion": str(fit), "clip": str(fitted_footage(scene, fit))}
        params["shape"] = [float(value) for value in read_shape(rig).applied]
        if self.begin == "FOOTAGE":
            return self.edit(context, "refit", params)
        path = _temporary("start")
        write_motion(scene, rig, whole, path)
        return self.edit(context, "refit", {**params, "start": str(path)}, (path,))


def _temporary(name: str) -> Path:
    """A new file in the folder that Blender empties when it ends."""
    return Path(bpy.app.tempdir) / f"liquid_motion_{name}_{next(_numbers)}.npz"


def _body_name(context: bpy.types.Context, rig: bpy.types.Object) -> str:
    """The rig's body model as jobs name it: the built-in ones by name, others by the file that Fit uses."""
    model = read_shape(rig).model
    if model.startswith("open"):
        return model
    work = context.scene.liquid_motion.work
    if work.body != "file":
        raise AddonError(f"{rig.name}: is of the model {model}; choose its file as Body under Fit")
    return steps.body_name(work)


_CLASSES = (LIQUID_MOTION_OT_foot_lock, LIQUID_MOTION_OT_refit)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
