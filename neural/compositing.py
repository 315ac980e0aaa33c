"""Putting the drawn person over something: a plate, a frame, a colour, or nothing."""

from __future__ import annotations

import re

import numpy as np
import torch
from torch.nn import functional

from smpl_fitting.errors import LiquidMotionError

NAMED_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
}


def over(rgba: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Composite on display-referred values, as pictures are looked at.

    Args:
        rgba: (H, W, 4) float32 in [0, 1], straight alpha.
        background: (H, W, 3) uint8, or one colour (3,).

    Returns:
        (H, W, 3) uint8. Where alpha is 0 the background comes back unchanged.
    """
    out = np.array(np.broadcast_to(background, (*rgba.shape[:2], 3)), np.uint8)
    inside = _box(rgba[..., 3])
    colour, alpha = rgba[inside][..., :3], rgba[inside][..., 3:]
    mixed = np.rint(colour * 255 * alpha + out[inside] * (1 - alpha))
    np.clip(mixed, 0, 255, out=mixed)
    np.copyto(out[inside], mixed, where=alpha > 0, casting="unsafe")
    return out


def _box(alpha: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of (H, W) in which anything is; the rest of a picture is usually the larger part."""
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    if len(rows) == 0:
        return slice(0), slice(0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def to_bytes(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8, straight alpha: for a sequence with alpha."""
    out = np.zeros(rgba.shape, np.uint8)
    inside = _box(rgba[..., 3])
    out[inside] = np.clip(np.rint(rgba[inside] * 255), 0, 255)
    return out


def fit_background(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (H, W, 3) uint8 scaled to cover ``size`` (height, width), what is over cut off evenly."""
    if image.shape[:2] == tuple(size):
        return image
    scale = max(size[0] / image.shape[0], size[1] / image.shape[1])
    larger = [max(goal, round(side * scale)) for side, goal in zip(image.shape[:2], size, strict=True)]
    planes = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    planes = functional.interpolate(planes, size=larger, mode="bicubic", antialias=True)[0]
    top, left = (larger[0] - size[0]) // 2, (larger[1] - size[1]) // 2
    planes = planes[:, top : top + size[0], left : left + size[1]]
    return planes.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def parse_colour(text: str) -> tuple[int, int, int]:
    """``#rrggbb``, ``r,g,b`` (0-255), or a name.

    Raises:
        LiquidMotionError: it is none of these.
    """
    text = text.strip().lower()
    if text in NAMED_COLOURS:
        return NAMED_COLOURS[text]
    if re.fullmatch("#[0-9a-f]{6}", text):
        return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
    parts = text.split(",")
    if len(parts) == 3 and all(part.strip().isdigit() and int(part) < 256 for part in parts):
        return int(parts[0]), int(parts[1]), int(parts[2])
    raise LiquidMotionError(
        f"colour {text!r} is not understood; write #rrggbb, r,g,b, or one of {', '.join(NAMED_COLOURS)}"
    )
