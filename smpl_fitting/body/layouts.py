"""Poses from one joint layout to another: SMPL's 24 joints with mitten hands, SMPL-H's 52 with fingers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from smpl_fitting.body.model import BodyModel
from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS, SMPLH_JOINT_NAMES
from smpl_fitting.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle

_BODY = 22  # joints that all layouts share
_KNUCKLES = [
    [SMPLH_JOINT_NAMES.index(f"{side}_{finger}1") for finger in ("index", "middle", "ring", "pinky")]
    for side in ("left", "right")
]
_ROOTS = [
    [*_KNUCKLES[hand], SMPLH_JOINT_NAMES.index(f"{side}_thumb1")]
    for hand, side in enumerate(("left", "right"))
]


def to_smplh_pose(poses: np.ndarray) -> np.ndarray:
    """SMPL poses (T, 72) as SMPL-H poses (T, 156), axis-angle.

    SMPL's hand joint turns all fingers at once; here each finger and the thumb turn so about its own root. Where
    the hand joints are at rest, as in most motions, the posed surface of ``open`` and ``open_h`` is the same.

    Raises:
        ValueError: the shape is not (T, 72).
    """
    joints = _joints(poses, 24)
    result = np.zeros((len(joints), len(SMPLH_JOINT_NAMES), 3), joints.dtype)
    result[:, :_BODY] = joints[:, :_BODY]
    for hand, roots in enumerate(_ROOTS):
        result[:, roots] = joints[:, _BODY + hand, None]
    return result.reshape(len(joints), -1)


def to_smpl_pose(poses: np.ndarray) -> np.ndarray:
    """SMPL-H poses (T, 156) as SMPL poses (T, 72), axis-angle; undoes :func:`to_smplh_pose`.

    The hand joint takes the mean turn of the four knuckles (projected arithmetic mean; Moakher 2002), the mitten
    that comes nearest to the fingers.

    Raises:
        ValueError: the shape is not (T, 156).
    """
    joints = _joints(poses, len(SMPLH_JOINT_NAMES))
    result = np.zeros((len(joints), 24, 3), joints.dtype)
    result[:, :_BODY] = joints[:, :_BODY]
    for hand, knuckles in enumerate(_KNUCKLES):
        turns = axis_angle_to_matrix(torch.from_numpy(joints[:, knuckles].astype(np.float64))).mean(1)
        left, _, right = torch.linalg.svd(turns)
        sign = torch.linalg.det(left @ right)
        left = torch.cat((left[..., :2], left[..., 2:] * sign[:, None, None]), -1)
        result[:, _BODY + hand] = matrix_to_axis_angle(left @ right).numpy()
    return result.reshape(len(joints), -1)


def to_layout(poses: np.ndarray, joint_names: Sequence[str]) -> np.ndarray:
    """Poses (T, 72) of 24 joints, or of a body's own layout, as poses (T, 3 J) of a body with fingers.

    Args:
        joint_names: the J joints of SMPL-H or SMPL-X, whose jaw and eyes stay at rest.

    Raises:
        ValueError: the poses have another width.
    """
    if poses.shape[1:] == (3 * len(joint_names),):
        return poses
    with_fingers = to_smplh_pose(poses).reshape(len(poses), -1, 3)
    result = np.zeros((len(poses), len(joint_names), 3), poses.dtype)
    result[:, [joint_names.index(name) for name in SMPLH_JOINT_NAMES]] = with_fingers
    return result.reshape(len(poses), -1)


def has_fingers(body: BodyModel) -> bool:
    """Whether the body is of SMPL-H's or SMPL-X's layout."""
    return body.num_joints > len(JOINT_NAMES)


def without_fingers(body: BodyModel) -> BodyModel:
    """A body of SMPL-H's or SMPL-X's layout with SMPL's 24 joints: the same surface while fingers and jaw rest.

    Bodies of 24 joints come back as they are; the others are called ``open`` or ``smpl``, for their poses are theirs.
    """
    if not has_fingers(body):
        return body
    groups = [[body.joint_names.index(name)] for name in JOINT_NAMES[:_BODY]]
    for name in ("jaw", "left_eye", "right_eye"):
        if name in body.joint_names:
            groups[JOINT_NAMES.index("head")].append(body.joint_names.index(name))
    for side in ("left", "right"):
        fingers = [name for name in SMPLH_JOINT_NAMES[_BODY:] if name.startswith(side)]
        groups.append([body.joint_names.index(name) for name in fingers])
    knuckles = [[body.joint_names.index(SMPLH_JOINT_NAMES[j]) for j in hand] for hand in _KNUCKLES]

    def joints(values: Tensor) -> Tensor:
        hands = torch.stack([values[hand].mean(0) for hand in knuckles])
        return torch.cat((values[:_BODY], hands))

    posedirs = None
    if body.posedirs is not None:
        kept = body.posedirs[..., : (_BODY - 1) * 9]
        posedirs = torch.cat((kept, kept.new_zeros(*kept.shape[:2], 2 * 9)), -1)
    return dataclasses.replace(
        body,
        name="open" if body.name.startswith("open") else "smpl",
        joint_names=JOINT_NAMES,
        posedirs=posedirs,
        J_template=joints(body.J_template),
        J_shapedirs=joints(body.J_shapedirs),
        weights=torch.stack([body.weights[:, group].sum(1) for group in groups], dim=1),
        parents=torch.tensor(SMPL_PARENTS),
    )


def _joints(poses: np.ndarray, count: int) -> np.ndarray:
    if poses.ndim != 2 or poses.shape[1] != 3 * count:
        raise ValueError(f"poses have shape {poses.shape}, expected (T, {3 * count})")
    return poses.reshape(len(poses), count, 3)
