"""Limbs that do not pass through the body: forearms against trunk and thighs, shins against each other.

The body is taken for capsules around its bones (as in Bogo et al. 2016, "Keep it SMPL"), somewhat thinner than flesh,
since hands do rest on hips.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.landmarks import JOINT
from smpl_fitting.points import JointSet, Linear, Posed

# name: (joint, joint, radius in metres)
CAPSULES: dict[str, tuple[str, str, float]] = {
    "trunk": ("pelvis", "neck", 0.09),
    **{f"{side}_thigh": (f"{side}_hip", f"{side}_knee", 0.06) for side in ("left", "right")},
    **{f"{side}_shin": (f"{side}_knee", f"{side}_ankle", 0.045) for side in ("left", "right")},
}
# name: (joint, joint, share of the second, radius)
BALLS: dict[str, tuple[str, str, float, float]] = {
    **{f"{side}_wrist": (f"{side}_elbow", f"{side}_wrist", 1.0, 0.025) for side in ("left", "right")},
    **{f"{side}_forearm": (f"{side}_elbow", f"{side}_wrist", 0.5, 0.035) for side in ("left", "right")},
    **{f"{side}_ankle": (f"{side}_knee", f"{side}_ankle", 1.0, 0.035) for side in ("left", "right")},
    **{f"{side}_calf": (f"{side}_knee", f"{side}_ankle", 0.5, 0.045) for side in ("left", "right")},
}
PAIRS = tuple(
    (ball, capsule)
    for ball in BALLS
    for capsule in CAPSULES
    if (
        ("wrist" in ball or "forearm" in ball)
        and capsule in ("trunk", "left_thigh", "right_thigh")
        or ("ankle" in ball or "calf" in ball)
        and capsule.endswith("shin")
        and capsule[0] != ball[0]
    )
)
_NAMES = sorted(
    {name for capsule in CAPSULES.values() for name in capsule[:2]}
    | {name for ball in BALLS.values() for name in ball[:2]}
)


class Penetration:
    """How deep each pair of ``PAIRS`` is in each other."""

    def __init__(self, body: BodyModel, free: Tensor) -> None:
        """free: (A,) the joints that may turn."""
        self._joints = JointSet(body, torch.tensor([JOINT[name] for name in _NAMES]), free)
        row = {name: index for index, name in enumerate(_NAMES)}
        balls, capsules = [BALLS[ball] for ball, _ in PAIRS], [CAPSULES[capsule] for _, capsule in PAIRS]
        self._rows = torch.tensor(
            [[row[b[0]], row[b[1]], row[c[0]], row[c[1]]] for b, c in zip(balls, capsules, strict=True)]
        ).T
        self._share = torch.tensor([ball[2] for ball in balls])[:, None]
        self._reach = torch.tensor([b[3] + c[2] for b, c in zip(balls, capsules, strict=True)])

    def evaluate(self, posed: Posed) -> tuple[Tensor, Linear, Tensor]:
        """Depths (T, P) in metres, 0 where apart; the way from axis to ball as points with derivatives; its
        directions (T, P, 3): a depth shrinks by their scalar product."""
        joints = self._joints.evaluate(posed)
        near, far, start, end = self._rows
        ball = joints.points[:, near] * (1 - self._share) + joints.points[:, far] * self._share
        base, axis = joints.points[:, start], joints.points[:, end] - joints.points[:, start]
        along = ((ball - base) * axis).sum(-1, keepdim=True) / axis.square().sum(-1, keepdim=True).clamp_min(
            1e-6
        )
        along = along.clamp(0, 1)
        away = ball - base - along * axis
        distance = away.norm(dim=-1)
        shares = (1 - self._share).expand_as(along), self._share.expand_as(along), along - 1, -along

        def mix(values: Tensor) -> Tensor:
            over = (..., *[None] * (values.ndim - 3))
            return sum(values[:, rows] * share[over] for rows, share in zip(self._rows, shares, strict=True))  # type: ignore[return-value]

        way = Linear(away, mix(joints.lever), mix(joints.shape))
        direction = away / distance.clamp_min(1e-6)[..., None]
        return (self._reach - distance).clamp_min(0), way, direction
