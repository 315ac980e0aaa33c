"""Rotations as axis-angle vectors, matrices, unit quaternions and 6D vectors, differentiable everywhere.

Every function takes any leading batch shape ``(*, n)`` and keeps dtype and device. Matrices act on column
vectors (``y = R @ x``); quaternions are ``w, x, y, z``, Blender's order.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Below this squared angle (0.01 rad) the series are exact to double precision and the closed forms are not.
_SMALL_SQUARED_ANGLE = 1e-4


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Rodrigues' formula ``R = I + sin(t)/t [a]x + (1 - cos(t))/t² [a]x²`` with ``t = |a|``.

    Args:
        axis_angle: ``(*, 3)`` rotation axis times angle in radians.

    Returns:
        ``(*, 3, 3)`` rotation matrices; value and gradient are finite at zero.

    Raises:
        ValueError: the last dimension is not 3.
    """
    _require_last(axis_angle, (3,), "axis_angle")
    squared = (axis_angle * axis_angle).sum(-1)
    small = squared < _SMALL_SQUARED_ANGLE
    # The unused branch of `where` must be finite too, or its gradient turns the other into NaN.
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    half_sine = torch.sin(0.5 * angle)
    sine = torch.where(small, 1 - squared / 6 * (1 - squared / 20), torch.sin(angle) / angle)
    # 1 - cos(t) = 2 sin²(t/2) does not cancel at small angles.
    versine = torch.where(small, 0.5 - squared / 24 * (1 - squared / 30), 2 * (half_sine / angle) ** 2)
    cross = _cross_product_matrix(axis_angle)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + sine[..., None, None] * cross + versine[..., None, None] * (cross @ cross)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """The axis-angle vector of smallest angle, stable at 0 and near pi.

    Args:
        matrix: ``(*, 3, 3)`` rotation matrices.

    Returns:
        ``(*, 3)`` with angles in [0, pi] radians.

    Raises:
        ValueError: the last dimensions are not (3, 3).
    """
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Unit quaternions, by the best conditioned of the four forms (Shepperd 1978, JGCD 1(3)).

    Args:
        matrix: ``(*, 3, 3)`` rotation matrices.

    Returns:
        ``(*, 4)`` as w, x, y, z with w >= 0.

    Raises:
        ValueError: the last dimensions are not (3, 3).
    """
    _require_last(matrix, (3, 3), "matrix")
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = matrix.flatten(-2).unbind(-1)
    # Row k holds 4 q_k times the quaternion; the row of the largest component is far from 0.
    rows = torch.stack(
        [
            torch.stack([1 + m00 + m11 + m22, m21 - m12, m02 - m20, m10 - m01], dim=-1),
            torch.stack([m21 - m12, 1 + m00 - m11 - m22, m01 + m10, m02 + m20], dim=-1),
            torch.stack([m02 - m20, m01 + m10, 1 - m00 + m11 - m22, m12 + m21], dim=-1),
            torch.stack([m10 - m01, m02 + m20, m12 + m21, 1 - m00 - m11 + m22], dim=-1),
        ],
        dim=-2,
    )
    best = torch.diagonal(rows, dim1=-2, dim2=-1).argmax(-1)
    row = torch.take_along_dim(rows, best[..., None, None], dim=-2).squeeze(-2)
    quaternion = torch.nn.functional.normalize(row, dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def quaternion_to_axis_angle(quaternion: Tensor) -> Tensor:
    """The axis-angle vector of smallest angle.

    Args:
        quaternion: ``(*, 4)`` unit quaternions w, x, y, z of either sign.

    Returns:
        ``(*, 3)`` with angles in [0, pi] radians; value and gradient are finite at the identity.

    Raises:
        ValueError: the last dimension is not 4.
    """
    _require_last(quaternion, (4,), "quaternion")
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, vector = quaternion[..., 0], quaternion[..., 1:]
    squared = (vector * vector).sum(-1)
    small = squared < _SMALL_SQUARED_ANGLE
    sine = torch.where(small, torch.ones_like(squared), squared).sqrt()
    # 2 atan(s/w)/s as a series where s is small: there w is near 1.
    ratio = squared / torch.where(small, w, torch.ones_like(w)) ** 2
    series = 2 / torch.where(small, w, torch.ones_like(w)) * (1 - ratio / 3 * (1 - 0.6 * ratio))
    factor = torch.where(small, series, 2 * torch.atan2(sine, w) / sine)
    return vector * factor[..., None]


def matrix_to_rotation_6d(matrix: Tensor) -> Tensor:
    """The first two rows of the matrix (Zhou et al. 2019, "On the Continuity of Rotation Representations";
    rows, as in PyTorch3D, where the paper's code takes columns).

    Args:
        matrix: ``(*, 3, 3)`` rotation matrices.

    Returns:
        ``(*, 6)``.

    Raises:
        ValueError: the last dimensions are not (3, 3).
    """
    _require_last(matrix, (3, 3), "matrix")
    return matrix[..., :2, :].flatten(-2)


def rotation_6d_to_matrix(rotation_6d: Tensor) -> Tensor:
    """Gram-Schmidt on two vectors, which become the first two rows (see :func:`matrix_to_rotation_6d`).

    Args:
        rotation_6d: ``(*, 6)``, any two vectors that are not parallel.

    Returns:
        ``(*, 3, 3)`` rotation matrices.

    Raises:
        ValueError: the last dimension is not 6.
    """
    _require_last(rotation_6d, (6,), "rotation_6d")
    first = torch.nn.functional.normalize(rotation_6d[..., :3], dim=-1)
    second = rotation_6d[..., 3:]
    second = second - (first * second).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second, dim=-1)], dim=-2)


def _cross_product_matrix(vector: Tensor) -> Tensor:
    """``(*, 3, 3)`` matrices with ``[v]x @ u = v x u``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def _require_last(tensor: Tensor, shape: tuple[int, ...], name: str) -> None:
    if tensor.shape[-len(shape) :] != shape:
        expected = ", ".join(str(n) for n in shape)
        raise ValueError(f"{name} must have the shape (*, {expected}), got {tuple(tensor.shape)}")
