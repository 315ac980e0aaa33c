"""What a generator is worth on people it has not met, beside the warp it corrects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural.networks.computing import autocast
from neural.networks.generator import Generator, compose
from neural.training.dataset import training_files, whole_window
from neural.training.losses import laid_over
from neural.training.samples import SampleFile

_SHOWN = 4  # targets on the sheet
_TILE = (416, 256)


class Judge:
    """Held-out targets, spread evenly over the people of a folder; with no folder, none.

    Raises:
        SampleError: a file is damaged.
    """

    def __init__(self, folder: Path, targets: int, device: torch.device) -> None:
        files = [SampleFile(path) for path in training_files(folder)]
        every = [(file, number) for number in range(99) for file in files if number < file.count]
        self._targets = every[:targets]
        self._device = device

    @torch.inference_mode()
    def figures(self, generator: Generator, bf16: bool) -> tuple[dict[str, float], Tensor | None]:
        """PSNR in dB over mid-grey in the truth's box, and mean absolute error of coverage, of ``warp`` and
        ``liquid``; and a sheet (3, H, W) of source, truth, warp and liquid. Empty without targets."""
        scores: dict[str, list[float]] = {}
        rows = []
        for index, (file, number) in enumerate(self._targets):
            target = file.target(number)
            batch = whole_window(target, file.pictures()).to(self._device)
            with autocast(self._device, bf16):
                answer = generator(
                    batch.warp,
                    batch.guide,
                    batch.previous,
                    batch.grid,
                    batch.trust,
                    generator.encode(batch.pictures),
                )
            box = _box(batch.truth[0, 3])
            truth = laid_over(batch.truth, batch.background)
            shown = [batch.pictures[0, :1, :3], truth]
            for name, picture in (("warp", batch.warp), ("liquid", compose(batch.warp, answer))):
                picture = (picture.clamp(0, 1) * 255).round() / 255
                over = laid_over(picture, batch.background)
                error = (over - truth)[..., box[0], box[1]].square().mean().clamp(min=1e-10)
                scores.setdefault(f"{name}_psnr_db", []).append(float(-10 * torch.log10(error)))
                mask = (picture[:, 3] - batch.truth[:, 3])[..., box[0], box[1]].abs().mean()
                scores.setdefault(f"{name}_mask_error", []).append(float(mask))
                shown.append(over)
            if index < _SHOWN:
                rows.append(torch.cat([_tile(one[0].float().cpu()) for one in shown], dim=2))
        means = {name: float(np.mean(values)) for name, values in scores.items()}
        if means:
            means["gain_db"] = means["liquid_psnr_db"] - means["warp_psnr_db"]
        return means, torch.cat(rows, dim=1) if rows else None


def _box(alpha: Tensor) -> tuple[slice, slice]:
    """The person's rows and columns, with a margin of 5%."""
    rows, columns = (alpha > 0.5).any(1).nonzero()[:, 0], (alpha > 0.5).any(0).nonzero()[:, 0]
    if len(rows) == 0:
        return slice(None), slice(None)
    slices = []
    for places in (rows, columns):
        low, high = int(places[0]), int(places[-1]) + 1
        margin = round(0.05 * (high - low))
        slices.append(slice(max(low - margin, 0), high + margin))
    return slices[0], slices[1]


def _tile(picture: Tensor) -> Tensor:
    """(3, 416, 256): the picture's upper left, or shrunk where it is larger."""
    height, width = picture.shape[1:]
    scale = min(_TILE[0] / height, _TILE[1] / width, 1.0)
    if scale < 1:
        size = (int(height * scale), int(width * scale))
        picture = functional.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]
    tile = torch.full((3, *_TILE), 0.5)
    tile[:, : picture.shape[1], : picture.shape[2]] = picture.clamp(0, 1)
    return tile
