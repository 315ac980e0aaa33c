"""Whether the camera moves: then a person's way over the ground cannot be told from the camera's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from scipy import ndimage

from smpl_fitting.progress import Progress
from smpl_fitting.video.footage import Footage

FRAMES = 25
"""Frames of a shot that are looked at."""
MASK_GROWTH = 0.02
"""Share of the person's height by which the mask is widened: soft edges, shadows of hair and cloth."""
ASTRAY = 1.0
"""Pixels by which a corner that is tracked there and back may miss itself."""
MOVING = 0.004
"""Shift of the background, in shares of the picture's longer side, from which the camera is said to move."""


def camera_moves(
    footage: Footage,
    mask_of: Callable[[int], np.ndarray],
    frames: range,
    cuts: Sequence[int] = (),
    progress: Progress | None = None,
) -> bool:
    """Whether the background moves in any shot of a clip.

    Args:
        mask_of: the person's mask (H, W) in [0, 1] of a row of ``frames``.
        cuts: rows at which another shot begins.

    Raises:
        FootageError: the clip cannot be read.
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    edges = [0, *cuts, len(frames)]
    for number, (start, stop) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        rows = range(start, stop)[:: max(1, -(-(stop - start) // FRAMES))]
        part = progress.part("", number / (len(edges) - 1), (number + 1) / (len(edges) - 1))
        pictures = [
            np.ascontiguousarray(footage.frame(frames[row])[..., :3]) for row in part.track(rows, len(rows))
        ]
        if background_moves(pictures, [grown_mask(mask_of(row)) for row in rows]):
            return True
    return False


def background_moves(pictures: Sequence[np.ndarray], covered: Sequence[np.ndarray]) -> bool:
    """Whether the background of pictures (H, W, 3) uint8 moves by more than :data:`MOVING`; ``covered``: (H, W) bool
    of each, what is not background."""
    return camera_shift(pictures, covered) > MOVING * max(pictures[0].shape[:2])


def camera_shift(frames: Sequence[np.ndarray], covered: Sequence[np.ndarray]) -> float:
    """How far the background moves between the first frame and any other, pixels.

    Corners outside the person are tracked (Lucas-Kanade); the median of their ways, so that passers-by and
    leaves do not count, and only of those that are tracked back to where they were: on a bare wall a shadow
    leads others astray. A zoom or roll moves most corners too.
    """
    first = cv2.cvtColor(np.ascontiguousarray(frames[0]), cv2.COLOR_RGB2GRAY)
    free = (~covered[0]).astype(np.uint8)
    corners = cv2.goodFeaturesToTrack(first, 300, 0.01, max(first.shape) / 100, mask=free)
    if corners is None or len(corners) < 8:
        return 0.0  # a bare wall: whether it moves cannot be seen, nor does it matter
    worst = 0.0
    for frame, person in zip(frames[1:], covered[1:], strict=True):
        gray = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
        there, found, _ = cv2.calcOpticalFlowPyrLK(
            first, gray, corners, np.zeros_like(corners), winSize=(21, 21), maxLevel=4
        )
        back, again, _ = cv2.calcOpticalFlowPyrLK(
            gray, first, there, np.zeros_like(corners), winSize=(21, 21), maxLevel=4
        )
        astray = np.linalg.norm(back[:, 0] - corners[:, 0], axis=1)
        x, y = np.round(there[:, 0]).astype(int).T
        inside = (x >= 0) & (x < gray.shape[1]) & (y >= 0) & (y < gray.shape[0])
        inside &= (found[:, 0] == 1) & (again[:, 0] == 1) & (astray < ASTRAY)
        inside[inside] = ~person[y[inside], x[inside]]
        if inside.sum() >= 8:
            way = np.linalg.norm(there[inside, 0] - corners[inside, 0], axis=1)
            worst = max(worst, float(np.median(way)))
    return worst


def grown_mask(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool, the person and :data:`MASK_GROWTH` of their height around."""
    person = mask > 0.3
    rows = np.flatnonzero(person.any(1))
    if len(rows) == 0:
        return person
    radius = max(2.0, MASK_GROWTH * (rows[-1] - rows[0] + 1))
    return ndimage.distance_transform_edt(~person) <= radius
