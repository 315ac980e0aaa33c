"""BVH recordings, read as they are: nothing is added to the scene, no operator is run.

The format: Biovision's hierarchy of joints with offsets and channels, then one line of numbers a frame. Y is up; the
unit is whatever the file's maker had, which retargeting does not need to know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import AddonError
from ..scene.conventions import Y_UP_TO_Z_UP, y_up_to_z_up
from .clip import Clip
from .rotations import about_axis
from .smpl import joint_skeleton


@dataclass
class _Joint:
    name: str
    parent: int
    offset: np.ndarray
    channels: list[str] = field(default_factory=list)


def bvh_clip(path: Path) -> Clip:
    """The clip of a BVH file, at rest as its offsets stand.

    Raises:
        AddonError: the file is missing, or is no BVH; the message says where reading stopped.
    """
    if not path.is_file():
        raise AddonError(f"{path}: no such file; check the path")
    words = path.read_text(encoding="utf-8", errors="replace").split()
    try:
        joints, at = _hierarchy(words)
        values, fps = _frames(words, at, sum(len(joint.channels) for joint in joints))
    except (ValueError, IndexError) as error:
        raise AddonError(f"{path}: not a BVH file ({error}); export it again") from error
    parents = np.array([joint.parent for joint in joints])
    turns, heads = _pose(joints, values)
    rest = np.zeros((len(joints), 3))
    for k, joint in enumerate(joints):
        rest[k] = joint.offset + (rest[joint.parent] if joint.parent >= 0 else 0.0)
    skeleton = joint_skeleton(_unique([joint.name for joint in joints]), parents, y_up_to_z_up(rest))
    C = Y_UP_TO_Z_UP
    rotations = C @ turns @ C.T @ skeleton.rest[:, :3, :3]
    return Clip(path.name, skeleton, rotations, y_up_to_z_up(heads), fps, metric=False)


def _hierarchy(words: list[str]) -> tuple[list[_Joint], int]:
    """Joints, parents first, and the index of the word MOTION. End sites tell lengths that nobody needs here."""
    if not words or words[0] != "HIERARCHY":
        raise ValueError("it does not begin with HIERARCHY")
    joints: list[_Joint] = []
    open_joints: list[int] = []  # -1 inside an end site
    at = 1
    while words[at] != "MOTION":
        word = words[at]
        if word in ("ROOT", "JOINT"):
            stop = words.index("{", at)
            parent = open_joints[-1] if open_joints else -1
            joints.append(_Joint(" ".join(words[at + 1 : stop]), parent, np.zeros(3)))
            open_joints.append(len(joints) - 1)
            at = stop + 1
        elif word == "End":
            open_joints.append(-1)
            at = words.index("{", at) + 1
        elif word == "OFFSET":
            if open_joints[-1] >= 0:
                joints[open_joints[-1]].offset = np.array([float(w) for w in words[at + 1 : at + 4]])
            at += 4
        elif word == "CHANNELS":
            count = int(words[at + 1])
            joints[open_joints[-1]].channels = [_channel(w) for w in words[at + 2 : at + 2 + count]]
            at += 2 + count
        elif word == "}":
            open_joints.pop()
            at += 1
        else:
            raise ValueError(f"{word!r} is not understood")
    if not joints:
        raise ValueError("it has no joints")
    return joints, at


def _channel(word: str) -> str:
    if word[:1] not in "XYZ" or word[1:].lower() not in ("position", "rotation"):
        raise ValueError(f"channel {word!r} is not understood")
    return word[0] + word[1:].lower()


def _frames(words: list[str], at: int, channels: int) -> tuple[np.ndarray, float]:
    """Numbers (T, channels) and the frame rate."""
    if words[at + 1] != "Frames:" or words[at + 3 : at + 5] != ["Frame", "Time:"]:
        raise ValueError("Frames or Frame Time is missing after MOTION")
    count, seconds = int(words[at + 2]), float(words[at + 5])
    values = np.array(words[at + 6 : at + 6 + count * channels], float)
    if count < 1 or channels < 1 or len(values) != count * channels:
        raise ValueError(
            f"{count} frames of {channels} numbers are announced, and {len(values)} numbers follow"
        )
    if not seconds > 0 or not np.isfinite(values).all():
        raise ValueError("a frame time or number is not finite")
    return values.reshape(count, channels), 1.0 / seconds


def _pose(joints: list[_Joint], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, J, 3, 3) from rest and joints (T, J, 3), both Y-up. A joint's positions replace its offset."""
    turns = np.empty((len(values), len(joints), 3, 3))
    heads = np.empty((len(values), len(joints), 3))
    column = 0
    for k, joint in enumerate(joints):
        local = np.broadcast_to(np.eye(3), (len(values), 3, 3))
        place = np.tile(joint.offset, (len(values), 1))
        for channel in joint.channels:
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                place[:, axis] = values[:, column]
            else:
                local = local @ about_axis(np.eye(3)[axis], np.radians(values[:, column]))
            column += 1
        if joint.parent >= 0:
            place = heads[:, joint.parent] + np.squeeze(turns[:, joint.parent] @ place[..., None], -1)
            local = turns[:, joint.parent] @ local
        turns[:, k], heads[:, k] = local, place
    return turns, heads


def _unique(names: list[str]) -> tuple[str, ...]:
    """Names that no two joints share, as Blender numbers them."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        result.append(f"{name}.{seen[name]:03d}" if seen[name] else name)
    return tuple(result)
