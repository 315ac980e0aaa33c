"""Actions written in one go, the same from Blender 4.2 to 5.2.

Blender 4.4 brought slots, 5.0 took ``action.fcurves`` away (design, section 9).
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from .conventions import (
    Y_UP_TO_Z_UP,
    axis_angle_to_matrix,
    continuous_quaternions,
    matrix_to_quaternion,
)
from .files import BodyData, MotionData

_LINEAR = 1  # the value of 'LINEAR' in Keyframe.interpolation, for foreach_set


@dataclass(frozen=True)
class Curve:
    """One animated property: ``values`` (T, C), a column for each array index."""

    data_path: str
    values: np.ndarray
    group: str
    scalar: bool = False
    frames: np.ndarray | None = None  # (T,) whole frames from the first, where not every one has a key


def add_action(owner: bpy.types.ID, name: str, curves: list[Curve], frame_start: int = 1) -> bpy.types.Action:
    """Give ``owner`` a new action of linearly interpolated keys. One that it loses is kept in the file."""
    action = new_action(owner, name, curves, frame_start)
    animation = owner.animation_data or owner.animation_data_create()
    keep_action(animation.action)
    animation.action = action
    if hasattr(action, "slots"):
        animation.action_slot = action.slots[0]
    return action


def push_action(owner: bpy.types.ID, action: bpy.types.Action, frame_start: int = 1) -> bpy.types.NlaStrip:
    """Put an action into a new track on top of the NLA stack, and clear the active action that would hide it."""
    animation = owner.animation_data or owner.animation_data_create()
    track = animation.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, frame_start, action)
    if hasattr(strip, "action_slot"):
        strip.action_slot = action.slots[0]
    if animation.action != action:
        keep_action(animation.action)
    animation.action = None
    return strip


def keep_action(action: bpy.types.Action | None) -> None:
    """See that an action outlives its last user: Blender does not save what nobody uses."""
    if action is not None and action.library is None:
        action.use_fake_user = True


def new_action(owner: bpy.types.ID, name: str, curves: list[Curve], frame_start: int = 1) -> bpy.types.Action:
    """An action for ``owner`` that nobody uses yet."""
    action = bpy.data.actions.new(name)
    channels = _channels(action, owner)
    groups: dict[str, bpy.types.ActionGroup] = {}
    for curve in curves:
        if curve.group not in groups:
            groups[curve.group] = channels.groups.new(curve.group)
        for index, column in enumerate(curve.values.T):
            fcurve = channels.fcurves.new(curve.data_path, index=0 if curve.scalar else index)
            fcurve.group = groups[curve.group]
            _fill(fcurve, column, curve.frames, frame_start)
    return action


def _channels(action: bpy.types.Action, owner: bpy.types.ID):
    """Whatever holds ``fcurves`` and ``groups`` in this Blender."""
    if not hasattr(action, "slots"):
        return action
    slot = action.slots.new(id_type=owner.id_type, name=owner.name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def _fill(fcurve: bpy.types.FCurve, values: np.ndarray, frames: np.ndarray | None, frame_start: int) -> None:
    count = len(values)
    points = np.empty((count, 2), np.float32)
    points[:, 0] = frame_start + (np.arange(count) if frames is None else frames)
    points[:, 1] = values
    fcurve.keyframe_points.add(count)
    fcurve.keyframe_points.foreach_set("co", points.ravel())
    fcurve.keyframe_points.foreach_set("interpolation", np.full(count, _LINEAR, np.int32))
    fcurve.update()


def read_action(action: bpy.types.Action) -> dict[tuple[str, int], np.ndarray]:
    """All keys of an action: (data path, index) -> (T, 2) frame and value."""
    if hasattr(action, "slots"):
        bags = [b for layer in action.layers for strip in layer.strips for b in strip.channelbags]
        fcurves = [fcurve for bag in bags for fcurve in bag.fcurves]
    else:
        fcurves = list(action.fcurves)
    result = {}
    for fcurve in fcurves:
        points = np.empty(len(fcurve.keyframe_points) * 2, np.float32)
        fcurve.keyframe_points.foreach_get("co", points)
        result[fcurve.data_path, fcurve.array_index] = points.reshape(-1, 2)
    return result


def bone_rotations(poses: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Quaternions (T, J, 4) of the pose bones.

    SMPL's rotations are in the axes of the Y-up body; a pose bone's are in the axes of the bone at rest.
    With C from Y-up to Z-up and B_j the bone's rest axes: joint j turns by B_j' C R_j C' B_j. The root carries the
    whole body from standing in Blender's axes into the world: B_0' R_0 C' B_0.

    Args:
        poses: (T, J * 3) axis-angle.
        rest: (J, 3, 3) rest axes of the bones in armature space.
    """
    C = Y_UP_TO_Z_UP
    R = axis_angle_to_matrix(poses.reshape(len(poses), -1, 3))
    local = C @ R @ C.T
    local[:, 0] = R[:, 0] @ C.T
    return continuous_quaternions(matrix_to_quaternion(np.swapaxes(rest, -1, -2) @ local @ rest))


def root_locations(trans: np.ndarray, pelvis: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Locations (T, 3) of the root's pose bone, in its rest axes.

    Args:
        trans: (T, 3); the pelvis is at ``pelvis + trans`` in the world.
        pelvis: (3,) J_0 of this person, Y-up.
        rest: (3, 3) rest axes of the root bone.
    """
    at_rest = Y_UP_TO_Z_UP @ pelvis
    return (trans + pelvis - at_rest) @ rest


def animate_body(
    rig: bpy.types.Object, body: BodyData, motion: MotionData, *, frame_start: int = 1
) -> bpy.types.Action:
    """Key the rig's bones with a motion: quaternions on every joint, location on the root."""
    bones = [rig.data.bones[name] for name in body.joint_names]
    rest = np.array([bone.matrix_local.to_3x3() for bone in bones])
    quaternions = bone_rotations(motion.poses, rest)
    root = body.joint_names[0]
    locations = root_locations(motion.trans, body.joints()[0], rest[0])
    curves = [Curve(f'pose.bones["{root}"].location', locations, root)]
    for joint, name in enumerate(body.joint_names):
        curves.append(Curve(f'pose.bones["{name}"].rotation_quaternion', quaternions[:, joint], name))
    return add_action(rig, f"{rig.name} motion", curves, frame_start)


def animate_correctives(
    mesh: bpy.types.Mesh, motion: MotionData, *, frame_start: int = 1
) -> bpy.types.Action:
    """Key the pose correctives, ``pose_000`` and so on; see :func:`corrective_values`."""
    features = corrective_values(motion.poses)
    curves = [
        Curve(corrective_path(k), features[:, k : k + 1], "Pose correctives", True)
        for k in range(features.shape[1])
    ]
    return add_action(mesh.shape_keys, f"{mesh.name} correctives", curves, frame_start)


def corrective_values(poses: np.ndarray) -> np.ndarray:
    """(T, P) values of the pose correctives of poses (T, J * 3): R_1 - I, R_2 - I, … (SMPL, eq. 9)."""
    R = axis_angle_to_matrix(poses.reshape(len(poses), -1, 3))[:, 1:]
    return (R - np.eye(3)).reshape(len(R), -1)


def corrective_path(index: int) -> str:
    """Data path of the value of a pose corrective, from the shape keys."""
    return f'key_blocks["{corrective_name(index)}"].value'


def corrective_name(index: int) -> str:
    """Name of the shape key of pose direction ``index``."""
    return f"pose_{index:03d}"
