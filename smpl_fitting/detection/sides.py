"""Left and right kept apart through a clip.

Seen from behind, or without a face to go by, the landmark network takes single frames for the mirror view: front
for back, with left and right exchanged and the depth turned over. The person cannot turn round between two frames,
so the exchange is found and undone over the whole clip.
"""

from __future__ import annotations

import numpy as np

from smpl_fitting.detection.results import NUM_LANDMARKS

MAIN_JOINTS = (11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""Shoulders, elbows, wrists, hips, knees, ankles."""
# Left, right: eyes' inner corners, eyes, outer corners, ears, mouth, then shoulders down to the toes.
_PAIRS = (
    (1, 4),
    (2, 5),
    (3, 6),
    (7, 8),
    (9, 10),
    *((left, left + 1) for left in range(11, NUM_LANDMARKS, 2)),
)
OTHER_SIDE = np.arange(NUM_LANDMARKS)
"""The landmark of the body's other side, for each."""
for _left, _right in _PAIRS:
    OTHER_SIDE[_left], OTHER_SIDE[_right] = _right, _left

_PENALTY = 0.02  # of a mirrored frame, in body heights: in doubt the network is right
_LARGEST_STEP = 0.25  # body heights; a joint that jumps farther says no more than one that jumps so far
_BODY_METRES = 1.7


def mirrored(keypoints: np.ndarray, world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (T, 33, 4) and (T, 33, 3) as seen by someone who takes front for back."""
    keypoints, world = keypoints[:, OTHER_SIDE].copy(), world[:, OTHER_SIDE].copy()
    keypoints[..., 2] *= -1
    world[..., 2] *= -1
    return keypoints, world


def keep_sides(
    frames: np.ndarray,
    keypoints: np.ndarray,
    world: np.ndarray,
    height: float,
    cuts: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Undo the exchange of left and right in single frames of one person.

    The sequence of mirrored and unmirrored frames with the smallest sum of steps is found by dynamic
    programming (Viterbi).

    Args:
        frames: (T,) rising numbers of the frames; over a gap nothing is compared.
        keypoints: (T, 33, 4) of :class:`Detections`; T at least 1.
        world: (T, 33, 3).
        height: of the person, in pixels.
        cuts: (C,) numbers of the frames that begin a shot; nothing is compared across them.
    """
    variants = ((keypoints, world), mirrored(keypoints, world))
    steps = np.empty((2, 2, len(frames) - 1))  # into the state of the first index, from that of the second
    for into in range(2):
        for out_of in range(2):
            steps[into, out_of] = _steps(variants[out_of], variants[into], height)
    apart = np.diff(frames) > 2
    for cut in () if cuts is None else cuts:
        apart |= (frames[:-1] < cut) & (frames[1:] >= cut)
    steps[..., apart] = 0.0
    own = np.array([0.0, _PENALTY])
    cost, came_from = own, []
    for step in np.moveaxis(steps, -1, 0):
        total = cost[None, :] + step
        came_from.append(total.argmin(axis=1))
        cost = total.min(axis=1) + own
    states = [int(cost.argmin())]
    for previous in reversed(came_from):
        states.append(int(previous[states[-1]]))
    is_mirrored = np.array(states[::-1], bool)[:, None, None]
    return np.where(is_mirrored, variants[1][0], keypoints), np.where(is_mirrored, variants[1][1], world)


def _steps(
    before: tuple[np.ndarray, np.ndarray], after: tuple[np.ndarray, np.ndarray], height: float
) -> np.ndarray:
    """(T-1,) mean step of the main joints from each frame to the next, in body heights, in 2D plus in 3D."""
    joints = list(MAIN_JOINTS)
    flat = np.linalg.norm(after[0][1:, joints, :2] - before[0][:-1, joints, :2], axis=-1) / height
    solid = np.linalg.norm(after[1][1:, joints] - before[1][:-1, joints], axis=-1) / _BODY_METRES
    return (np.minimum(flat, _LARGEST_STEP) + np.minimum(solid, _LARGEST_STEP)).mean(axis=1)
