"""Poses from one joint layout to another: SMPL's 24 joints with mitten hands, SMPL-H's 52 with fingers."""

from __future__ import annotations

import numpy as np
import torch

from smpl_fitting.body.names import SMPLH_JOINT_NAMES
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


def _joints(poses: np.ndarray, count: int) -> np.ndarray:
    if poses.ndim != 2 or poses.shape[1] != 3 * count:
        raise ValueError(f"poses have shape {poses.shape}, expected (T, {3 * count})")
    return poses.reshape(len(poses), count, 3)
