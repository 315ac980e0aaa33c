"""Rotations the solver needs beyond ``scene.conventions``: swings, twists, interpolation, and Euler angles.

Matrices (..., 3, 3) act on column vectors; quaternions (..., 4) are w x y z; angles are radians. numpy only.
"""

from __future__ import annotations

import numpy as np

from ..scene.conventions import axis_angle_to_matrix, continuous_quaternions, matrix_to_quaternion

_TINY = 1e-12


def normalized(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) at length 1; those of no length stay 0."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > _TINY, length, 1.0)


def transpose(matrices: np.ndarray) -> np.ndarray:
    """The inverses of rotations (..., 3, 3)."""
    return np.swapaxes(matrices, -1, -2)


def rotate(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) turned by matrices (..., 3, 3)."""
    return np.squeeze(matrices @ np.asarray(vectors)[..., None], -1)


def about_axis(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) by ``angle`` (...) about unit ``axis`` (..., 3)."""
    return axis_angle_to_matrix(np.asarray(axis) * np.asarray(angle)[..., None])


def swing(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The smallest rotations (..., 3, 3) that turn directions ``before`` to ``after`` (..., 3).

    Opposite directions leave the axis open: then any axis square to ``before`` is taken.
    """
    a, b = normalized(np.asarray(before, float)), normalized(np.asarray(after, float))
    a, b = np.broadcast_arrays(a, b)
    axis, cosine = np.cross(a, b), np.sum(a * b, -1)
    sine = np.linalg.norm(axis, axis=-1)
    other = np.where(np.abs(a[..., :1]) < 0.7, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    axis = np.where(((sine < 1e-9) & (cosine < 0))[..., None], np.cross(a, other), axis)
    return about_axis(normalized(axis), np.arctan2(sine, cosine))


def log(matrices: np.ndarray) -> np.ndarray:
    """Axis-angle vectors (..., 3) of rotations, angle at most pi."""
    q = matrix_to_quaternion(matrices)
    q = q * np.where(q[..., :1] < 0, -1.0, 1.0)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., :1])
    # angle / sine goes to 2 at 0
    return q[..., 1:] * np.where(sine > 1e-9, angle / np.maximum(sine, _TINY), 2.0)


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (...) between rotations (..., 3, 3)."""
    return np.linalg.norm(log(transpose(a) @ b), axis=-1)


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """Rotations between ``a`` (t = 0) and ``b`` (t = 1), the short way; ``t`` broadcasts to (...)."""
    return a @ axis_angle_to_matrix(log(transpose(a) @ b) * np.asarray(t, float)[..., None])


def split_twist(matrices: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Swing and twist with ``matrices == swing @ twist``: the twist turns about ``axis`` (..., 3).

    Swing-twist decomposition by the smallest rotation that takes ``axis`` where ``matrices`` do.
    """
    turned = swing(np.broadcast_to(axis, matrices.shape[:-1]), rotate(matrices, axis))
    return turned, transpose(turned) @ matrices


def nearest_rotation(matrices: np.ndarray) -> np.ndarray:
    """The rotations (..., 3, 3) nearest to ``matrices``: polar decomposition, reflections not allowed."""
    u, _, vt = np.linalg.svd(matrices)
    flip = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    u[..., :, 2] *= flip[..., None]
    return u @ vt


def quaternion_to_matrix(quaternions: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) of quaternions (..., 4) of any length but 0."""
    q = quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True)
    angle = 2 * np.arctan2(np.linalg.norm(q[..., 1:], axis=-1), q[..., 0])
    return about_axis(normalized(q[..., 1:]), angle)


def matrix_to_euler(matrices: np.ndarray, order: str) -> np.ndarray:
    """Euler angles (T, 3) x y z in Blender's ``order``, chosen along T so that nothing flips.

    Blender's 'XYZ' turns about X first: R = Rz Ry Rx. Each rotation has two triples of angles; with the turns added
    the one nearest to the frame before is taken.
    """
    i, j, k = ("XYZ".index(letter) for letter in order)
    parity = 1.0 if (j - i) % 3 == 1 else -1.0
    m = np.asarray(matrices, float)
    cosine = np.hypot(m[:, i, i], m[:, j, i])
    middle = np.arctan2(-parity * m[:, k, i], cosine)
    locked = cosine < 1e-6  # gimbal lock: only the sum of the outer angles matters
    first = np.where(
        locked,
        np.arctan2(-parity * m[:, j, k], m[:, j, j]),
        np.arctan2(parity * m[:, k, j], m[:, k, k]),
    )
    last = np.where(locked, 0.0, np.arctan2(parity * m[:, j, i], m[:, i, i]))
    angles = np.stack([first, middle, last], -1)
    other = np.stack([first + np.pi, np.pi - middle, last + np.pi], -1)
    return _nearest_path(angles, other, locked, parity)[:, np.argsort([i, j, k])]


def _nearest_path(angles: np.ndarray, other: np.ndarray, locked: np.ndarray, parity: float) -> np.ndarray:
    """Of two triples (T, 3) each frame, plus whole turns, the one nearest to the frame before."""
    both = np.stack([angles, other], 1)
    path = np.empty_like(angles)
    before = np.zeros(3)
    turn = 2 * np.pi
    for frame, pair in enumerate(both):
        if locked[frame]:  # keep the last angle of the frame before, and let the first make up for it
            sign = parity * np.sign(np.sin(pair[:, 1:2]))
            pair = pair + np.concatenate([sign * before[2], np.zeros((2, 1)), np.full((2, 1), before[2])], 1)
        pair = pair + turn * np.round((before - pair) / turn)
        before = path[frame] = pair[np.argmin(np.abs(pair - before).sum(1))]
    return path


def euler_to_matrix(angles: np.ndarray, order: str) -> np.ndarray:
    """Rotations (..., 3, 3) of Euler angles (..., 3) x y z in Blender's ``order``."""
    result = np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
    for letter in order:
        axis = "XYZ".index(letter)
        result = axis_angle_to_matrix(np.eye(3)[axis] * angles[..., axis : axis + 1]) @ result
    return result


def matrix_to_axis_angle(matrices: np.ndarray) -> np.ndarray:
    """Blender's axis-angle channels (T, 4) angle x y z, continuous along T."""
    q = continuous_quaternions(matrix_to_quaternion(matrices))
    sine = np.linalg.norm(q[:, 1:], axis=-1)
    axis = np.where(sine[:, None] > 1e-7, q[:, 1:] / np.maximum(sine, _TINY)[:, None], 0.0)
    for frame in range(len(axis)):  # no turn has no axis: keep the one before
        if not axis[frame].any():
            axis[frame] = axis[frame - 1] if frame else (0.0, 1.0, 0.0)
    angle = 2 * np.arctan2(sine, q[:, 0])
    sign = np.cumprod(np.where(np.sum(axis[1:] * axis[:-1], -1) < 0, -1.0, 1.0))
    axis[1:] *= sign[:, None]
    angle[1:] *= sign
    return np.concatenate([np.unwrap(angle)[:, None], axis], 1)
