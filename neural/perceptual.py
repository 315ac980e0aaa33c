"""How different two pictures look: the distance between what a network sees in them.

The features are those of EfficientNet-Lite2 (:mod:`neural.networks.efficientnet_lite`), which no loss of ours uses;
the distance is the unweighted one of Zhang et al. 2018 ("The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", eq. 1 with w = 1): at every place of each of five maps the squared difference of the features
scaled to unit length, averaged over places and maps. It is not LPIPS, whose VGG and AlexNet weights it has not got,
and its values compare with its own only.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural.networks.efficientnet_lite import load_efficientnet_lite

LONGEST_SIDE = 512
"""Pixels; larger pictures are looked at scaled down, so that a person far off and one near count alike."""
SHORTEST_SIDE = 32
"""Pixels the coarsest map needs."""


def lite2_distance(
    picture: np.ndarray, truth: np.ndarray, box: tuple[int, int, int, int] | None = None
) -> float | None:
    """0 for equal pictures, at most 4; None where picture or box are shorter than :data:`SHORTEST_SIDE`.

    Args:
        picture, truth: (H, W, 3), uint8 or float in [0, 1], floats clipped to it. box: x0, y0, x1, y1 to look at.

    Raises:
        ValueError: the shapes differ.
        LiquidMotionError: the network's weights are not installed.
    """
    if picture.shape != truth.shape:
        raise ValueError(f"pictures have shapes {picture.shape} and {truth.shape}")
    x0, y0, x1, y1 = box or (0, 0, picture.shape[1], picture.shape[0])
    if min(y1 - y0, x1 - x0) < SHORTEST_SIDE:
        return None
    pair = torch.cat([_planes(one[y0:y1, x0:x1]) for one in (picture, truth)])
    scale = min(1.0, LONGEST_SIDE / max(pair.shape[2:]))
    if scale < 1:
        size = [max(SHORTEST_SIDE, round(side * scale)) for side in pair.shape[2:]]
        pair = functional.interpolate(pair, size=size, mode="bilinear", antialias=True)
    with torch.inference_mode():
        maps = load_efficientnet_lite("lite2").features(pair)
        return math.fsum(_difference(one) for one in maps) / len(maps)


def _difference(maps: Tensor) -> float:
    """Mean over places of the squared difference of the two unit vectors; maps (2, C, h, w)."""
    first, second = functional.normalize(maps, dim=1)
    return float((first - second).square().sum(0).mean())


def _planes(image: np.ndarray) -> Tensor:
    """(1, 3, h, w) float32 in [0, 1]."""
    values = torch.from_numpy(np.ascontiguousarray(image))
    values = values.float() / 255 if image.dtype == np.uint8 else values.float().clamp(0, 1)
    return values.permute(2, 0, 1)[None]
