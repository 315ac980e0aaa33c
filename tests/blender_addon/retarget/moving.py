"""Clips made of sines, skeletons in other rest poses, and armatures made of skeletons."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
from mathutils import Matrix

from blender_addon.retarget.clip import Clip
from blender_addon.retarget.rotations import about_axis, swing
from blender_addon.retarget.skeleton import Skeleton
from blender_addon.retarget.smpl import motion_clip
from blender_addon.scene.files import MotionData


def sine_motion(frames: int = 40, width: int = 72, amplitude: float = 0.5, seed: int = 0) -> MotionData:
    """Every joint swings on its own; the body stands in Blender's world, turns, and goes about."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 2 * np.pi, frames)[:, None]
    poses = amplitude * np.sin(t * rng.uniform(0.5, 1.5, width) + rng.uniform(0, 6, width))
    heading = 0.5 * np.sin(t[:, 0])
    poses[:, :3] = [_upright(angle) for angle in heading]
    trans = 0.3 * np.sin(t * rng.uniform(0.5, 1.5, 3)) + [0.0, 0.0, 1.2]
    return MotionData(poses, trans, 30.0, "open", None)


def sine_clip(frames: int = 40, width: int = 72, amplitude: float = 0.5, seed: int = 0) -> Clip:
    return motion_clip(sine_motion(frames, width, amplitude, seed))


def _upright(heading: float) -> np.ndarray:
    """Axis-angle that stands the Y-up body into Blender's world and turns it."""
    from mathutils import Quaternion

    q = Quaternion((0, 0, 1), heading) @ Quaternion((1, 0, 0), np.pi / 2)
    axis, angle = q.to_axis_angle()
    return np.array(axis) * angle


def other_rest(skeleton: Skeleton, turns: dict[str, np.ndarray], roll: np.ndarray) -> Skeleton:
    """The skeleton at rest in another pose: each bone's subtree turned about its head so that it points elsewhere.

    Args:
        turns: bone -> (3,) where its first child should lie, in the frame of its parent's turn.
        roll: (B,) radians by which each bone is rolled afterwards.
    """
    rest = skeleton.rest.copy()
    for name, direction in turns.items():
        bone = skeleton.index(name)
        child = skeleton.children(bone)[0]
        now = rest[child, :3, 3] - rest[bone, :3, 3]
        M = np.eye(4)
        M[:3, :3] = swing(now, direction)
        M[:3, 3] = rest[bone, :3, 3] - M[:3, :3] @ rest[bone, :3, 3]
        below = [b for b in range(len(rest)) if b == bone or bone in skeleton.ancestors(b)]
        rest[below] = M @ rest[below]
    rest[:, :3, :3] = rest[:, :3, :3] @ about_axis(np.array([0.0, 1.0, 0.0]), roll)
    return replace(skeleton, rest=rest)


def armature_of(skeleton: Skeleton, name: str = "rig") -> bpy.types.Object:
    """An armature object of this skeleton, flags and object transform included."""
    data = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for k, bone in enumerate(skeleton.names):
        edit = data.edit_bones.new(bone)
        edit.tail = (0, max(float(skeleton.lengths[k]), 0.01), 0)
        edit.matrix = Matrix(skeleton.rest[k].tolist())
        if skeleton.parents[k] >= 0:
            edit.parent = data.edit_bones[skeleton.names[skeleton.parents[k]]]
        edit.use_inherit_rotation = bool(skeleton.inherit_rotation[k])
        edit.use_local_location = bool(skeleton.local_location[k])
        edit.inherit_scale = skeleton.inherit_scale[k]
    bpy.ops.object.mode_set(mode="OBJECT")
    for k, bone in enumerate(skeleton.names):
        rig.pose.bones[bone].rotation_mode = skeleton.rotation_modes[k]
        rig.pose.bones[bone].matrix_basis = Matrix(skeleton.basis[k].tolist())
    rig.matrix_world = Matrix(skeleton.world.tolist())
    bpy.context.view_layer.update()
    return rig


def evaluated(rig: bpy.types.Object, frame: int, names, *, world: bool = False) -> np.ndarray:
    """Pose matrices (N, 4, 4) as Blender evaluates them on a frame."""
    bpy.context.scene.frame_set(frame)
    instance = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    matrices = np.array([instance.pose.bones[name].matrix for name in names], float)
    return np.array(instance.matrix_world) @ matrices if world else matrices


def degrees_apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles between rotations (..., 3, 3), accurate near 0: by the length of the difference."""
    chord = np.linalg.norm(a - b, axis=(-1, -2)) / np.sqrt(8)
    return np.degrees(2 * np.arcsin(np.clip(chord, 0, 1)))
