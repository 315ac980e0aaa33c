"""What a generator is worth on people it has not met, beside the warp it corrects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural import metrics
from neural.networks.computing import autocast
from neural.networks.generator import Generator, settled_picture
from neural.perceptual import lite2_distance
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
        """PSNR in dB, SSIM and EfficientNet-Lite2's distance over mid-grey in the truth's box, and the mean absolute
        error of coverage, of ``warp`` and ``liquid``; the gain in dB, also that on people with one source and with
        more; and a sheet (3, H, W) of source, truth, warp and liquid. Empty without targets."""
        scores: dict[str, list[float]] = {}
        gains: dict[str, list[float]] = {}
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
            truth = laid_over(batch.truth, batch.background)
            shown = [batch.pictures[0, :1, :3], truth]
            for name, picture in (("warp", batch.warp), ("liquid", settled_picture(batch.warp, answer))):
                shown.append(laid_over(picture.clamp(0, 1), batch.background))
                for figure, value in _compared(shown[-1], picture, truth, batch.truth).items():
                    scores.setdefault(f"{name}_{figure}", []).append(value)
            gain = scores["liquid_psnr_db"][-1] - scores["warp_psnr_db"][-1]
            gains.setdefault("one_source" if len(file.pictures()) == 1 else "more_sources", []).append(gain)
            if index < _SHOWN:
                rows.append(torch.cat([_tile(one[0].float().cpu()) for one in shown], dim=2))
        means = {name: float(np.mean(values)) for name, values in scores.items()}
        if means:
            means["gain_db"] = means["liquid_psnr_db"] - means["warp_psnr_db"]
            means |= {f"gain_db_{kind}": float(np.mean(values)) for kind, values in gains.items()}
        return means, torch.cat(rows, dim=1) if rows else None


def _compared(shown: Tensor, picture: Tensor, truth: Tensor, true_picture: Tensor) -> dict[str, float]:
    """Figures of one picture (1, 3, H, W) in the true person's box; ``picture``: the same with its coverage."""
    mask = true_picture[0, 3].cpu().numpy()
    box = metrics.person_box(mask)
    drawn, wanted = (_bytes(one) for one in (shown, truth))
    figures = {"psnr_db": metrics.psnr(drawn, wanted, box), "ssim": metrics.ssim(drawn, wanted, box)}
    distance = lite2_distance(drawn, wanted, box)
    if distance is not None:
        figures["lite2_distance"] = distance
    x0, y0, x1, y1 = box or (0, 0, mask.shape[1], mask.shape[0])
    off = (picture[0, 3] - true_picture[0, 3]).abs()[y0:y1, x0:x1]
    return figures | {"mask_error": float(off.mean())}


def _bytes(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of (1, 3, H, W)."""
    return (picture[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


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
