"""Pictures between the worker (display-referred sRGB, straight alpha, top row first) and Blender's render result
(scene-linear, premultiplied alpha, bottom row first).

Colours travel and wait as 16-bit fixed point: the bytes of a photo are exact in it (65535 = 255 x 257), and a table
of 65,536 entries turns them into linear light, where the power itself would cost most of a frame's overhead.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FAR = 1e10
"""Depth where there is nothing, as Cycles writes it."""
_FULL = 65535
_ROWS = 16  # looked up at a time: what lies between stays in the processor's cache


@dataclass(frozen=True)
class Picture:
    """One frame, top row first.

    Attributes:
        rgba: (H, W, 4) uint16, display-referred sRGB, straight alpha.
        depth: (H, W) float32 metres along the camera's axis, infinite where there is nobody.
        provenance: (H, W) uint8: 0 nobody or invented, 255 mirrored, else source number + 1.
    """

    rgba: np.ndarray
    depth: np.ndarray
    provenance: np.ndarray

    @staticmethod
    def empty(size: tuple[int, int]) -> Picture:
        """Nobody: clear everywhere."""
        return Picture(
            np.zeros((*size, 4), np.uint16), np.full(size, np.inf, np.float32), np.zeros(size, np.uint8)
        )

    def placed(self, box: tuple[int, int, int, int], size: tuple[int, int]) -> Picture:
        """This picture as the part x0, y0, x1, y1 of a larger one of ``size`` (height, width)."""
        if box == (0, 0, size[1], size[0]):
            return self
        whole = Picture.empty(size)
        inside = np.s_[box[1] : box[3], box[0] : box[2]]
        for name in ("rgba", "depth", "provenance"):
            getattr(whole, name)[inside] = getattr(self, name)
        return whole


def srgb_to_linear(values: npt.ArrayLike) -> np.ndarray:
    """Inverse sRGB transfer (IEC 61966-2-1), any shape."""
    values = np.asarray(values)
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0.04045) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(values: npt.ArrayLike) -> np.ndarray:
    """sRGB transfer (IEC 61966-2-1), any shape."""
    values = np.asarray(values)
    return np.where(
        values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 0.0031308) ** (1 / 2.4) - 0.055
    )


def to_fixed(values: npt.ArrayLike) -> np.ndarray:
    """[0, 1] as 16-bit fixed point."""
    return (np.clip(values, 0.0, 1.0) * _FULL + 0.5).astype(np.uint16)


def from_fixed(values: np.ndarray) -> np.ndarray:
    """16-bit fixed point as float32 in [0, 1]."""
    return values * np.float32(1 / _FULL)


@functools.cache
def _linear_table() -> np.ndarray:
    return srgb_to_linear(np.arange(_FULL + 1) / _FULL).astype(np.float32)


def over(front: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Porter-Duff over of two straight-alpha pictures (H, W, 4) uint16, mixed display-referred as photos are."""
    out = front.copy()
    mixed = front[..., 3] < _FULL
    upper, lower = from_fixed(front[mixed]), from_fixed(back[mixed])
    a, b = upper[:, 3:], lower[:, 3:] * (1 - upper[:, 3:])
    alpha = a + b
    colour = (upper[:, :3] * a + lower[:, :3] * b) / np.maximum(alpha, 1e-8)
    out[mixed] = to_fixed(np.concatenate([colour, alpha], -1))
    return out


def merge_by_depth(first: Picture, second: Picture) -> Picture:
    """Two people in one picture: at every pixel the nearer one is over the other."""
    nearer = second.depth < first.depth
    front = np.where(nearer[..., None], second.rgba, first.rgba)
    back = np.where(nearer[..., None], first.rgba, second.rgba)
    return Picture(
        over(front, back),
        np.minimum(first.depth, second.depth),
        np.where(nearer, second.provenance, first.provenance),
    )


def to_linear(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) float32 scene-linear premultiplied, of (H, W, 4) uint16 display-referred straight."""
    out = np.zeros(rgba.shape, np.float32)
    rows = np.flatnonzero(rgba[..., 3].any(1))
    if len(rows) == 0:
        return out
    columns = np.flatnonzero(rgba[rows[0] : rows[-1] + 1, :, 3].any(0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]  # often a small one
    shown, target = rgba[part], out[part]
    for start in range(0, len(shown), _ROWS):
        few = shown[start : start + _ROWS]
        linear = np.take(
            _linear_table(), few, mode="clip"
        )  # alpha too: three channels apart take twice as long
        linear[..., 3] = 1.0
        np.multiply(linear, from_fixed(few[..., 3:]), out=target[start : start + _ROWS])
    return out


def from_linear(linear: np.ndarray) -> np.ndarray:
    """Inverse of :func:`to_linear`; where alpha is 0 the colour is 0."""
    colour = linear[..., :3] / np.maximum(linear[..., 3:], 1e-8)
    return to_fixed(np.concatenate([linear_to_srgb(colour), linear[..., 3:]], -1))


def average(pictures: Iterable[Picture]) -> Picture:
    """Motion blur: colours averaged in linear light, the nearest depth, the first picture's word on provenance.

    One picture comes back as it is.
    """
    pictures = iter(pictures)
    first, linear, count = next(pictures), None, 1
    depth, provenance = first.depth, first.provenance
    for one in pictures:
        linear = (to_linear(first.rgba) if linear is None else linear) + to_linear(one.rgba)
        provenance = np.where(np.isfinite(depth), provenance, one.provenance)
        depth = np.minimum(depth, one.depth)
        count += 1
    return first if linear is None else Picture(from_linear(linear / count), depth, provenance)


def to_depth(depth: np.ndarray) -> np.ndarray:
    """Depth (H, W) as Blender's Depth pass has it: far where there is nothing."""
    return np.where(np.isfinite(depth), depth, np.float32(FAR))
