"""What the generator's pictures are judged by while it learns. Each part can be switched off: its weight set to 0."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from neural.networks.efficientnet_lite import EfficientNetLite

FEATURE_MAPS = 4
"""Maps of EfficientNet-Lite0 that are compared, at strides 2 to 16; the coarsest asks for what a crop cannot tell."""


@dataclass(frozen=True)
class LossWeights:
    """``l1``, ``l2``: colours over a random background, absolute and squared; ``mask``: coverage; ``gradient``:
    differences between neighbours; ``ssim``: 1 - SSIM; ``perceptual``: features of EfficientNet-Lite0; ``temporal``:
    changes under the true flow; ``adversarial``: PatchGAN, ``adversarial_pair``: the same on pairs of frames, both
    from ``adversarial_from`` on.
    """

    l1: float = 0.5
    l2: float = 8.0
    mask: float = 0.4
    gradient: float = 0.25
    ssim: float = 0.1
    perceptual: float = 0.4
    temporal: float = 0.5
    adversarial: float = 0.0
    adversarial_pair: float = 0.0
    adversarial_from: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise ValueError(f"loss {field.name} is {getattr(self, field.name)}; it must not be negative")


def laid_over(picture: Tensor, background: Tensor) -> Tensor:
    """(B, 3, H, W): a picture (B, 4, H, W) with straight alpha over a background."""
    return picture[:, :3] * picture[:, 3:] + background * (1 - picture[:, 3:])


def picture_losses(
    picture: Tensor,
    truth: Tensor,
    background: Tensor,
    weights: LossWeights,
    features: EfficientNetLite | None,
) -> dict[str, Tensor]:
    """Weighted parts of the loss by name; what is switched off is not there.

    Args:
        picture, truth: (B, 4, H, W) straight alpha. background: (B, 3, H, W), under both.
        features: needed where ``weights.perceptual`` is not 0.
    """
    shown, wanted = laid_over(picture, background), laid_over(truth, background)
    parts: dict[str, Tensor] = {}
    if weights.l1:
        parts["l1"] = weights.l1 * (shown - wanted).abs().mean()
    if weights.l2:
        parts["l2"] = weights.l2 * (shown - wanted).square().mean()
    if weights.mask:
        parts["mask"] = weights.mask * (picture[:, 3:] - truth[:, 3:]).abs().mean()
    if weights.gradient:
        parts["gradient"] = weights.gradient * _gradients(shown - wanted)
    if weights.ssim:
        parts["ssim"] = weights.ssim * (1 - similarity(shown, wanted))
    if weights.perceptual and features is not None:
        part = (len(shown) + 1) // 2  # half of the batch: it costs as much as all the rest
        parts["perceptual"] = weights.perceptual * perceptual(shown[:part], wanted[:part], features)
    return parts


def _gradients(difference: Tensor) -> Tensor:
    across = difference[..., 1:] - difference[..., :-1]
    down = difference[..., 1:, :] - difference[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Mean SSIM (Wang et al. 2004, range 1) over windows of 8 x 8 pixels, every fourth: quicker than Gaussian ones."""
    planes = torch.cat([first, second, first * first, second * second, first * second])
    mean_1, mean_2, square_1, square_2, product = functional.avg_pool2d(planes, 8, 4).chunk(5)
    variance_1, variance_2 = square_1 - mean_1**2, square_2 - mean_2**2
    covariance = product - mean_1 * mean_2
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1**2 + mean_2**2 + c1)
    return (luminance * (2 * covariance + c2) / (variance_1 + variance_2 + c2)).mean()


def perceptual(first: Tensor, second: Tensor, network: EfficientNetLite) -> Tensor:
    """Squared difference of the features scaled to unit length, averaged over places and maps (Zhang et al. 2018,
    eq. 1 with w = 1): the form of :mod:`neural.perceptual`, which judges by another network."""
    with torch.no_grad():
        wanted = network.features(second, stop=FEATURE_MAPS)
    total = first.new_zeros(())
    for ours, truth in zip(network.features(first, stop=FEATURE_MAPS), wanted, strict=True):
        difference = functional.normalize(ours.float(), dim=1) - functional.normalize(truth.float(), dim=1)
        total = total + difference.square().sum(1).mean()
    return total / len(wanted)


def temporal_loss(now: Tensor, before: Tensor, truth: Tensor, truth_before: Tensor, flow: Tensor) -> Tensor:
    """How much more or else the picture changes than the truth does, where the same point is seen in both frames.

    Args:
        now, truth: (B, 4, H, W). before, truth_before: (B, 4, h, w). flow: (B, H, W, 2) pixels of the frame
            before, NaN where the point was not seen.
    """
    known = ~flow.isnan().any(-1)
    if not bool(known.any()):
        return now.new_zeros(())
    size = flow.new_tensor([before.shape[3], before.shape[2]])
    grid = (flow.nan_to_num(-1e4) / size * 2 - 1).clamp(-2, 2)
    change = now - functional.grid_sample(before, grid, align_corners=False)
    true_change = truth - functional.grid_sample(truth_before, grid, align_corners=False)
    difference = (change - true_change).abs().mean(1)
    return (difference * known).sum() / known.sum()


def carried_before(before: Tensor, flow: Tensor) -> Tensor:
    """(B, 4, H, W): colours times alpha of the frame before at this frame's pixels, and where they are known."""
    known = (~flow.isnan().any(-1))[:, None].to(before.dtype)
    size = flow.new_tensor([before.shape[3], before.shape[2]])
    grid = (flow.nan_to_num(-1e4) / size * 2 - 1).clamp(-2, 2)
    colours = functional.grid_sample(before[:, :3] * before[:, 3:], grid, align_corners=False)
    return torch.cat([colours * known, known], dim=1)
