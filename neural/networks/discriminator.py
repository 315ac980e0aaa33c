"""Discriminators of patches (Isola et al. 2017): of single pictures, and of pairs one after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

PICTURE_CHANNELS = 8
"""The picture (RGBA, colours times alpha), and the warp picture it was made from."""
PAIR_CHANNELS = 7
"""The picture's colours, those of the frame before carried here, and where these are known."""


class PatchDiscriminator(nn.Module):
    """Logits of patches about 70 pixels wide; spectrally normalised (Miyato et al. 2018)."""

    def __init__(self, channels: int, base: int = 24) -> None:
        super().__init__()
        widths = [channels, base, 2 * base, 4 * base]
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        layers += [spectral_norm(nn.Conv2d(widths[-1], widths[-1], 4, padding=1)), nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, planes: Tensor) -> Tensor:
        """(B, 1, h, w) logits of planes (B, channels, H, W)."""
        return self.layers(planes)


def picture_planes(picture: Tensor, warp: Tensor) -> Tensor:
    """(B, 8, H, W) from two pictures (B, 4, H, W) with straight alpha."""
    return torch.cat(
        [picture[:, :3] * picture[:, 3:], picture[:, 3:], warp[:, :3] * warp[:, 3:], warp[:, 3:]], 1
    )


def hinge_real_fake(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss (Lim and Ye 2017)."""
    return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()
