"""What bodies can do: joint limits and a per-joint Gaussian pose prior, on SMPL's 24 joints."""

from __future__ import annotations

import torch
from torch import Tensor

from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.landmarks import JOINT

# Axis-angle bounds in radians (min, max) per axis, for the left side and for the trunk; the right side is their
# mirror. Axes are the body's in its T-pose: x to its left, y up, z forward. A left elbow flexes about -y, a knee
# about +x, a hip flexes about -x. Ranges follow clinical goniometry (Norkin & White, Measurement of Joint
# Motion), widened by 10-20 degrees since axis-angle components are not its angles.
_LIMITS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "spine1": ((-0.4, 0.8), (-0.4, 0.4), (-0.4, 0.4)),
    "spine2": ((-0.4, 0.6), (-0.5, 0.5), (-0.4, 0.4)),
    "spine3": ((-0.4, 0.5), (-0.5, 0.5), (-0.4, 0.4)),
    "neck": ((-0.6, 0.7), (-0.8, 0.8), (-0.5, 0.5)),
    "head": ((-0.6, 0.6), (-0.8, 0.8), (-0.5, 0.5)),
    "left_collar": ((-0.3, 0.3), (-0.4, 0.4), (-0.3, 0.6)),
    "left_shoulder": ((-1.9, 1.9), (-2.4, 1.2), (-1.9, 1.6)),
    "left_elbow": ((-1.4, 1.4), (-2.7, 0.05), (-0.3, 0.3)),
    "left_wrist": ((-1.0, 1.0), (-0.7, 0.7), (-1.3, 1.3)),
    "left_hand": ((-0.2, 0.2), (-0.2, 0.2), (-0.4, 0.4)),
    "left_hip": ((-2.4, 0.7), (-1.0, 1.0), (-0.7, 1.2)),
    "left_knee": ((-0.05, 2.7), (-0.3, 0.3), (-0.15, 0.15)),
    "left_ankle": ((-0.7, 0.9), (-0.5, 0.5), (-0.5, 0.5)),
    "left_foot": ((-0.4, 0.2), (-0.1, 0.1), (-0.1, 0.1)),
}

# Standard deviations in radians about the mean pose below: how far each joint usually strays.
_SPREAD = {
    "spine1": 0.25,
    "spine2": 0.2,
    "spine3": 0.2,
    "neck": 0.3,
    "head": 0.3,
    "collar": 0.2,
    "shoulder": 1.0,
    "elbow": 1.0,
    "wrist": 0.5,
    "hand": 0.1,
    "hip": 0.8,
    "knee": 0.9,
    "ankle": 0.35,
    "foot": 0.1,
}

# A standing person: arms down, elbows a little bent.
_MEAN = {
    "left_shoulder": (0.0, 0.0, -1.0),
    "right_shoulder": (0.0, 0.0, 1.0),
    "left_elbow": (0.0, -0.4, 0.0),
    "right_elbow": (0.0, 0.4, 0.0),
    "left_knee": (0.2, 0.0, 0.0),
    "right_knee": (0.2, 0.0, 0.0),
}


def joint_limits() -> tuple[Tensor, Tensor]:
    """Lower and upper axis-angle bounds, each (23, 3) radians, of joints 1 to 23."""
    low, high = torch.zeros(23, 3), torch.zeros(23, 3)
    for name in JOINT_NAMES[1:]:
        row = JOINT[name] - 1
        bounds = torch.tensor(_LIMITS[name.replace("right_", "left_")])
        low[row], high[row] = bounds.unbind(-1)
        if name.startswith("right_"):
            # mirroring in the body's x flips rotations about y and z
            low[row, 1:], high[row, 1:] = -bounds[1:, 1], -bounds[1:, 0]
    return low, high


def mean_pose() -> Tensor:
    """The prior's mean, (23, 3) axis-angle of joints 1 to 23."""
    mean = torch.zeros(23, 3)
    for name, value in _MEAN.items():
        mean[JOINT[name] - 1] = torch.tensor(value)
    return mean


def pose_spread() -> Tensor:
    """The prior's standard deviation, (23,) radians, of joints 1 to 23."""
    return torch.tensor([_SPREAD[name.split("_")[-1]] for name in JOINT_NAMES[1:]])


def limit_excess(pose: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """How far (..., 23, 3) axis-angle values lie outside their bounds, in radians, >= 0."""
    return (low - pose).clamp_min(0) + (pose - high).clamp_min(0)


def inverse_right_jacobian(axis_angle: Tensor) -> Tensor:
    """(..., 3, 3): how axis-angle (..., 3) changes when its rotation is followed by a small turn in its own axes.

    ``log(exp(a) exp(d)) = a + J d``, J = I + [a]x / 2 + (1/t^2 - (1 + cos t) / (2 t sin t)) [a]x^2 with t = |a|
    (Chirikjian 2011, equation 10.86).
    """
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    rows = (torch.stack((zero, -z, y), -1), torch.stack((z, zero, -x), -1), torch.stack((-y, x, zero), -1))
    cross = torch.stack(rows, -2)
    angle = axis_angle.norm(dim=-1)
    small = angle < 0.05
    # the pole of the formula at half a turn lies beyond every joint's range
    safe = torch.where(small, torch.ones_like(angle), angle.clamp_max(3.1))
    curved = 1 / safe**2 - (1 + torch.cos(safe)) / (2 * safe * torch.sin(safe))
    factor = torch.where(small, 1 / 12 + angle**2 / 720, curved)
    return torch.eye(3) + 0.5 * cross + factor[..., None, None] * (cross @ cross)
