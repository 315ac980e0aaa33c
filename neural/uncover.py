"""What is hidden in a picture: taken from pictures that show it, or filled from around it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy import ndimage

from smpl_fitting.progress import Progress

_ROWS = 64  # rows at a time in the median, which bounds its memory


def median_of_uncovered(
    frames: Sequence[np.ndarray], covered: Sequence[np.ndarray], progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Median over the frames (H, W, 3) uint8 that show each pixel, and (H, W) bool where none does.

    Args:
        covered: (H, W) bool of each frame.

    Raises:
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    height, width = covered[0].shape
    image = np.zeros((height, width, 3), np.uint8)
    shown = len(covered) - np.sum(covered, axis=0)
    for start in progress.track(range(0, height, _ROWS), -(-height // _ROWS)):
        rows = slice(start, start + _ROWS)
        # covered values sort behind all others; the median of n is then the n // 2-th
        stack = np.stack([frame[rows] for frame in frames], axis=-1).astype(np.int16)
        stack[np.stack([mask[rows] for mask in covered], axis=-1)[:, :, None].repeat(3, axis=2)] = 256
        stack.sort(axis=-1)
        middle = np.maximum(shown[rows] - 1, 0) // 2
        pick = np.broadcast_to(middle[:, :, None, None], (*stack.shape[:3], 1))
        image[rows] = np.minimum(np.take_along_axis(stack, pick, axis=-1)[..., 0], 255)
    return image, shown == 0


def fill_hole(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fill a hole smoothly from its rim, with the picture's own grain over it.

    Push-pull (Gortler et al. 1996) gives the low frequencies without the streaks of inpainting by lines.

    Args:
        image: (H, W, 3) uint8. hole: (H, W) bool.
    """
    if not hole.any():
        return image.copy()
    if hole.all():
        return np.full_like(image, 128)
    smooth = push_pull(image.astype(np.float32), (~hole).astype(np.float32))
    filled = smooth + _grain(image, hole)
    # the fill takes over within a few pixels, so that no line shows where it begins
    away = ndimage.distance_transform_edt(hole)
    share = np.clip(away / 3.0, 0, 1)[..., None]
    mixed = np.where(hole[..., None], share * filled + (1 - share) * smooth, image)
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def push_pull(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill what has no weight from ever coarser means of what has.

    Args:
        image: (H, W, C) float32. weight: (H, W) float32 in [0, 1].

    Returns:
        (H, W, C), equal to ``image`` where the weight is 1.
    """
    if min(image.shape[:2]) <= 2:
        total = weight.sum()
        mean = (image * weight[..., None]).sum((0, 1)) / max(float(total), 1e-6)
        return weight[..., None] * image + (1 - weight[..., None]) * mean
    half = ((image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2)
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small = cv2.resize(image * weight[..., None], half, interpolation=cv2.INTER_AREA)
    small = small.reshape(half[1], half[0], -1) / np.maximum(small_weight, 1e-6)[..., None]
    # a coarse pixel with a quarter of its area known is known well enough
    small = push_pull(small, np.minimum(small_weight * 4, 1.0))
    coarse = cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)
    coarse = coarse.reshape(image.shape)
    return weight[..., None] * image + (1 - weight[..., None]) * coarse


def _grain(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Noise of the strength and fineness of the picture's, over its whole area. Always the same for a picture."""
    luma = image.astype(np.float32).mean(-1)
    rest = luma - cv2.GaussianBlur(luma, (0, 0), 1.5)
    flat = rest[~ndimage.binary_dilation(hole, iterations=4)]
    if flat.size == 0:
        return np.zeros((*luma.shape, 1), np.float32)
    strength = 1.4826 * float(np.median(np.abs(flat)))  # the median leaves out edges and texture
    noise = np.random.default_rng(0).standard_normal(luma.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.7)
    return (noise / noise.std() * strength)[..., None]
