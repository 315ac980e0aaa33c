"""Retargeting step by step: detect the bones, edit the table, align, preview, apply."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..errors import AddonError
from ..retarget.apply import Job, alignment_pose, retarget, solve_on
from ..retarget.clip import Clip
from ..retarget.keys import curves_of
from ..retarget.matcher import check, match
from ..retarget.presets import load_map, save_map
from ..retarget.rig import read_skeleton
from ..retarget.skeleton import BoneMap
from ..retarget.source import armature_clip, read_clip
from ..scene.action import add_action
from .retarget_settings import LIQUID_MOTION_RetargetSettings as Settings
from .retarget_settings import counts_of, options_of, read_table, write_table

PREVIEW = "Retarget preview"


def source_clip(settings: Settings) -> Clip:
    """The motion that the panel names.

    Raises:
        AddonError: none is chosen, or it cannot be read.
    """
    if settings.source_kind == "ARMATURE":
        if settings.source is None:
            raise AddonError("choose the armature to take the motion from")
        return armature_clip(settings.source)
    if not settings.motion:
        raise AddonError("choose the motion file or recording")
    body = Path(bpy.path.abspath(settings.body)) if settings.body else None
    return read_clip(Path(bpy.path.abspath(settings.motion)), body)


def _pose_of(settings: Settings) -> np.ndarray | None:
    """The alignment pose (B, 3, 3) in the order of the skeleton, if one was set for this character."""
    if not settings.alignment:
        return None
    axes = {item.name: np.array(item.matrix).reshape(4, 4)[:3, :3] for item in settings.alignment}
    names = read_skeleton(settings.target).names
    if set(axes) != set(names):
        raise AddonError(
            f"{settings.target.name}: the alignment pose is of another rig; set it again or clear it"
        )
    return np.array([axes[name] for name in names])


def _job(settings: Settings) -> Job:
    clip = source_clip(settings)
    target_map = read_table(settings) if settings.pairs else match(read_skeleton(settings.target))
    check(target_map, read_skeleton(settings.target))
    return Job(
        settings.target, clip, target_map=target_map, options=options_of(settings), pose=_pose_of(settings)
    )


class _OnCharacter:
    """What all steps share: they need a character, and say in one line what failed."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        target = context.scene.liquid_motion_retarget.target
        if target is None:
            cls.poll_message_set("Choose the character's armature first")
            return False
        if context.scene.objects.get(target.name) is not target:
            cls.poll_message_set("The character is not in this scene")
            return False
        if target.mode == "EDIT":
            cls.poll_message_set("The character is in Edit Mode: leave it first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            return self.run(context, context.scene.liquid_motion_retarget)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}


class LIQUID_MOTION_OT_retarget_detect(_OnCharacter, bpy.types.Operator):
    """Find the character's bones by their names and its build. Where they cannot be found, an empty table is left to
    be filled by hand"""

    bl_idname = "liquid_motion.retarget_detect"
    bl_label = "Detect Bones"

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        skeleton, moved_by = read_skeleton(settings.target), _source_map(settings)
        try:
            found = match(skeleton)
        except AddonError as error:
            write_table(settings, BoneMap({}), moved_by)
            self.report({"ERROR"}, str(error))
            return {"FINISHED"}  # so that the table can be undone
        write_table(settings, found, moved_by)
        settings.alignment.clear()
        counts = counts_of(settings)
        kind = f"{found.convention}: " if found.convention else ""
        level = {"WARNING"} if counts.missing or counts.doubtful else {"INFO"}
        self.report(
            level, f"{kind}{counts.found} bones, {counts.doubtful} doubtful, {counts.missing} parts missing"
        )
        return {"FINISHED"}


def _source_map(settings: Settings) -> BoneMap:
    """Names to show beside the character's; a source that is not chosen yet has none."""
    try:
        return match(source_clip(settings).skeleton, source=True)
    except AddonError:
        if settings.source is None and not settings.motion:
            return BoneMap({})
        raise


def _selected(settings: Settings) -> int:
    """The table's selected line."""
    if not 0 <= settings.active_pair < len(settings.pairs):
        raise AddonError("detect the bones, then select a line of the table")
    return settings.active_pair


class LIQUID_MOTION_OT_retarget_add_link(_OnCharacter, bpy.types.Operator):
    """Add a bone to the part's chain, below the selected line"""

    bl_idname = "liquid_motion.retarget_add_link"
    bl_label = "Add Bone to Chain"

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        place = _selected(settings)
        role, link = settings.pairs[place].role, settings.pairs[place].link
        for pair in settings.pairs:
            if pair.role == role and pair.link > link:
                pair.link += 1
        added = settings.pairs.add()
        added.role, added.link, added.state, added.reason = role, link + 1, "OPTIONAL", "to be chosen"
        settings.pairs.move(len(settings.pairs) - 1, place + 1)
        settings.active_pair = place + 1
        return {"FINISHED"}


class LIQUID_MOTION_OT_retarget_remove_link(_OnCharacter, bpy.types.Operator):
    """Take the selected bone out of the table; a part's last line is only emptied"""

    bl_idname = "liquid_motion.retarget_remove_link"
    bl_label = "Remove Bone"

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        pair = settings.pairs[_selected(settings)]
        if sum(other.role == pair.role for other in settings.pairs) == 1:
            pair.bone = ""
            return {"FINISHED"}
        settings.pairs.remove(settings.active_pair)
        settings.active_pair = max(0, settings.active_pair - 1)
        return {"FINISHED"}


class LIQUID_MOTION_OT_retarget_take_bone(_OnCharacter, bpy.types.Operator):
    """Put the character's active bone into the selected line"""

    bl_idname = "liquid_motion.retarget_take_bone"
    bl_label = "Take Active Bone"

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        pair, bone = settings.pairs[_selected(settings)], settings.target.data.bones.active
        if bone is None:
            raise AddonError("select a bone of the character in Pose Mode")
        pair.bone = bone.name
        return {"FINISHED"}


class LIQUID_MOTION_OT_retarget_save_map(_OnCharacter, bpy.types.Operator):
    """Save the table as a file that can be edited and shared"""

    bl_idname = "liquid_motion.retarget_save_map"
    bl_label = "Save Bone Map"
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(name="File", description="Bone map (.json)", subtype="FILE_PATH")
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = f"{context.scene.liquid_motion_retarget.target.name}.json"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        if not settings.pairs:
            raise AddonError("there is no table to save; detect the bones first")
        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".json"))
        save_map(path, read_table(settings))
        self.report({"INFO"}, f"Saved {path.name}")
        return {"FINISHED"}


