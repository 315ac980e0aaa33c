"""Where motion comes from: a motion file, a BVH recording, or any armature of the scene."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..errors import AddonError
from ..scene.files import read_body, read_motion
from .bvh import bvh_clip
from .clip import Clip
from .rig import read_skeleton
from .rotations import nearest_rotation
from .smpl import motion_clip


def read_clip(path: Path, body: Path | None = None) -> Clip:
    """A clip from a file: ``.bvh``, else a motion file (``.npz``).

    Args:
        body: body file of the motion; a motion file alone is put on the open body.

    Raises:
        AddonError: the file is missing or not what its name says.
    """
    if path.suffix.lower() == ".bvh":
        return bvh_clip(path)
    return motion_clip(read_motion(path), read_body(body) if body else None, name=path.name)


def armature_clip(rig: bpy.types.Object, frames: tuple[int, int] | None = None) -> Clip:
    """The movement of an armature of the scene as Blender evaluates it, constraints and all, over the floor z = 0.

    Args:
        frames: first and last; default: the range of its action.

    Raises:
        AddonError: it is no armature, has no bones, or has no action and no range is given.
    """
    if rig.type != "ARMATURE":
        raise AddonError(f"{rig.name}: is a {rig.type.lower()}, not an armature; choose the armature")
    scene = bpy.context.scene
    fps = scene.render.fps / scene.render.fps_base
    first, last = frames or _range(rig)
    if last < first:
        raise AddonError(f"{rig.name}: frames {first} to {last} are none; give the first frame first")
    skeleton = read_skeleton(rig)
    before = scene.frame_current
    matrices = np.empty((last - first + 1, len(skeleton.names), 4, 4))
    try:
        for k, frame in enumerate(range(first, last + 1)):
            scene.frame_set(frame)
            evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
            poses = evaluated.pose.bones
            matrices[k] = np.array(evaluated.matrix_world) @ np.array(
                [poses[n].matrix for n in skeleton.names]
            )
    finally:
        scene.frame_set(before)
    rotations, positions = nearest_rotation(matrices[..., :3, :3]), matrices[..., :3, 3]
    return Clip(rig.name, skeleton, rotations, positions, fps, ground=0.0)


def _range(rig: bpy.types.Object) -> tuple[int, int]:
    action = rig.animation_data and rig.animation_data.action
    if not action:
        raise AddonError(f"{rig.name}: has no action to take the motion from; give it one, or a frame range")
    first, last = action.frame_range
    return int(np.floor(first)), int(np.ceil(last))
