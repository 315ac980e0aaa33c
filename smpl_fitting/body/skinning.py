"""Linear blend skinning for only the vertices that are asked for, batched over frames and differentiable."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

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
    transforms, joints = joint_transforms(rotations, rest_joints, trans, parents)
    rest = pose_shapes(blend_shapes(betas, v_template, shapedirs), rotations, posedirs)
    if rest.ndim == 2:
        return skin_linear(weighted_points(rest, weights), transforms), joints
    return skin_each(rest, transforms, weights), joints


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


def pose_shapes(rest: Tensor, rotations: Tensor, posedirs: Tensor | None) -> Tensor:
    """``rest`` with the pose correctives added, (T, V, 3); as it is where the model has none.

    Args:
        rest: (V, 3) or (T, V, 3), rotations: (T, J, 3, 3), posedirs: (V, 3, (J-1)*9) or None.
    """
    if posedirs is None:
        return rest
    identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
    feature = (rotations[:, 1:] - identity).flatten(1)
    return rest + (feature @ posedirs.flatten(0, 1).T).view(len(feature), -1, 3)


def joint_transforms(
    rotations: Tensor, rest_joints: Tensor, trans: Tensor | None, parents: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """What each joint does to a point of the rest pose, ``x -> R x + s``, and where the joints come to.

    Args:
        rotations: (T, J, 3, 3) relative to the parents, rest_joints: (J, 3) or (T, J, 3).
        trans: (T, 3) or None.

    Returns:
        (T, J, 3, 4) transforms [R | s] and (T, J, 3) joints.
    """
    turns, joints = forward_kinematics(rotations, rest_joints, parents)
    if trans is not None:
        joints = joints + trans[:, None]
    shift = joints - (turns @ rest_joints[..., None])[..., 0]
    return torch.cat((turns, shift[..., None]), -1), joints


def forward_kinematics(
    rotations: Tensor, rest_joints: Tensor, parents: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Global rotations (T, J, 3, 3) and positions (T, J, 3) of the joints, the root at its rest position.

    Args:
        rotations: (T, J, 3, 3) relative to the parents, rest_joints: (J, 3) or (T, J, 3).

    The chain is walked by depth, all joints of one depth at once: 8 steps for SMPL's 24 joints.
    """
    chain = _chain(tuple(parents), str(rotations.device))
    rest = rest_joints.expand(len(rotations), -1, -1)
    bones = rest - torch.cat((torch.zeros_like(rest[:, :1]), rest[:, chain.parents]), 1)
    local = torch.cat((rotations, bones[..., None]), -1).index_select(1, chain.by_depth)
    levels = local.split(chain.sizes, dim=1)
    placed = [levels[0]]
    for level, above in zip(levels[1:], chain.above, strict=True):
        parent = placed[-1].index_select(1, above)
        turned = parent[..., :3] @ level
        placed.append(torch.cat((turned[..., :3], turned[..., 3:] + parent[..., 3:]), -1))
    world = torch.cat(placed, 1).index_select(1, chain.back)
    return world[..., :3], world[..., 3]


def weighted_points(rest: Tensor, weights: Tensor) -> Tensor:
    """(V, J*4): each vertex, homogeneous, times its weight for each joint; linear in ``rest``."""
    homogeneous = torch.cat((rest, torch.ones_like(rest[:, :1])), 1)
    return (weights[:, :, None] * homogeneous[:, None]).flatten(1)


def skin_linear(points: Tensor, transforms: Tensor) -> Tensor:
    """Skinning of one rest shape in all frames as a single matrix product.

    ``sum_j w_j (R_j x + s_j)`` is linear in the numbers of [R | s], so the (V, J*4) matrix of
    :func:`weighted_points` times the stacked transforms is every vertex of every frame.

    Args:
        points: (V, J*4), transforms: (T, J, 3, 4).

    Returns:
        (T, V, 3).
    """
    frames = len(transforms)
    stacked = transforms.permute(1, 3, 0, 2).reshape(points.shape[1], frames * 3)
    return (points @ stacked).view(-1, frames, 3).transpose(0, 1)


def skin_each(rest: Tensor, transforms: Tensor, weights: Tensor) -> Tensor:
    """Skinning where every frame has its own rest shape (T, V, 3): pose correctives, or betas per frame.

    Args:
        transforms: (T, J, 3, 4), weights: (V, J).

    Returns:
        (T, V, 3).
    """
    blended = (weights @ transforms.flatten(2)).unflatten(-1, (3, 4))
    return (blended[..., :3] @ rest[..., None])[..., 0] + blended[..., 3]


class _Chain(NamedTuple):
    parents: Tensor  # of joints 1 and up
    by_depth: Tensor  # joints in the order they are walked
    sizes: list[int]  # joints per depth
    above: list[Tensor]  # per depth but the first, where its parents stand within the depth above
    back: Tensor  # from that order to the joints' own


@lru_cache(maxsize=16)
def _chain(parents: tuple[int, ...], device: str) -> _Chain:
    depth = [0]
    for parent in parents[1:]:
        depth.append(depth[parent] + 1)
    levels = [[j for j, level in enumerate(depth) if level == step] for step in range(max(depth) + 1)]
    walked = [joint for level in levels for joint in level]

    def index(ids: list[int]) -> Tensor:
        return torch.tensor(ids, device=device)

    return _Chain(
        parents=index(list(parents[1:])),
        by_depth=index(walked),
        sizes=[len(level) for level in levels],
        above=[
            index([upper.index(parents[j]) for j in level])
            for upper, level in zip(levels, levels[1:], strict=False)
        ],
        back=index([walked.index(joint) for joint in range(len(parents))]),
    )