class LIQUID_MOTION_OT_retarget_load_map(_OnCharacter, bpy.types.Operator):
    """Fill the table from a file"""

    bl_idname = "liquid_motion.retarget_load_map"
    bl_label = "Load Bone Map"

    filepath: bpy.props.StringProperty(name="File", description="Bone map (.json)", subtype="FILE_PATH")
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        loaded = load_map(bpy.path.abspath(self.filepath))
        check(loaded, read_skeleton(settings.target))
        write_table(settings, loaded, _source_map(settings))
        self.report({"INFO"}, f"{counts_of(settings).found} bones from {Path(self.filepath).name}")
        return {"FINISHED"}


class LIQUID_MOTION_OT_retarget_align(_OnCharacter, bpy.types.Operator):
    """Pose the character as the source stands at rest, where the automatic alignment does not satisfy"""

    bl_idname = "liquid_motion.retarget_align"
    bl_label = "Alignment Pose"

    step: bpy.props.EnumProperty(
        name="Step",
        description="What to do",
        items=(
            ("EDIT", "Edit", "Show the alignment pose, to be changed in Pose Mode"),
            ("KEEP", "Keep", "Keep the pose that the character has now, and return to the pose before"),
            ("CANCEL", "Cancel", "Return to the pose before"),
            ("CLEAR", "Clear", "Forget the alignment pose; it is found from the map again"),
        ),
    )

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        target = settings.target
        if self.step == "CLEAR":
            settings.alignment.clear()
            return {"FINISHED"}
        if self.step == "EDIT":
            self._edit(context, settings)
            return {"FINISHED"}
        if not settings.kept_pose:
            raise AddonError("no alignment pose is being edited; press Edit first")
        if self.step == "KEEP":
            names, axes = read_skeleton(target).names, alignment_pose(target)
            settings.alignment.clear()
            for name, matrix in zip(names, axes, strict=True):
                whole = np.eye(4)
                whole[:3, :3] = matrix
                item = settings.alignment.add()
                item.name, item.matrix = name, whole.ravel().tolist()
        for item in settings.kept_pose:
            if item.name in target.pose.bones:
                target.pose.bones[item.name].matrix_basis = Matrix(
                    np.array(item.matrix).reshape(4, 4).tolist()
                )
        settings.kept_pose.clear()
        context.view_layer.update()
        return {"FINISHED"}

    @staticmethod
    def _edit(context: bpy.types.Context, settings: Settings) -> None:
        """Keep the pose that is there, and stand at rest. Keys do not disturb as long as the frame stays."""
        if settings.kept_pose:
            raise AddonError("the alignment pose is being edited already; keep or cancel it")
        for bone in settings.target.pose.bones:
            item = settings.kept_pose.add()
            item.name = bone.name
            item.matrix = np.array(bone.matrix_basis).ravel().tolist()
            bone.matrix_basis = Matrix.Identity(4)
        context.view_layer.update()


