"""Rotations and places at other times than those they were recorded at."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation, Slerp


def rotations_at(times: np.ndarray, rotations: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Spherical linear interpolation; before the first and after the last time the nearest holds.

    Args:
        times: (N,) increasing. rotations: (N, J, 3, 3). wanted: (M,).

    Returns:
        (M, J, 3, 3).
    """
    if np.array_equal(times, wanted):
        return rotations
    if len(times) == 1:
        return np.repeat(rotations, len(wanted), axis=0)
    inside = np.clip(wanted, times[0], times[-1])
    joints = [
        Slerp(times, Rotation.from_matrix(rotations[:, joint]))(inside).as_matrix()
        for joint in range(rotations.shape[1])
    ]
    return np.stack(joints, axis=1)


def values_at(times: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(M, ...) linear interpolation of values (N, ...), held at both ends."""
    rows = values.reshape(len(values), -1)
    columns = [np.interp(wanted, times, rows[:, column]) for column in range(rows.shape[1])]
    return np.stack(columns, axis=1).reshape(len(wanted), *values.shape[1:])


def axis_angle_to_matrices(poses: np.ndarray) -> np.ndarray:
    """(T, J, 3, 3) from axis-angle (T, 3 J)."""
    return Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(len(poses), -1, 3, 3)


def matrices_to_axis_angle(rotations: np.ndarray) -> np.ndarray:
    """(T, 3 J) from (T, J, 3, 3)."""
    return Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(len(rotations), -1)
