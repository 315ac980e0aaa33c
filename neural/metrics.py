"""How close a picture is to the truth.

Pictures are (H, W, 3), uint8 or float in [0, 1]; values are compared in [0, 1], floats clipped to it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural.correspondence import sample

Box = tuple[int, int, int, int]

MS_SSIM_SIDE = 176
"""The shortest side that holds a window of 11 pixels after halving four times."""
PSNR_LIMIT = 100.0
"""What equal pictures score, whose PSNR is infinite: means over frames stay finite."""

_WINDOW = 11
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(picture: np.ndarray, truth: np.ndarray, box: Box | None = None) -> float:
    """Peak signal-to-noise ratio in dB over all channels, at most :data:`PSNR_LIMIT`. Range 1."""
    first, second = _pair(picture, truth, box)
    error = float(((first - second) ** 2).mean())
    return PSNR_LIMIT if error == 0 else min(PSNR_LIMIT, -10 * math.log10(error))


def ssim(picture: np.ndarray, truth: np.ndarray, box: Box | None = None) -> float:
    """SSIM (Wang et al. 2004) on RGB, range 1, Gaussian window of 11 pixels, sigma 1.5, mirrored edges.

    The values are torchmetrics', which takes 5 s for a pair of 1080p frames on one core where this takes 0.7 s.
    """
    return float(_similarity(*_pair(picture, truth, box))[0])


def ms_ssim(picture: np.ndarray, truth: np.ndarray, box: Box | None = None) -> float | None:
    """MS-SSIM (Wang et al. 2003), five scales, window and range as :func:`ssim`; negative contrast counts as 0.

    None where the picture or box is shorter than :data:`MS_SSIM_SIDE` pixels: fewer scales give other values.
    """
    first, second = _pair(picture, truth, box)
    if min(first.shape[2:]) < MS_SSIM_SIDE:
        return None
    value = 1.0
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        full, contrast = _similarity(first, second)
        part = full if scale == len(_SCALE_WEIGHTS) - 1 else contrast
        value *= max(float(part), 0.0) ** weight
        first, second = functional.avg_pool2d(first, 2), functional.avg_pool2d(second, 2)
    return value


def _similarity(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of SSIM over (1, 3, h, w), edges mirrored, and of its contrast-structure term over the whole windows."""
    edge = _WINDOW // 2
    first, second = (functional.pad(one, (edge,) * 4, mode="reflect") for one in (first, second))
    # about the middle of the range: variances as differences of squares lose fewer digits
    first, second = first - 0.5, second - 0.5
    planes = torch.cat([first, second, first * first, second * second, first * second])
    mean_1, mean_2, square_1, square_2, product = _windowed(_windowed(planes, 2), 3)
    c1, c2 = 0.01**2, 0.03**2
    variances = (square_1 - mean_1**2).clamp(min=0) + (square_2 - mean_2**2).clamp(min=0)
    contrast = (2 * (product - mean_1 * mean_2) + c2) / (variances + c2)
    mean_1, mean_2 = mean_1 + 0.5, mean_2 + 0.5
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1**2 + mean_2**2 + c1)
    return (luminance * contrast).mean(), contrast[..., edge:-edge, edge:-edge].mean()


def _windowed(planes: Tensor, axis: int) -> Tensor:
    """Gaussian means along one axis, whole windows only. Shifted sums: conv2d takes 13 times as long for this."""
    weights = [math.exp(-0.5 * ((k - _WINDOW // 2) / 1.5) ** 2) for k in range(_WINDOW)]
    count = planes.shape[axis] - _WINDOW + 1
    total = torch.zeros_like(planes.narrow(axis, 0, count))
    for start, weight in enumerate(weights):
        total.add_(planes.narrow(axis, start, count), alpha=weight / sum(weights))
    return total


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


def face_box(landmarks: np.ndarray, image_size: tuple[int, int]) -> Box | None:
    """The square around a face, twice as wide as its landmarks lie apart; None where it is turned away or cut off.

    Args:
        landmarks: (33, 4) x px, y px, depth, visibility, as in a motion file (MediaPipe's; the first 11 are the
            face's). A face whose nose lies behind its ears is the back of a head.
        image_size: (height, width).
    """
    nose, ears = landmarks[0], landmarks[7:9]
    points = landmarks[:11, :2]
    if not np.isfinite(points).all() or nose[2] >= ears[:, 2].mean():
        return None
    half = np.ptp(points, axis=0).max()
    low = np.floor(points.mean(0) - half).astype(int)
    high = np.ceil(points.mean(0) + half).astype(int)
    if (low < 0).any() or (high > image_size[::-1]).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def temporal_error(picture: np.ndarray, previous: np.ndarray, flow: np.ndarray) -> float | None:
    r"""How much the body's pixels change from frame to frame beyond its movement, in levels of 255.

    The mean over pixels and channels of \|I_t(p) - I_{t-1}(p + flow)\|, bilinear, as in Lai et al. 2018 ("Learning
    Blind Video Temporal Consistency", section 3.3, there squared). None where no pixel is seen in both frames.

    Args:
        picture, previous: (H, W, 3) uint8 of t and t-1.
        flow: (H, W, 2) where each pixel's surface point was in t-1, in pixels; outside the picture where it was
            hidden or there is nobody (:func:`neural.correspondence.body_flow`).
    """
    height, width = previous.shape[:2]
    seen = ((flow > 0.5) & (flow < [width - 0.5, height - 0.5])).all(-1)
    if not seen.any():
        return None
    before = torch.from_numpy(np.ascontiguousarray(previous)).permute(2, 0, 1).float()
    carried = sample(before, torch.from_numpy(flow[seen]).float()).numpy()
    return float(np.abs(picture[seen] - carried).mean())


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
