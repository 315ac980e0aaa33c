"""Axes: SMPL's Y-up body, OpenCV's camera, and Blender's Z-up world, each conversion named both ways.

Everything is float64 numpy; no function here needs Blender. See docs/coordinates.md.
"""

from __future__ import annotations

import numpy as np

Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Rotation of an SMPL rest body (Y-up, facing +Z) to one that stands in Blender (Z-up, facing -Y)."""

_FLIP_YZ = np.diag([1.0, -1.0, -1.0])  # OpenCV looks along +z with y down, Blender along -Z with Y up


def y_up_to_z_up(points: np.ndarray) -> np.ndarray:
    """Points or vectors (..., 3) of the Y-up body in Blender's axes."""
    return np.asarray(points, float) @ Y_UP_TO_Z_UP.T


def z_up_to_y_up(points: np.ndarray) -> np.ndarray:
    """Inverse of :func:`y_up_to_z_up`."""
    return np.asarray(points, float) @ Y_UP_TO_Z_UP


def opencv_to_blender(R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Camera-to-world matrices (..., 4, 4) of a Blender camera.

    Args:
        R: (..., 3, 3) world to camera, ``x_cam = R x + t``, OpenCV axes (x right, y down, z forward).
        t: (..., 3) metres.
    """
    R, t = np.asarray(R, float), np.asarray(t, float)
    inverse = np.swapaxes(R, -1, -2)
    matrix = np.zeros((*R.shape[:-2], 4, 4))
    matrix[..., :3, :3] = inverse @ _FLIP_YZ
    matrix[..., :3, 3] = -np.squeeze(inverse @ t[..., None], -1)
    matrix[..., 3, 3] = 1.0
    return matrix


def blender_to_opencv(matrix_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``R`` (..., 3, 3) and ``t`` (..., 3) of a Blender camera's matrix; inverse of :func:`opencv_to_blender`.

    Scale in the matrix is left out, as Blender does when it renders.
    """
    matrix = np.asarray(matrix_world, float)
    axes = matrix[..., :3, :3]
    axes = axes / np.linalg.norm(axes, axis=-2, keepdims=True)
    R = np.swapaxes(axes @ _FLIP_YZ, -1, -2)
    return R, -np.squeeze(R @ matrix[..., :3, 3:4], -1)


def axis_angle_to_matrix(axis_angle: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), by Rodrigues' formula."""
    vector = np.asarray(axis_angle, float)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    # sin(a)/a and (1 - cos(a))/a^2 through sinc, which is exact at 0
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.eye(3) + first * cross + second * (cross @ cross)


def matrix_to_quaternion(matrix: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4), w x y z as in Blender, of rotation matrices (..., 3, 3).

    Bar-Itzhack's formula, taken by the largest component so that it never divides by a small number.
    """
    m = np.asarray(matrix, float)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    candidates = np.stack(  # row k is 4 q_k times the quaternion
        [
            np.stack([1 + xx + yy + zz, wx, wy, wz], -1),
            np.stack([wx, 1 + xx - yy - zz, xy, xz], -1),
            np.stack([wy, xy, 1 - xx + yy - zz, yz], -1),
            np.stack([wz, xz, yz, 1 - xx - yy + zz], -1),
        ],
        -2,
    )
    best = np.argmax(np.diagonal(candidates, axis1=-2, axis2=-1), -1)
    quaternion = np.take_along_axis(candidates, best[..., None, None], -2)[..., 0, :]
    return quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)


def continuous_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """The same rotations (T, ..., 4) with signs along T such that neighbours interpolate the short way."""
    q = np.asarray(quaternions, float)
    turn = np.sum(q[1:] * q[:-1], -1) < 0
    sign = np.where(np.cumsum(turn, 0) % 2 == 1, -1.0, 1.0)
    result = q.copy()
    result[1:] *= sign[..., None]
    return result
