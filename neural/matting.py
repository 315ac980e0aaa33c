"""The person's outline to the pixel: the detector's soft mask, corrected by the picture's own colours."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from neural.uncover import push_pull

BAND = 0.012
"""Share of the person's height by which the detector's outline may be off (256 pixels a side over the person)."""
APART = 0.1
"""Distance of the two colours, of a range of 1, from which they decide alone."""
_GRAIN = 0.0008  # of the height: standard deviation of the smoothing that keeps noise out of the outline


def refine_mask(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(H, W) float32 in [0, 1]: the share of each pixel that is the person.

    The person's colour is carried to the outline from inside, the background's from outside (push-pull). A pixel
    there lies between the two, at the share of the person in it: the projection on the line from one colour to
    the other. Where both are alike the detector's mask stays.

    Args:
        image: (H, W, 3) uint8. mask: (H, W) in [0, 1].
    """
    person = mask > 0.5
    rows = np.flatnonzero(person.any(1))
    if len(rows) == 0 or person.all():
        return mask.astype(np.float32)
    height = rows[-1] - rows[0] + 1
    reach = BAND * height
    box = _box(person, round(3 * reach) + 2)
    person, picture = person[box], image[box].astype(np.float32) / 255
    inside = ndimage.distance_transform_edt(np.pad(person, 1, mode="edge"))[1:-1, 1:-1]
    outside = ndimage.distance_transform_edt(~person)
    sure_front, sure_back = inside > reach, outside > reach
    if not sure_front.any() or not sure_back.any():
        return mask.astype(np.float32)
    front = push_pull(picture, sure_front.astype(np.float32))
    back = push_pull(picture, sure_back.astype(np.float32))
    apart = front - back
    square = (apart**2).sum(-1)
    share = ((picture - back) * apart).sum(-1) / np.maximum(square, 1e-6)
    share = ndimage.gaussian_filter(np.clip(share, 0, 1), _GRAIN * height)
    certain = np.clip(square / APART**2, 0, 1)
    mixed = certain * share + (1 - certain) * mask[box]
    refined = np.zeros(mask.shape, np.float32)
    refined[box] = np.where(sure_front, 1.0, np.where(sure_back, 0.0, mixed))
    return refined


def _box(area: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The rows and columns of an area that is not empty, and a margin."""
    rows, columns = np.flatnonzero(area.any(1)), np.flatnonzero(area.any(0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + margin + 1),
        slice(max(columns[0] - margin, 0), columns[-1] + margin + 1),
    )
