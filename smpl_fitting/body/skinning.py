"""Linear blend skinning for only the vertices that are asked for, batched over frames and differentiable."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from smpl_fitting.geometry.rotations import axis_angle_to_matrix


def lbs(
    betas: Tensor,
    poses: Tensor,
    trans: Tensor | None,
    v_template: Tensor,
    shapedirs: Tensor,
    posedirs: Tensor | None,
    J_template: Tensor,
    J_shapedirs: Tensor,
    weights: Tensor,
    parents: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """SMPL's vertex function (Loper et al. 2015, equations 2 to 9), given the rows of the vertices wanted.

    Args:
        betas: (B,) for all frames or (T, B). Fewer than the model's are taken as its first ones.
        poses: (T, J*3) or (T, J, 3) axis-angle, or (T, J, 3, 3) matrices, each relative to the parent.
        trans: (T, 3) in metres, or None for none. The pelvis comes to J_0(betas) + trans.
        v_template: (V, 3), shapedirs: (V, 3, B), posedirs: (V, 3, (J-1)*9) or None, weights: (V, J).
        J_template: (J, 3), J_shapedirs: (J, 3, B), parents: J ids, the root's -1, each below its joint's own.

    Returns:
        (T, V, 3) vertices and (T, J, 3) joints.
    """
    rotations = pose_matrices(poses, len(parents))
    rest_joints = blend_shapes(betas, J_template, J_shapedirs)
    global_rotations, joints = forward_kinematics(rotations, rest_joints, parents)
    shift = joints - (global_rotations @ rest_joints[..., None])[..., 0]
    if trans is not None:
        shift, joints = shift + trans[:, None], joints + trans[:, None]
    rest = blend_shapes(betas, v_template, shapedirs)
    if posedirs is not None:
        identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
        feature = (rotations[:, 1:] - identity).flatten(1)
        offsets = feature @ posedirs.flatten(0, 1).T
        rest = rest + offsets.view(len(feature), -1, 3)
    return blend_skin(rest, global_rotations, shift, weights), joints


def pose_matrices(poses: Tensor, num_joints: int) -> Tensor:
    """(T, J, 3, 3) rotation matrices from any of the layouts that :func:`lbs` takes.

    Raises:
        ValueError: the shape fits no layout for ``num_joints`` joints.
    """
    if poses.ndim == 4 and poses.shape[1:] == (num_joints, 3, 3):
        return poses
    if poses.ndim in (2, 3) and poses[0].numel() == num_joints * 3:
        return axis_angle_to_matrix(poses.reshape(len(poses), num_joints, 3))
    raise ValueError(
        f"poses have shape {tuple(poses.shape)}, expected (T, {num_joints * 3}) axis-angle "
        f"or (T, {num_joints}, 3, 3) matrices"
    )


def blend_shapes(betas: Tensor, template: Tensor, directions: Tensor) -> Tensor:
    """``template + directions · betas``: (V, 3) for betas (B,), (T, V, 3) for betas (T, B)."""
    used = directions[..., : betas.shape[-1]]
    if betas.ndim == 1:
        return template + used @ betas
    return template + (betas @ used.flatten(0, 1).T).view(len(betas), -1, 3)


def forward_kinematics(
    rotations: Tensor, rest_joints: Tensor, parents: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Global rotations (T, J, 3, 3) and positions (T, J, 3) of the joints.

    Args:
        rotations: (T, J, 3, 3) relative to the parents; rest_joints: (J, 3) or (T, J, 3).

    The chain is walked by depth, all joints of one depth at once: 9 steps for SMPL's 24 joints.
    """
    frames = len(rotations)
    rest = rest_joints.expand(frames, -1, -1)
    levels, order = _levels(tuple(parents))
    turns, places = [rotations[:, :1]], [rest[:, :1]]
    for joints, above, slots in levels:
        turn, place = turns[-1][:, slots], places[-1][:, slots]
        bone = (rest[:, joints] - rest[:, above])[..., None]
        turns.append(turn @ rotations[:, joints])
        places.append(place + (turn @ bone)[..., 0])
    return torch.cat(turns, 1)[:, order], torch.cat(places, 1)[:, order]


def blend_skin(rest: Tensor, rotations: Tensor, shift: Tensor, weights: Tensor) -> Tensor:
    """Vertices moved by the weighted mean of the joints' transforms ``x -> R x + shift``.

    Args:
        rest: (V, 3) or (T, V, 3), rotations: (T, J, 3, 3), shift: (T, J, 3), weights: (V, J).

    Returns:
        (T, V, 3).
    """
    frames, joints = shift.shape[:2]
    transforms = torch.cat((rotations, shift[..., None]), -1).view(frames, joints, 12)
    blended = (weights @ transforms).view(frames, -1, 3, 4)
    return (blended[..., :3] @ rest.expand(frames, -1, -1)[..., None])[..., 0] + blended[..., 3]


@lru_cache(maxsize=16)
def _levels(parents: tuple[int, ...]) -> tuple[list[tuple[list[int], list[int], list[int]]], list[int]]:
    """Per depth: its joints, their parents, the parents' places in the depth above; and the way back."""
    depth = [0]
    for parent in parents[1:]:
        depth.append(depth[parent] + 1)
    walked, levels, above = [0], [], [0]
    for step in range(1, max(depth) + 1):
        joints = [joint for joint, level in enumerate(depth) if level == step]
        levels.append((joints, [parents[j] for j in joints], [above.index(parents[j]) for j in joints]))
        walked, above = walked + joints, joints
    return levels, [walked.index(joint) for joint in range(len(parents))]
