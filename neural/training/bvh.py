"""BVH files as recordings that :func:`neural.training.mocap.retarget` takes: bones under CMU's names.

Only what the recorded clips of the benchmarks need: the joint names of MotionBuilder (``LeftArm``) and of
Poser (``LeftCollar``), Y-up. A BVH file has no unit; the legs are made 0.82 m long.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neural.training.mocap import MocapError, Recording, Skeleton
from smpl_fitting.guests.bvh import Bvh, read_bvh

_LEG = 0.82  # metres, hip to knee to ankle of an adult

# CMU's bone: the joint that turns it, by convention of names; the tail is where its first child sits.
_TRUNKS = (
    ("LowerBack", "Spine", "Spine1", "Neck"),
    ("Spine", "Spine1", "Spine2", "Neck"),
    ("lowerback", "Chest", "Chest2", "Neck"),
)
_LIMBS = (
    ("UpLeg", "Leg", "Foot", "ToeBase", "Shoulder", "Arm", "ForeArm", "Hand"),
    ("Hip", "Knee", "Ankle", "Toe", "Collar", "Shoulder", "Elbow", "Wrist"),
)
_TRUNK_BONES = ("lowerback", "upperback", "thorax", "lowerneck")
_LIMB_BONES = ("femur", "tibia", "foot", "toes", "clavicle", "humerus", "radius", "hand")


def load_bvh(path: str | Path, rest_frame: int | None = None) -> Recording:
    """Read a recording.

    Args:
        rest_frame: a frame in which the person stands upright, for files whose pose without rotations is no
            person's (3ds Max lays every bone along its own X axis); None where it is one.

    Raises:
        MotionFileError: the file is missing or not BVH.
        MocapError: its joints have other names.
    """
    try:
        return _as_recording(read_bvh(path), rest_frame)
    except (ValueError, StopIteration) as error:
        raise MocapError(f"{path}: its joints have other names; export it from MotionBuilder") from error


def _as_recording(file: Bvh, rest_frame: int | None) -> Recording:
    turns, places = file.forward(slice(None))
    bones = _bone_joints(file.names)
    tails = {bone: _tail(file, joint) for bone, joint in bones.items()}
    for side in "lr":  # CMU's bones without a joint of their own here
        tails[f"{side}hipjoint"] = bones[f"{side}femur"]
        bones[f"{side}hipjoint"] = bones["root"]
        tails[f"{side}wrist"], bones[f"{side}wrist"] = tails[f"{side}radius"], bones[f"{side}radius"]
    names = tuple(bones)
    heads, ends = [bones[name] for name in names], [tails[name] for name in names]
    still = file.rest if rest_frame is None else places[rest_frame]
    reach = still[ends] - still[heads]
    lengths = np.linalg.norm(reach, axis=1)
    unit = _LEG / lengths[[names.index("lfemur"), names.index("ltibia")]].sum()
    if rest_frame is not None:
        turns = turns @ np.swapaxes(turns[rest_frame], -1, -2)
    skeleton = Skeleton(
        names=names,
        parents=(-1,) + (0,) * (len(names) - 1),
        directions=reach / np.maximum(lengths, 1e-9)[:, None],
        lengths=lengths * unit,
        axes=np.tile(np.eye(3), (len(names), 1, 1)),
        freedoms=((),) * len(names),
        unit=unit,
    )
    identity = np.tile(np.eye(3), (len(turns), len(names), 1, 1))  # no twist is moved to the elbows
    return Recording(skeleton, turns[:, heads], identity, places[:, ends] * unit, file.fps)


def _bone_joints(names: tuple[str, ...]) -> dict[str, int]:
    """The joint that turns each of CMU's bones."""
    trunk = next(row for row in _TRUNKS if row[0] in names and row[2] in names)
    limbs = next(row for row in _LIMBS if f"Left{row[0]}" in names)
    wanted = {"root": names[0], "head": "Head"}
    wanted.update(zip(_TRUNK_BONES, trunk, strict=True))
    for letter, side in (("l", "Left"), ("r", "Right")):
        wanted.update({letter + bone: side + name for bone, name in zip(_LIMB_BONES, limbs, strict=True)})
    return {bone: names.index(name) for bone, name in wanted.items()}


def _tail(file: Bvh, joint: int) -> int:
    """The first joint or end site down the chain that is not in the same place; the root is its own."""
    if file.parents[joint] < 0:
        return joint
    end = joint
    while end == joint or not file.offsets[end].any():
        end = file.parents.index(end)
    return end