class LIQUID_MOTION_OT_retarget_preview(_OnCharacter, bpy.types.Operator):
    """Key a few frames of the motion, held, to see whether bones and alignment are right"""

    bl_idname = "liquid_motion.retarget_preview"
    bl_label = "Preview"

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        job = _job(settings)
        render = context.scene.render
        clip = job.clip.resample(render.fps / render.fps_base)
        frames = np.unique(np.linspace(0, clip.frame_count - 1, settings.preview_frames).round().astype(int))
        options = replace(job.options, feet=False)  # planting needs the frames between
        solution = solve_on(job.rig, clip.select(frames), None, job.target_map, options, job.pose)
        curves = [
            replace(curve, frames=frames) if len(curve.values) == len(frames) else curve
            for curve in curves_of(solution)
        ]
        action = add_action(job.rig, PREVIEW, curves, settings.frame_start)
        _hold(action)
        _forget_previews(keep=action)
        shown = frames + settings.frame_start
        context.scene.frame_set(int(shown[np.abs(shown - context.scene.frame_current).argmin()]))
        self.report({"INFO"}, f"Frames {', '.join(map(str, shown))}; Apply keys them all")
        return {"FINISHED"}


def _fcurves(action: bpy.types.Action):
    if hasattr(action, "slots"):
        return [
            c
            for layer in action.layers
            for strip in layer.strips
            for b in strip.channelbags
            for c in b.fcurves
        ]
    return list(action.fcurves)


def _hold(action: bpy.types.Action) -> None:
    """Poses stay until the next key, so that none is shown that was not solved."""
    for curve in _fcurves(action):
        for point in curve.keyframe_points:
            point.interpolation = "CONSTANT"


def _forget_previews(keep: bpy.types.Action | None = None) -> None:
    """Previews that nothing shows any more go, though replaced actions are kept otherwise."""
    for action in list(bpy.data.actions):
        if action.name.startswith(PREVIEW) and action != keep and action.users <= action.use_fake_user:
            bpy.data.actions.remove(action)


class LIQUID_MOTION_OT_retarget(_OnCharacter, bpy.types.Operator):
    """Put the whole motion on the character, as a new action"""

    bl_idname = "liquid_motion.retarget"
    bl_label = "Apply"

    def run(self, context: bpy.types.Context, settings: Settings) -> set[str]:
        sparse = float(np.degrees(settings.sparse)) if settings.use_sparse else None
        done = retarget([_job(settings)], frame_start=settings.frame_start, sparse=sparse, nla=settings.nla)[
            0
        ]
        _forget_previews()
        for line in done.warnings():
            self.report({"WARNING"}, line)
        context.view_layer.update()
        frames, bones = len(done.solution.axes), len(done.solution.bones)
        self.report({"INFO"}, f"{done.action.name}: {frames} frames, {bones} bones")
        return {"FINISHED"}


_CLASSES = (
    LIQUID_MOTION_OT_retarget_detect,
    LIQUID_MOTION_OT_retarget_add_link,
    LIQUID_MOTION_OT_retarget_remove_link,
    LIQUID_MOTION_OT_retarget_take_bone,
    LIQUID_MOTION_OT_retarget_save_map,
    LIQUID_MOTION_OT_retarget_load_map,
    LIQUID_MOTION_OT_retarget_align,
    LIQUID_MOTION_OT_retarget_preview,
    LIQUID_MOTION_OT_retarget,
)

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
