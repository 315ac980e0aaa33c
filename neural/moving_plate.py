"""The plates of a clip whose camera moves: each frame with the person taken out.

What she hides is looked up in other frames of the clip, brought to this one's view by how the background between
them moved (:mod:`neural.registration`). All else is the frame's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from neural.registration import View, register, see
from neural.uncover import fill_hole, median_of_uncovered

_ENOUGH = 3  # views of a place from which the median is taken
_FEATHER = 4  # pixels around the hole over which what was found fades into the frame
_GAIN_LIMIT = 1.25  # of the exposure, between one frame and another


@dataclass(frozen=True)
class Glimpse:
    """A frame of the clip that others may look into: (H, W, 3) uint8, and (H, W) bool where it is no background."""

    number: int
    picture: np.ndarray
    covered: np.ndarray
    view: View


def glimpse(number: int, picture: np.ndarray, covered: np.ndarray) -> Glimpse:
    """One frame, prepared."""
    return Glimpse(number, picture, covered, see(picture, covered))


def uncovered_frame(
    number: int, picture: np.ndarray, covered: np.ndarray, glimpses: Sequence[Glimpse]
) -> np.ndarray:
    """A frame (H, W, 3) uint8 without what is ``covered`` (H, W) bool; equal to it from a few pixels beyond on.

    Args:
        glimpses: other frames of the clip; the nearest in time are asked first.
    """
    if not covered.any():
        return picture.copy()
    box = _around(covered)
    inside = (slice(box[1], box[3]), slice(box[0], box[2]))
    hole, own = covered[inside], picture[inside]
    here = see(picture, covered)
    found: list[np.ndarray] = []
    hidden: list[np.ndarray] = []
    times = np.zeros(hole.shape, int)
    for one in sorted(glimpses, key=lambda one: abs(one.number - number)):
        if one.number == number or (times[hole] >= _ENOUGH).all():
            continue
        matrix = register(one.view, here)
        if matrix is None:
            continue
        shown, unknown = _brought(one, matrix, box)
        if (~unknown & hole & (times < _ENOUGH)).any():
            found.append(_exposed(shown, unknown, own, hole))
            hidden.append(unknown)
            times += ~unknown
    part = own.copy()
    if found:
        filled, missing = median_of_uncovered(found, hidden)
        share = np.clip(1 - ndimage.distance_transform_edt(~hole) / _FEATHER, 0, 1) * ~missing
        mixed = own + share[..., None] * (filled.astype(np.float32) - own)
        part = np.round(mixed).astype(np.uint8)
        hole = hole & missing
    out = picture.copy()
    out[inside] = fill_hole(part, hole)
    return out


def _around(covered: np.ndarray) -> tuple[int, int, int, int]:
    """Box x0, y0, x1, y1 of what is covered and some pixels around, in which the exposure is compared."""
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    margin = 8 * _FEATHER
    return (
        max(int(columns[0]) - margin, 0),
        max(int(rows[0]) - margin, 0),
        min(int(columns[-1]) + 1 + margin, covered.shape[1]),
        min(int(rows[-1]) + 1 + margin, covered.shape[0]),
    )


def _brought(
    one: Glimpse, matrix: np.ndarray, box: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The part of another frame that is seen in ``box`` of this one, and (h, w) bool where it shows no background."""
    x0, y0, x1, y1 = box
    to_box = np.array([[1.0, 0, -x0], [0, 1, -y0], [0, 0, 1]])
    moved = to_box @ matrix
    size = (x1 - x0, y1 - y0)
    shown = cv2.warpPerspective(one.picture, moved, size, flags=cv2.INTER_LINEAR)
    open_ = cv2.warpPerspective((~one.covered).astype(np.uint8) * 255, moved, size, flags=cv2.INTER_LINEAR)
    return shown, open_ < 255


def _exposed(shown: np.ndarray, unknown: np.ndarray, own: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """As bright as this frame is around the hole, channel by channel."""
    both = ~unknown & ~hole
    if both.sum() < 64:
        return shown
    # of each pixel, not of the medians: a shadow that moved must not count
    ratio = np.median((own[both] + 1.0) / (shown[both] + 1.0), axis=0)
    gain = np.clip(ratio, 1 / _GAIN_LIMIT, _GAIN_LIMIT)
    return np.clip(np.round(shown * gain), 0, 255).astype(np.uint8)
