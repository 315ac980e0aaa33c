"""How close a picture is to the truth.

Pictures are (H, W, 3), uint8 or float in [0, 1]; values are compared in [0, 1], floats clipped to it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

Box = tuple[int, int, int, int]

MS_SSIM_SIDE = 161
"""The shortest side that five scales of an 11-pixel window fit into: (11 - 1) * 2**4 + 1."""
PSNR_LIMIT = 100.0
"""What equal pictures score, whose PSNR is infinite: means over frames stay finite."""


def psnr(picture: np.ndarray, truth: np.ndarray, box: Box | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all channels, at most :data:`PSNR_LIMIT`. Range 1."""
    first, second = _pair(picture, truth, box)
    error = float(((first - second) ** 2).mean())
    return PSNR_LIMIT if error == 0 else min(PSNR_LIMIT, -10 * math.log10(error))


def ssim(picture: np.ndarray, truth: np.ndarray, box: Box | None = None) -> float:
    """SSIM (Wang et al. 2004) on RGB, range 1, Gaussian window of 11 pixels, sigma 1.5 (torchmetrics)."""
    first, second = _pair(picture, truth, box)
    return float(
        structural_similarity_index_measure(first, second, data_range=1.0, sigma=1.5, kernel_size=11)
    )


def ms_ssim(picture: np.ndarray, truth: np.ndarray, box: Box | None = None) -> float | None:
    """MS-SSIM (Wang et al. 2003), five scales, window and range as :func:`ssim`.

    None where the picture or box is shorter than :data:`MS_SSIM_SIDE` pixels: fewer scales give other values.
    """
    first, second = _pair(picture, truth, box)
    if min(first.shape[2:]) < MS_SSIM_SIDE:
        return None
    value = multiscale_structural_similarity_index_measure(
        first, second, data_range=1.0, sigma=1.5, kernel_size=11, normalize="relu"
    )
    return float(value)


def mask_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two masks (H, W), cut at one half; 1 where both are empty."""
    a, b = first > 0.5, second > 0.5
    union = np.logical_or(a, b).sum()
    return 1.0 if union == 0 else float(np.logical_and(a, b).sum() / union)


def person_box(mask: np.ndarray, margin: float = 0.05) -> Box | None:
    """x0, y0, x1, y1 around a mask (H, W) and ``margin`` of its size more; None where it is empty."""
    rows, columns = np.flatnonzero((mask > 0.5).any(1)), np.flatnonzero((mask > 0.5).any(0))
    if len(rows) == 0:
        return None
    by, bx = margin * (rows[-1] - rows[0] + 1), margin * (columns[-1] - columns[0] + 1)
    return (
        max(0, math.floor(columns[0] - bx)),
        max(0, math.floor(rows[0] - by)),
        min(mask.shape[1], math.ceil(columns[-1] + 1 + bx)),
        min(mask.shape[0], math.ceil(rows[-1] + 1 + by)),
    )


def _pair(picture: np.ndarray, truth: np.ndarray, box: Box | None) -> tuple[Tensor, Tensor]:
    if picture.shape != truth.shape:
        raise ValueError(f"pictures have shapes {picture.shape} and {truth.shape}")
    return _planes(picture, box), _planes(truth, box)


def _planes(picture: np.ndarray, box: Box | None) -> Tensor:
    """(1, 3, h, w) float32, clipped to [0, 1]."""
    if box is not None:
        x0, y0, x1, y1 = box
        picture = picture[y0:y1, x0:x1]
    values = torch.from_numpy(np.ascontiguousarray(picture))
    values = values.float() / 255 if picture.dtype == np.uint8 else values.float()
    return values.clamp(0, 1).permute(2, 0, 1)[None]
