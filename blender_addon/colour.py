"""Pictures between the worker (display-referred sRGB, straight alpha, top row first) and Blender's render result
(scene-linear, premultiplied alpha, bottom row first)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FAR = 1e10
"""Depth where there is nothing, as Cycles writes it."""


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


def over(front: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Porter-Duff over of two straight-alpha RGBA pictures (H, W, 4)."""
    a, b = front[..., 3:], back[..., 3:] * (1 - front[..., 3:])
    alpha = a + b
    colour = (front[..., :3] * a + back[..., :3] * b) / np.maximum(alpha, 1e-8)
    return np.concatenate([colour, alpha], -1)


def merge_by_depth(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Two people in one picture: at every pixel the nearer one is over the other.

    Args:
        first, second: RGBA (H, W, 4), straight alpha, and depth (H, W), infinite where there is nobody.
    """
    second_in_front = (second[1] < first[1])[..., None]
    front = np.where(second_in_front, second[0], first[0])
    back = np.where(second_in_front, first[0], second[0])
    return over(front, back), np.minimum(first[1], second[1])


def to_combined(rgba: np.ndarray) -> np.ndarray:
    """Values of Blender's Combined pass, flat float32, of an RGBA picture (H, W, 4) as the worker returns it."""
    rgba = np.asarray(rgba[::-1], np.float32)
    combined = np.zeros(rgba.shape, np.float32)
    seen = rgba[..., 3] > 0  # the power costs most of a frame's overhead, and much of a frame is clear
    alpha = rgba[seen, 3:]
    combined[seen] = np.concatenate([srgb_to_linear(rgba[seen, :3]) * alpha, alpha], -1)
    return combined.ravel()


def to_depth(depth: np.ndarray) -> np.ndarray:
    """Values of Blender's Depth pass, flat float32, of depth (H, W) in metres along the camera's axis."""
    filled = np.where(np.isfinite(depth), depth, FAR)
    return np.ascontiguousarray(filled[::-1], np.float32).ravel()
