"""Putting pictures beside and below each other."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
from av.video.reformatter import Interpolation

GROUND = 230  # gray below transparent pictures


def resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A uint8 picture (H, W, 3) at ``size`` (height, width): areas averaged when smaller, bicubic when larger."""
    if picture.shape[:2] == tuple(size):
        return picture
    smaller = size[0] < picture.shape[0] or size[1] < picture.shape[1]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    how = Interpolation.AREA if smaller else Interpolation.BICUBIC
    return frame.reformat(width=size[1], height=size[0], format="rgb24", interpolation=how).to_ndarray()


def scaled(picture: np.ndarray, height: int) -> np.ndarray:
    """A uint8 picture (H, W, 3) at this height."""
    return resized(picture, (height, max(1, round(picture.shape[1] * height / picture.shape[0]))))


def opaque(picture: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) of a picture that may have straight alpha, over light gray."""
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:].astype(np.float32) / 255
    return (picture[..., :3] * alpha + GROUND * (1 - alpha)).astype(np.uint8)


def beside(pictures: Sequence[np.ndarray], gap: int = 0, tint: int = 255) -> np.ndarray:
    """Pictures from left to right on a common height, centred, ``gap`` pixels between them."""
    height = max(picture.shape[0] for picture in pictures)
    columns: list[np.ndarray] = []
    for picture in pictures:
        above = (height - picture.shape[0]) // 2
        below = height - picture.shape[0] - above
        if columns and gap:
            columns.append(np.full((height, gap, 3), tint, np.uint8))
        columns.append(np.pad(picture, ((above, below), (0, 0), (0, 0)), constant_values=tint))
    return np.concatenate(columns, axis=1)


def below(pictures: Sequence[np.ndarray], gap: int = 0, tint: int = 255) -> np.ndarray:
    """Pictures from top to bottom on a common width, centred, ``gap`` pixels between them."""
    return beside([picture.swapaxes(0, 1) for picture in pictures], gap, tint).swapaxes(0, 1)
