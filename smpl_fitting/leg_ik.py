"""Two-bone inverse kinematics of the legs in closed form: ankles go where they shall, knees keep their plane."""

from __future__ import annotations

import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.body.skinning import forward_kinematics, pose_matrices
from smpl_fitting.geometry import matrix_to_axis_angle
from smpl_fitting.landmarks import JOINT

SIDES = ("left", "right")
HIPS, KNEES, ANKLES = ([JOINT[f"{side}_{part}"] for side in SIDES] for part in ("hip", "knee", "ankle"))
STRAIGHT = 0.99  # of its full length: no leg is stretched further, or the knee would snap


def skeleton(body: BodyModel, betas: Tensor, poses: Tensor, trans: Tensor) -> tuple[Tensor, Tensor]:
    """Global rotations (T, J, 3, 3) and positions (T, J, 3) of the joints, float64.

    Args:
        betas: (B,). poses: (T, 3 J) axis-angle. trans: (T, 3).
    """
    rotations = pose_matrices(poses.double(), body.num_joints)
    rest = body.shaped(betas.float())[1].double()
    turns, joints = forward_kinematics(rotations, rest, body.parent_ids)
    return turns, joints + trans.double()[:, None]


def leg_lengths(joints: Tensor) -> tuple[Tensor, Tensor]:
    """Lengths (T, 2) in metres of both thighs and of both shins; joints (T, J, 3)."""
    thigh = (joints[:, KNEES] - joints[:, HIPS]).norm(dim=-1)
    return thigh, (joints[:, ANKLES] - joints[:, KNEES]).norm(dim=-1)


def place_feet(poses: Tensor, turns: Tensor, joints: Tensor, ankles: Tensor, feet: Tensor) -> Tensor:
    """Bend hips, knees and ankles so that the feet stand where and as they shall; all else stays.

    The leg turns as a whole by the shortest way that points it at its goal, then its bend changes within its
    plane: a knee that bends further does so about its hinge, so a straight leg does not flip.

    Args:
        poses: (T, 3 J) axis-angle. turns, joints: of these poses, from :func:`skeleton`.
        ankles: (T, 2, 3) where the ankles shall be; goals out of reach are approached along the leg.
        feet: (T, 2, 3, 3) global rotations that the ankle joints shall have.

    Returns:
        poses (T, 3 J), float64.
    """
    hip, knee, ankle = (joints[:, ids] for ids in (HIPS, KNEES, ANKLES))
    thigh, shin = leg_lengths(joints)
    way, goal = ankle - hip, ankles - hip
    length = way.norm(dim=-1)
    # what the pose itself stretches to stays allowed: no goal of its own moves it
    farthest = torch.maximum(STRAIGHT * (thigh + shin), length)
    nearest = (thigh - shin).abs() + 1e-3
    reach = torch.minimum(torch.maximum(goal.norm(dim=-1), nearest), farthest)
    pointed = unit(goal)
    turn = shortest_turn(unit(way), pointed)

    along = (thigh.square() + reach.square() - shin.square()) / (2 * reach)
    bend = (thigh.square() - along.square()).clamp_min(0).sqrt()
    upper, lower = (_turned(turn, bone) for bone in (knee - hip, ankle - knee))
    outward = upper - (upper * pointed).sum(-1, keepdim=True) * pointed
    hinge = _turned(turn @ turns[:, HIPS], torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))
    forward = unit(torch.linalg.cross(pointed, hinge))
    more = (bend - outward.norm(dim=-1)).clamp_min(0)[..., None]
    sideways = unit(outward + more * forward)
    new_upper = along[..., None] * pointed + bend[..., None] * sideways
    new_lower = reach[..., None] * pointed - new_upper

    thighs = shortest_turn(unit(upper), unit(new_upper)) @ turn @ turns[:, HIPS]
    shins = shortest_turn(unit(lower), unit(new_lower)) @ turn @ turns[:, KNEES]
    pelvis = turns[:, None, 0]
    placed = poses.double().clone().view(len(poses), -1, 3)
    placed[:, HIPS] = matrix_to_axis_angle(pelvis.mT @ thighs)
    placed[:, KNEES] = matrix_to_axis_angle(thighs.mT @ shins)
    placed[:, ANKLES] = matrix_to_axis_angle(shins.mT @ feet)
    return placed.flatten(1)


def shortest_turn(start: Tensor, end: Tensor) -> Tensor:
    """(..., 3, 3) the smallest rotations that take unit vectors (..., 3) to others; not for opposite ones."""
    axis = torch.linalg.cross(start, end)
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    cosine = (start * end).sum(-1)[..., None, None]
    return torch.eye(3, dtype=start.dtype) + cross + cross @ cross / (1 + cosine).clamp_min(1e-6)


def unit(vector: Tensor) -> Tensor:
    """Vectors (..., 3) of length one; zero stays zero."""
    return vector / vector.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def _turned(rotation: Tensor, vector: Tensor) -> Tensor:
    return (rotation @ vector[..., None])[..., 0]
