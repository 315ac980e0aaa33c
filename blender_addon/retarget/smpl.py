"""A motion file as a clip: SMPL's joints as bones, at rest in Blender's axes."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import AddonError
from ..scene.conventions import Y_UP_TO_Z_UP, axis_angle_to_matrix, y_up_to_z_up
from ..scene.files import BodyData, MotionData
from .clip import Clip
from .rotations import normalized, swing
from .skeleton import SIDES, Skeleton, plain_skeleton
from .soles import Soles

_MIN_LENGTH = 0.02
_BODY = [
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
]
_BODY_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
_HANDS = [
    f"{side}_{finger}{knuckle}"
    for side in SIDES
    for finger in ("index", "middle", "pinky", "ring", "thumb")
    for knuckle in (1, 2, 3)
]
_FACE = {"jaw": (0.0, 0.0, 0.02), "left_eye": (0.03, 0.07, 0.08), "right_eye": (-0.03, 0.07, 0.08)}
"""Metres from the head joint, roughly: SMPL-X has these joints, the open body has not."""
_NAMES = {
    72: (*_BODY, "left_hand", "right_hand"),
    156: (*_BODY, *_HANDS),
    165: (*_BODY, *_FACE, *_HANDS),
}


def motion_clip(motion: MotionData, body: BodyData | None = None, *, name: str = "motion") -> Clip:
    """The clip of a motion file.

    Without a body, the joints are those of the open body with the motion's betas where it is of that model, and with
    mean betas where it is another's, whose joints need files that are not ours to ship.

    Raises:
        AddonError: the motion is of another skeleton than SMPL's or the given body's.
    """
    width = motion.poses.shape[1]
    if body is not None:
        if width != 3 * len(body.joint_names):
            raise AddonError(
                f"{name}: {width // 3} joints, and the body has {len(body.joint_names)}; give the body of this motion"
            )
        names, parents, joints = body.joint_names, np.asarray(body.parents), body.joints()
        sole = float((body.v_template + body.shapedirs @ body.betas)[:, 1].min())
    elif width in _NAMES:
        names = _NAMES[width]
        parents = _parents(names)
        betas = motion.betas if motion.model.startswith("open") else None
        joints, sole = _open_joints(names, betas)
    else:
        raise AddonError(
            f"{name}: {width // 3} joints, and SMPL's bodies have 24, 52 or 55; give the motion's body"
        )
    skeleton = joint_skeleton(names, parents, y_up_to_z_up(joints))
    turns, heads = _pose(motion, parents, joints)
    rest = skeleton.rest[:, :3, :3]
    # heights at rest are measured from the armature's origin, y of the body
    return Clip(
        name,
        skeleton,
        turns @ Y_UP_TO_Z_UP.T @ rest,
        heads,
        motion.fps,
        contacts=motion.contacts,
        ground=0.0,
        soles=Soles(sole),
        picture=_picture(motion, heads),
    )


def _picture(motion: MotionData, heads: np.ndarray) -> np.ndarray | None:
    """(T, J, 2) joints in the pixels of the motion's camera, y up; None without a camera."""
    if motion.cameras is None:
        return None
    K, R, t = motion.cameras.K, motion.cameras.R, motion.cameras.t
    seen = (heads @ np.swapaxes(R, -1, -2) + t[:, None]) @ np.swapaxes(K, -1, -2)
    return seen[..., :2] / np.maximum(seen[..., 2:], 1e-6) * [1.0, -1.0]


def joint_skeleton(names: tuple[str, ...], parents: np.ndarray, joints: np.ndarray) -> Skeleton:
    """Bones from joints (J, 3) in Blender's axes: each towards its children's middle, leaves as their parent."""
    rest = np.tile(np.eye(4), (len(joints), 1, 1))
    lengths = np.full(len(joints), _MIN_LENGTH)
    for joint in range(len(joints)):
        children = np.flatnonzero(parents == joint)
        if len(children):
            step = joints[children].mean(0) - joints[joint]
            lengths[joint] = max(float(np.linalg.norm(step)), _MIN_LENGTH)
            rest[joint, :3, :3] = swing(np.array([0.0, 1.0, 0.0]), normalized(step))
        else:
            rest[joint, :3, :3] = rest[parents[joint], :3, :3]
        rest[joint, :3, 3] = joints[joint]
    return plain_skeleton(tuple(names), parents, rest, lengths)


def _pose(motion: MotionData, parents: np.ndarray, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, J, 3, 3) from the Y-up rest into the world, and the joints (T, J, 3) there."""
    local = axis_angle_to_matrix(motion.poses.reshape(motion.frame_count, -1, 3))
    turns, heads = local.copy(), np.empty((*local.shape[:2], 3))
    heads[:, 0] = joints[0] + motion.trans
    for joint, parent in enumerate(parents):
        if parent >= 0:
            turns[:, joint] = turns[:, parent] @ local[:, joint]
            heads[:, joint] = heads[:, parent] + turns[:, parent] @ (joints[joint] - joints[parent])
    return turns, heads


def _parents(names: tuple[str, ...]) -> np.ndarray:
    at = {name: k for k, name in enumerate(names)}
    parents = list(_BODY_PARENTS)
    for name in names[len(_BODY) :]:
        side = name.partition("_")[0]
        if name in _FACE:
            parents.append(at["head"])
        elif name.endswith(("2", "3")):
            parents.append(at[f"{name[:-1]}{int(name[-1]) - 1}"])
        else:
            parents.append(at[f"{side}_wrist"])
    return np.array(parents)


def _open_joints(names: tuple[str, ...], betas: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Rest joints (J, 3), Y-up, and the height of the soles."""
    table = _table()
    shape = np.zeros(10) if betas is None else np.pad(betas[:10], (0, max(0, 10 - len(betas))))

    def at(name: str) -> np.ndarray:
        if name in _FACE:
            return at("head") + _FACE[name]
        mean, directions = table["joints"][name]
        return np.array(mean) + np.array(directions) @ shape

    sole, directions = table["sole"]
    return np.stack([at(name) for name in names]), float(sole + np.array(directions) @ shape)


@lru_cache(maxsize=1)
def _table() -> dict:
    return json.loads(Path(__file__).with_name("open_joints.json").read_text(encoding="utf-8"))
