"""More people out of the same samples: the mirror image of each, in other colours.

Without it the network learns by heart what the few outfits of its samples look like where no source shows them, and on
people it has not met paints that over what the warp had guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from neural.training.dataset import Batch

_LATERAL = (0, 3)  # of the guide: what changes its sign in a mirror, left on the rest body and of the normals
_EXPOSURE, _GAIN, _HUE = 0.15, 0.08, 10.0  # standard deviations: logarithms, of each channel, degrees
_ANY_HUE = 0.4  # of the people, whose hue is turned anywhere


@dataclass(frozen=True)
class Disguise:
    """``colours``: (3, 3), what display-referred RGB is multiplied by."""

    mirrored: bool
    colours: Tensor

    def worn(self, batch: Batch) -> Batch:
        """A batch, or a window of one, in which the person looks like this: sources, warp and truth alike."""
        worn = replace(
            batch,
            pictures=self._coloured(batch.pictures),
            warp=self._coloured(batch.warp),
            previous=self._coloured(batch.previous),
            truth=self._coloured(batch.truth),
        )
        return _mirrored(worn) if self.mirrored else worn

    def moved(self, flow: Tensor, width: int) -> Tensor:
        """A flow (..., H, W, 2) into a window so wide, between windows that wear this."""
        if not self.mirrored:
            return flow
        x, y = flow.flip(-2).unbind(-1)
        return torch.stack([width - x, y], dim=-1)

    def _coloured(self, planes: Tensor) -> Tensor:
        """No offset: colours that are multiplied by a mask stay so."""
        colour = torch.einsum("ij,...jhw->...ihw", self.colours, planes[..., :3, :, :]).clamp(0, 1)
        return torch.cat([colour, planes[..., 3:, :, :]], dim=-3)


def random_disguise(rng: np.random.Generator) -> Disguise:
    """One of a person."""
    degrees = rng.uniform(-180, 180) if rng.random() < _ANY_HUE else rng.normal(0, _HUE)
    gains = np.exp(rng.normal(0, _EXPOSURE) + rng.normal(0, _GAIN, 3))
    colours = gains[:, None] * _hue_turned(np.deg2rad(degrees))
    return Disguise(bool(rng.random() < 0.5), torch.from_numpy(colours).float())


def _hue_turned(angle: float) -> np.ndarray:
    """(3, 3) rotation of RGB about grey (Rodrigues 1840)."""
    cross = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / np.sqrt(3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _mirrored(batch: Batch) -> Batch:
    sign = torch.ones(batch.guide.shape[-3], 1, 1)
    sign[list(_LATERAL)] = -1
    planes = ("pictures", "warp", "previous", "trust", "truth", "background")
    flipped = {name: getattr(batch, name).flip(-1) for name in planes}
    grid = batch.grid.flip(-2) * torch.tensor([-1.0, 1.0])
    return replace(batch, guide=batch.guide.flip(-1) * sign, grid=grid, **flipped)
