"""The truth about a window where a photograph shows it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural.liquid_inputs import carry_on
from neural.windows import Window, cropped

_SURE = 0.98  # coverage of a pixel and its neighbours from which its colour is the person's own


def picture_planes(image: np.ndarray, mask: np.ndarray) -> Tensor:
    """(4, H, W) in [0, 1] of a picture (H, W, 3) uint8 and its mask (H, W), uint8 or in [0, 1]."""
    colour = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
    share = torch.from_numpy(mask).float()[None]
    return torch.cat([colour, share / 255 if mask.dtype == np.uint8 else share])


def resized_planes(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """(C, H, W) at another size (height, width)."""
    if tuple(planes.shape[1:]) == size:
        return planes
    return functional.interpolate(planes[None], size=size, mode="bilinear", antialias=True)[0].clamp(0, 1)


def photographed(planes: Tensor, window: Window, scale: float, warp: Tensor) -> Tensor:
    """(4, H, W): the person as a photograph shows her in a window of it at ``scale``; beyond the picture the warp.

    Args:
        planes: (4, h, w) of :func:`picture_planes`. warp: (4, H, W), the warp picture of the window.
    """
    x0, y0, x1, y1 = (round(side / scale) for side in window.box)
    there = torch.ones_like(planes[:1])
    seen = resized_planes(cropped(torch.cat([planes, there]), (x0, y0, x1, y1)), window.size)
    # at the outline the picture's colours are half the background's: those from inside are carried there
    sure = -functional.max_pool2d(-seen[3:4], 3, 1, 1)[0]
    colour = carry_on(seen[:3], torch.where(sure > _SURE, 1.0, 0.0))
    return torch.where(seen[4:] > 0.99, torch.cat([colour, seen[3:4]]), warp)
