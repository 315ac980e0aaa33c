"""BVH files as recordings that :func:`neural.training.mocap.retarget` takes: bones under CMU's names.

Only what the recorded clips of the benchmarks need: the joint names of MotionBuilder (``LeftArm``) and of
Poser (``LeftCollar``), Y-up. A BVH file has no unit; the legs are made 0.82 m long.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from neural.training.mocap import MocapError, Recording, Skeleton

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


@dataclass(frozen=True)
class BvhJoints:
    """The joints and end sites (whose names are empty) of a BVH file: ``offsets`` (N, 3) from the parent,
    ``turns`` (T, N, 3, 3) global rotations, ``places`` (T, N, 3) global positions, in the file's units."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    turns: np.ndarray
    places: np.ndarray
    fps: float


def load_bvh(path: str | Path, rest_frame: int | None = None) -> Recording:
    """Read a recording.

    Args:
        rest_frame: a frame in which the person stands upright, for files whose pose without rotations is no
            person's (3ds Max lays every bone along its own X axis); None where it is one.

    Raises:
        MocapError: the file is missing, not BVH, or its joints have other names.
    """
    try:
        joints = read_joints(Path(path).read_text(encoding="latin-1"))
        return _as_recording(joints, rest_frame)
    except OSError as error:
        raise MocapError(f"{path}: cannot be read ({error.strerror}); give a BVH file") from error
    except (ValueError, KeyError, IndexError, StopIteration) as error:
        raise MocapError(f"{path}: not a BVH recording of a person ({error}); fetch it again") from error


def read_joints(text: str) -> BvhJoints:
    """Parse a BVH file and pose its skeleton.

    Raises:
        ValueError, IndexError: it is not BVH or is cut off.
    """
    words = text.split()
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    open_joints: list[int] = []
    at = words.index("ROOT")
    while words[at] != "MOTION":
        word = words[at]
        if word in ("ROOT", "JOINT", "End"):
            names.append("" if word == "End" else words[at + 1])
            parents.append(open_joints[-1] if open_joints else -1)
            channels.append([])
            at += 2
        elif word == "OFFSET":
            offsets.append([float(value) for value in words[at + 1 : at + 4]])
            at += 4
        elif word == "CHANNELS":
            count = int(words[at + 1])
            channels[open_joints[-1]] = words[at + 2 : at + 2 + count]
            at += 2 + count
        elif word == "{":
            open_joints.append(len(names) - 1)
            at += 1
        elif word == "}":
            open_joints.pop()
            at += 1
        else:
            raise ValueError(f"unexpected word {word!r}")
    frames, frame_time = int(words[at + 2]), float(words[at + 5])
    values = np.array(words[at + 6 :], float).reshape(frames, sum(map(len, channels)))
    turns, places = _pose(parents, np.array(offsets), channels, values)
    return BvhJoints(tuple(names), tuple(parents), np.array(offsets), turns, places, 1.0 / frame_time)


def _pose(
    parents: list[int], offsets: np.ndarray, channels: list[list[str]], values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Global rotations (T, N, 3, 3) and positions (T, N, 3). Channels turn in the order they are listed."""
    frames, column = len(values), 0
    turns = np.tile(np.eye(3), (frames, len(parents), 1, 1))
    places = np.zeros((frames, len(parents), 3))
    for joint, (parent, kinds) in enumerate(zip(parents, channels, strict=True)):
        own = values[:, column : column + len(kinds)]
        column += len(kinds)
        shift = np.tile(offsets[joint], (frames, 1))
        for kind, value in zip(kinds, own.T, strict=True):
            axis = kind[0].lower()
            if kind.endswith("position"):
                shift[:, "xyz".index(axis)] = value
            else:
                turn = Rotation.from_euler(axis, value[:, None], degrees=True).as_matrix()
                turns[:, joint] = turns[:, joint] @ turn
        if parent < 0:
            places[:, joint] = shift
        else:
            places[:, joint] = places[:, parent] + np.einsum("tij,tj->ti", turns[:, parent], shift)
            turns[:, joint] = turns[:, parent] @ turns[:, joint]
    return turns, places


def _as_recording(joints: BvhJoints, rest_frame: int | None) -> Recording:
    bones = _bone_joints(joints.names)
    rest = np.eye(3) if rest_frame is None else joints.turns[rest_frame]
    tails = {bone: _tail(joints, joint) for bone, joint in bones.items()}
    for side in "lr":  # CMU's bones without a joint of their own here
        tails[f"{side}hipjoint"] = bones[f"{side}femur"]
        bones[f"{side}hipjoint"] = bones["root"]
        tails[f"{side}wrist"], bones[f"{side}wrist"] = tails[f"{side}radius"], bones[f"{side}radius"]
    names = tuple(bones)
    heads, ends = [bones[name] for name in names], [tails[name] for name in names]
    still = joints.places[rest_frame or 0]
    reach = _rest_reach(joints, ends, heads) if rest_frame is None else still[ends] - still[heads]
    lengths = np.linalg.norm(reach, axis=1)
    unit = _LEG / lengths[[names.index("lfemur"), names.index("ltibia")]].sum()
    rotations = joints.turns @ np.swapaxes(np.broadcast_to(rest, joints.turns.shape[1:]), -1, -2)
    skeleton = Skeleton(
        names=names,
        parents=(-1,) + (0,) * (len(names) - 1),
        directions=reach / np.maximum(lengths, 1e-9)[:, None],
        lengths=lengths * unit,
        axes=np.tile(np.eye(3), (len(names), 1, 1)),
        freedoms=((),) * len(names),
        unit=unit,
    )
    identity = np.tile(np.eye(3), (len(rotations), len(names), 1, 1))  # no twist is moved to the elbows
    return Recording(skeleton, rotations[:, heads], identity, joints.places[:, ends] * unit, joints.fps)


def _bone_joints(names: tuple[str, ...]) -> dict[str, int]:
    """The joint that turns each of CMU's bones."""
    trunk = next(row for row in _TRUNKS if row[0] in names and row[2] in names)
    limbs = next(row for row in _LIMBS if f"Left{row[0]}" in names)
    wanted = {"root": names[0], "head": "Head"}
    wanted.update(zip(_TRUNK_BONES, trunk, strict=True))
    for letter, side in (("l", "Left"), ("r", "Right")):
        wanted.update({letter + bone: side + name for bone, name in zip(_LIMB_BONES, limbs, strict=True)})
    return {bone: names.index(name) for bone, name in wanted.items()}


def _tail(joints: BvhJoints, joint: int) -> int:
    """The first joint or end site down the chain that is not in the same place; the root is its own."""
    if joints.parents[joint] < 0:
        return joint
    end = joint
    while end == joint or not joints.offsets[end].any():
        end = joints.parents.index(end)
    return end


def _rest_reach(joints: BvhJoints, ends: list[int], heads: list[int]) -> np.ndarray:
    """(B, 3) from heads to tails where nothing is turned."""
    places = np.zeros((len(joints.names), 3))
    for joint, parent in enumerate(joints.parents[1:], start=1):
        places[joint] = places[parent] + joints.offsets[joint]
    return places[ends] - places[heads]
