"""Euler angles over time that do not jump."""

from __future__ import annotations

import numpy as np

_LOCKED = 1e-6  # the cosine of the middle angle below which only the sum of the other two is known


def continuous_euler(rotations: np.ndarray, order: str) -> np.ndarray:
    """Intrinsic Euler angles, each frame's the representation nearest the frame before.

    Every rotation has two triples of angles (the other has the middle one beyond a quarter turn), each up to
    whole turns; where the middle angle locks the outer two together, the first keeps its value.

    Args:
        rotations: (T, J, 3, 3). order: three different axes, such as ``"ZXY"``: R = R_Z R_X R_Y.

    Returns:
        (T, J, 3) radians, in the order given.
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    middle = np.arcsin(np.clip(sign * rotations[..., i, k], -1.0, 1.0))
    first = np.arctan2(-sign * rotations[..., j, k], rotations[..., k, k])
    last = np.arctan2(-sign * rotations[..., i, j], rotations[..., i, i])
    # locked: R_i(a) R_j(±90°) R_k(c) = R_i(a ± c) R_j(±90°)
    together = np.arctan2(sign * rotations[..., k, j], rotations[..., j, j])
    way = sign * np.sign(middle)
    locked = np.cos(middle) < _LOCKED
    angles = np.stack((first, middle, last), axis=-1)
    before = np.zeros_like(angles[0])
    for frame, here in enumerate(angles):
        alone = np.stack(
            (before[:, 0], middle[frame], way[frame] * (together[frame] - before[:, 0])), axis=-1
        )
        here = np.where(locked[frame, :, None], alone, here)
        other = here * (1.0, -1.0, 1.0) + np.pi
        choices = np.stack((here, other))
        choices -= 2 * np.pi * np.round((choices - before) / (2 * np.pi))
        best = ((choices - before) ** 2).sum(-1).argmin(0)
        angles[frame] = before = np.take_along_axis(choices, best[None, :, None], axis=0)[0]
    return angles
