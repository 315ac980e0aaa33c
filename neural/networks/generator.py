"""The generator of the liquid renderer: what the warp picture lacks.

Two streams. The source stream reads each source crop once, whatever the pose, at three levels. The transfer stream
is a U-Net over the warp picture and its guide; on its way down a Liquid Warping Block at each level takes in the
sources' features, carried along the body's surface. The answer is a residual on the warp's colours and a change of
its coverage; both are 0 before training, so that training starts at the warp. Both streams work from half of the
resolution down, on pixels folded into channels and unfolded at the end (Shi et al. 2016): full resolution with few
channels is what takes longest on a CPU. There is no background stream: the person is laid over whatever the scene
holds, so her coverage is what must be right.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from neural.liquid_inputs import GUIDE_CHANNELS
from neural.networks.blocks import BLOCKS, trusted_mean
from smpl_fitting.colour import LUMINANCE

LEVELS = 3
"""Levels at which the sources enter: at 1/2, 1/4 and 1/8 of the window."""
CONCATENATION = "concatenation"
"""In place of a block: the sources' pixels, carried along the body's surface, stand beside the other inputs."""
_INPUTS = 4 + GUIDE_CHANNELS + 4
_LOGIT_SCALE = 4.0  # colours change by tenths, logits by units
# Changes of coverage below this are left out of what is shown. On held-out people that took 0.09 dB of 0.60 dB gained
# and made outlines crisper, by EfficientNet-Lite2's distance too.
_DOUBT = 0.1
_EDGE = 0.02  # coverages of 0 and 1 stand for these in the logit, so that both can be changed


@dataclass(frozen=True)
class GeneratorConfig:
    """``base``: half of the channels at half of the resolution (16: CPUs; 48: large GPUs). ``block``: a name of
    ``BLOCKS``, or :data:`CONCATENATION`, which the blocks are compared with."""

    base: int = 16
    block: str = "attention_spade"

    def __post_init__(self) -> None:
        if self.block not in (*BLOCKS, CONCATENATION):
            known = ", ".join((*BLOCKS, CONCATENATION))
            raise ValueError(f"block {self.block!r} is unknown; choose one of {known}")
        if not 4 <= self.base <= 128:
            raise ValueError(f"base is {self.base}; choose a width from 4 to 128")


class Generator(nn.Module):
    """See the module."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        base = config.base
        widths = [2 * base, 4 * base, 6 * base, 8 * base]
        self.source_levels, self.blocks = nn.ModuleList(), nn.ModuleList()
        if config.block == CONCATENATION:
            self.source_levels.append(nn.PixelUnshuffle(2))
            self.beside = nn.Conv2d(4 * 4, widths[0], 3, padding=1, bias=False)
        else:
            source_widths = [base, 2 * base, 4 * base]
            self.source_levels.append(_folded(4, base))
            self.source_levels.extend(_down(*pair) for pair in itertools.pairwise(source_widths))
            self.blocks.extend(map(BLOCKS[config.block], widths, source_widths))
        self.enter = _folded(_INPUTS, widths[0])
        self.down = nn.ModuleList(_down(*pair) for pair in itertools.pairwise(widths))
        self.narrow = nn.ModuleList(
            nn.Conv2d(after, before, 1) for before, after in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * width, width, 3, padding=1), nn.ReLU()) for width in widths[:-1]
        )
        self.leave = nn.Conv2d(widths[0], 4 * 4, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def encode(self, pictures: Tensor) -> list[Tensor]:
        """Features of the sources, to be kept as long as they are the same.

        Args:
            pictures: (B, K, 4, S, S) as in :class:`neural.liquid_inputs.SourceInputs`.

        Returns:
            three (B, K, C, S / s, S / s), s = 2, 4, 8; of :data:`CONCATENATION` the pixels alone, s = 2.
        """
        batch = pictures.shape[0]
        features = _channels_last(pictures.flatten(0, 1))
        levels = []
        for level in self.source_levels:
            features = level(features)
            levels.append(features.unflatten(0, (batch, -1)))
        return levels

    def forward(
        self,
        warp: Tensor,
        guide: Tensor,
        previous: Tensor,
        grid: Tensor,
        trust: Tensor,
        sources: Sequence[Tensor],
    ) -> Tensor:
        """
        Args:
            warp (B, 4, H, W), guide (B, G, H, W), previous (B, 4, H, W), grid (B, K, H/2, W/2, 2), trust
            (B, K, 1, H/2, W/2): as in :class:`neural.liquid_inputs.TargetInputs`; sides multiples of 16.
            sources: what :meth:`encode` returned.

        Returns:
            (B, 4, H, W): residual of the colours, and of the coverage's logit; see :func:`compose`.
        """
        features = self.enter[:2](_channels_last(torch.cat([warp, guide, previous], dim=1)))
        if self.config.block == CONCATENATION:  # a convolution of all inputs is the sum of those of each
            features = features + self.beside(trusted_mean(carried(sources[0], grid), trust))
        features = functional.relu(features)
        skips = []
        for index, level in enumerate(self.down):
            if len(self.blocks):
                near, at = _shrunk(grid, trust, index)
                features = self.blocks[index](features, carried(sources[index], near), at)
            skips.append(features)
            features = level(features)
        for narrow, up, skip in zip(reversed(self.narrow), reversed(self.up), reversed(skips), strict=True):
            features = functional.interpolate(narrow(features), scale_factor=2.0, mode="nearest")
            features = up(torch.cat([features, skip], dim=1))
        return functional.pixel_shuffle(self.leave(features).float(), 2)


def carried(features: Tensor, grid: Tensor) -> Tensor:
    """Features (B, K, C, s, s) of the sources at the target's pixels, grid (B, K, h, w, 2) -> (B, K, C, h, w)."""
    batch, count = features.shape[:2]
    read = functional.grid_sample(
        features.flatten(0, 1).float(), grid.flatten(0, 1), mode="bilinear", align_corners=False
    )
    return read.to(features.dtype).unflatten(0, (batch, count))


def compose(warp: Tensor, answer: Tensor) -> Tensor:
    """The picture (B, 4, H, W), straight alpha, from the warp's and the generator's answer, both (B, 4, H, W).

    Coverage is changed in the logit: what the network leaves alone keeps the warp's antialiased edge. An answer of 0
    gives the warp back, to rounding. In training, gradients pass the limits of [0, 1]: else what overshoots were lost.
    """
    covered = torch.logit(_EDGE + (1 - 2 * _EDGE) * warp[:, 3:])
    alpha = (torch.sigmoid(covered + _LOGIT_SCALE * answer[:, 3:]) - _EDGE) / (1 - 2 * _EDGE)
    picture = torch.cat([warp[:, :3] + answer[:, :3], alpha], dim=1)
    return picture + (picture.clamp(0, 1) - picture).detach()


def in_gray(answer: Tensor) -> Tensor:
    """An answer (B, 4, H, W) that changes colours by its luminance alone: hues stay the source's.

    What the network makes of skin brighter than it has learned from is greenish. On held-out people its hues are worth
    0.02 dB, and without them EfficientNet-Lite2's distance is smaller.
    """
    gray = (answer[:, :3] * answer.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)
    return torch.cat([gray.expand(-1, 3, -1, -1), answer[:, 3:]], dim=1)


def settled_picture(warp: Tensor, answer: Tensor) -> Tensor:
    """:func:`compose` as it is shown: :func:`in_gray`, and without faint changes of coverage, the network's doubts,
    which would look like a halo."""
    picture = compose(warp, in_gray(answer))
    change = functional.softshrink(picture[:, 3:] - warp[:, 3:], _DOUBT) / (1 - _DOUBT)
    return torch.cat([picture[:, :3], warp[:, 3:] + change], dim=1)


def _folded(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * before, after, 3, padding=1), nn.ReLU())


def _down(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.ReLU(),
    )


def _shrunk(grid: Tensor, trust: Tensor, halvings: int) -> tuple[Tensor, Tensor]:
    """Grid and trust at a coarser level. One of the pixels speaks for its neighbours: means would mix limbs."""
    step = 2**halvings
    middle = step // 2
    return grid[:, :, middle::step, middle::step], trust[..., middle::step, middle::step]


def _channels_last(planes: Tensor) -> Tensor:
    return planes.contiguous(memory_format=torch.channels_last)
