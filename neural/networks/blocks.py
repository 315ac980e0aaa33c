"""Liquid Warping Blocks: how features of the sources, carried to the target's pose, enter the transfer stream.

The ways compared in Liquid Warping GAN (Liu et al., ICCV 2019, *add*) and iPERCore (Liu et al., TPAMI 2021, *avg*,
*gate*, *attention-AdaIN*, *attention-SPADE*), for any number of sources. Common to all here: the order of the sources
does not matter; a source counts by its trust at each pixel; where no source is trusted the target's features come
back as they were. Normalisation runs over channels, not over the picture, so that a pixel's answer does not depend
on what else the window shows; *attention-AdaIN*, which is statistics of the picture by definition, excepted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_KEY = 16  # channels of queries and keys
_EPSILON = 1e-5


class WarpingBlock(nn.Module):
    """The interface of all blocks.

    Args:
        channels: of the target's features. source_channels: of the sources'.
    """

    def __init__(self, channels: int, source_channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(source_channels, channels, 1, bias=False)

    def forward(self, target: Tensor, warped: Tensor, trust: Tensor) -> Tensor:
        """
        Args:
            target: (B, C, h, w). warped: (B, K, S, h, w), the sources' features where the target's points are.
            trust: (B, K, 1, h, w) in [0, 1], 0 where a source does not show the point.

        Returns:
            (B, C, h, w).
        """
        raise NotImplementedError


class AddBlock(WarpingBlock):
    """The sum of what the sources show."""

    def forward(self, target: Tensor, warped: Tensor, trust: Tensor) -> Tensor:
        return target + self.project((warped * trust).sum(1))


class AverageBlock(WarpingBlock):
    """The mean, weighted by trust."""

    def forward(self, target: Tensor, warped: Tensor, trust: Tensor) -> Tensor:
        return target + self.project(trusted_mean(warped, trust))


class GateBlock(WarpingBlock):
    """The mean, of which each pixel and channel decides how much it takes."""

    def __init__(self, channels: int, source_channels: int) -> None:
        super().__init__(channels, source_channels)
        self.gate = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, target: Tensor, warped: Tensor, trust: Tensor) -> Tensor:
        mean = self.project(trusted_mean(warped, trust))
        return target + torch.sigmoid(self.gate(torch.cat([target, mean], dim=1))) * mean


class AttentionBlock(WarpingBlock):
    """What the target asks for among the sources, at each pixel; one of them may be nobody.

    The weight of source k is ``trust_k exp(q . k_k / sqrt d)`` over the sum of these and of ``exp(nobody)``.
    """

    def __init__(self, channels: int, source_channels: int) -> None:
        super().__init__(channels, source_channels)
        self.query = nn.Conv2d(channels, _KEY, 1)
        self.key = nn.Conv2d(source_channels, _KEY, 1, bias=False)
        self.nobody = nn.Parameter(torch.full((1,), -2.0))

    def gathered(self, target: Tensor, warped: Tensor, trust: Tensor) -> Tensor:
        """(B, S, h, w), the sources' features by attention; 0 where no source is trusted."""
        count = warped.shape[1]
        query = self.query(target)[:, None]
        key = self.key(warped.flatten(0, 1)).unflatten(0, (-1, count))
        score = (query * key).sum(2, keepdim=True).float() / _KEY**0.5
        nobody = self.nobody.expand_as(score[:, :1])
        highest = torch.maximum(score.amax(1, keepdim=True), nobody).detach()
        weight = trust * torch.exp(score - highest)
        weight = weight / (weight.sum(1, keepdim=True) + torch.exp(nobody - highest))
        return (warped * weight.to(warped.dtype)).sum(1)


class AttentionAdaINBlock(AttentionBlock):
    """Adaptive instance normalisation by the statistics of what attention gathered (Huang and Belongie 2017)."""

    def __init__(self, channels: int, source_channels: int) -> None:
        super().__init__(channels, source_channels)
        self.style = nn.Linear(2 * channels, 2 * channels, bias=False)

    def forward(self, target: Tensor, warped: Tensor, trust: Tensor) -> Tensor:
        gathered = self.project(self.gathered(target, warped, trust))
        known = (trust.amax(1) > 0).to(gathered.dtype)
        area = known.sum((2, 3)).clamp(min=1)
        mean = (gathered * known).sum((2, 3)) / area
        spread = ((gathered - mean[..., None, None]) ** 2 * known).sum((2, 3)) / area
        style = torch.cat([mean, (spread + _EPSILON).sqrt() * (spread > 0)], dim=1)
        scale, shift = self.style(style)[..., None, None].chunk(2, dim=1)
        return target + scale * functional.instance_norm(target) + shift


class AttentionSpadeBlock(AttentionBlock):
    """Spatially adaptive scale and shift from what attention gathered (SPADE, Park et al. 2019)."""

    def __init__(self, channels: int, source_channels: int) -> None:
        super().__init__(channels, source_channels)
        self.project = nn.Conv2d(source_channels, 2 * channels, 1, bias=False)

    def forward(self, target: Tensor, warped: Tensor, trust: Tensor) -> Tensor:
        scale, shift = self.project(self.gathered(target, warped, trust)).chunk(2, dim=1)
        return target + scale * _channel_norm(target) + shift


BLOCKS: dict[str, type[WarpingBlock]] = {
    "add": AddBlock,
    "avg": AverageBlock,
    "gate": GateBlock,
    "attention_adain": AttentionAdaINBlock,
    "attention_spade": AttentionSpadeBlock,
}


def trusted_mean(warped: Tensor, trust: Tensor) -> Tensor:
    """Features (B, K, S, h, w) weighted by trust (B, K, 1, h, w) -> (B, S, h, w), 0 where nothing is trusted."""
    return (warped * trust).sum(1) / (trust.sum(1) + 1e-3)


def _channel_norm(features: Tensor) -> Tensor:
    centred = features - features.mean(1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + _EPSILON)
