"""Two-bone inverse kinematics in closed form, over all frames at once."""

from __future__ import annotations

import numpy as np

from .rotations import about_axis, normalized, rotate, swing

REACH = 0.9995
"""Of a limb's length: nearer to straight, a millimetre at the ankle turns the knee by degrees."""


def two_bone(
    start: np.ndarray, joint: np.ndarray, end: np.ndarray, target: np.ndarray, hinge: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turns (T, 3, 3) of the upper and of the lower segment that bring ``end`` to ``target``.

    The limb stays in the plane it is bent in, which is swung onto the new direction; a target out of reach is
    approached along its direction. Law of cosines; multiply the turns from the left to the segments' axes.

    Args:
        start, joint, end: (T, 3) hip, knee, ankle, or shoulder, elbow, wrist, as they are.
        target: (T, 3) where ``end`` should be.
        hinge: (T, 3) axis about which the limb bends, for limbs that are straight; bending turns the lower segment
            about it in the positive sense.
    """
    upper, lower = joint - start, end - joint
    a, b = np.linalg.norm(upper, axis=-1), np.linalg.norm(lower, axis=-1)
    now, wanted = end - start, target - start
    least, most = np.abs(a - b) * (2 - REACH), (a + b) * REACH
    distance = np.clip(np.linalg.norm(wanted, axis=-1), least, np.maximum(most, np.linalg.norm(now, axis=-1)))
    # a bent limb's own axis outweighs the given one, which decides within a few degrees of straight
    axis = normalized(np.cross(upper, lower) / (a * b)[..., None] + 0.02 * normalized(hinge))
    before = _bend(a, b, np.linalg.norm(now, axis=-1))
    after = _bend(a, b, distance)
    bent = about_axis(axis, after - before)
    moved = upper + rotate(bent, lower)
    whole = swing(moved, wanted)
    return whole, whole @ bent


def _bend(a: np.ndarray, b: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Angle between the directions of two segments whose ends are ``distance`` apart."""
    cosine = (distance**2 - a**2 - b**2) / np.maximum(2 * a * b, 1e-12)
    return np.arccos(np.clip(cosine, -1.0, 1.0))
