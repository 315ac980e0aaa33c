"""Batches of training windows; which ones a step gets depends on its number alone, so that training resumes exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural.training.disguise import random_disguise
from neural.training.samples import SampleError, SampleFile, Target

MOST_SOURCES = 2
"""Sources that a training window is shown: any more teach nothing new, and cost as much again."""


@dataclass(frozen=True)
class Batch:
    """B windows of one size, as :class:`neural.liquid_inputs.TargetInputs` names them, the ``truth``
    and a ``background`` (B, 3, H, W) to lay both over. ``pair``: the same for the frames before of the first window,
    with the truth's flow (1, H, W, 2), where there is one."""

    pictures: Tensor
    warp: Tensor
    guide: Tensor
    previous: Tensor
    grid: Tensor
    trust: Tensor
    truth: Tensor
    background: Tensor
    pair: Batch | None = None
    flow: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: one.to(device) for name, one in values.items() if one is not None})


class TrainingSet:
    """The files of a folder; a pool of them is in memory at a time, and moves on through their shuffled order.

    Args:
        files: in the order that the seed shuffles.
        size: (height, width) of the windows.

    Raises:
        SampleError: there are no files, or one is damaged.
    """

    def __init__(
        self, files: Sequence[Path], size: tuple[int, int], seed: int, pool_files: int, file_steps: int
    ) -> None:
        if not files:
            raise SampleError("no training samples; make them with python -m neural.training.make_samples")
        self.files = list(files)
        self._size = size
        self._seed = seed
        self._pool_files = min(pool_files, len(self.files))
        self._file_steps = file_steps
        self._loaded: dict[Path, SampleFile] = {}

    def batch(self, step: int, count: int, pair: bool) -> Batch:
        """The batch of a step, always the same: ``count`` windows, the first with the frame before if ``pair``."""
        rng = np.random.default_rng((self._seed, step))
        pool = self._pool(step)
        chosen = []
        for _ in range(count):
            file = pool[rng.integers(len(pool))]
            chosen.append((file, int(rng.integers(file.count))))
        pairs = [(file, number) for file in pool for number in sorted(file.before)] if pair else []
        if pairs:
            chosen[0] = pairs[rng.integers(len(pairs))]
        sources = int(rng.integers(1, MOST_SOURCES + 1))
        crops = [
            random_window(file.pictures(), file.target(number), self._size, sources, rng)
            for file, number in chosen
        ]
        disguises = [random_disguise(rng) for _ in crops]
        batch = collate([one.worn(crop.batch) for one, crop in zip(disguises, crops, strict=True)])
        if not pairs:
            return batch
        before, flow = _before(chosen[0][0], crops[0], self._size)
        return replace(batch, pair=disguises[0].worn(before), flow=disguises[0].moved(flow, self._size[1]))

    def _pool(self, step: int) -> list[SampleFile]:
        turn = step // self._file_steps
        wanted = [self._file(turn + place) for place in range(self._pool_files)]
        self._loaded = {path: self._loaded.get(path) or SampleFile(path) for path in dict.fromkeys(wanted)}
        return list(self._loaded.values())

    def _file(self, place: int) -> Path:
        epoch, index = divmod(place, len(self.files))
        order = np.random.default_rng((self._seed, 77, epoch)).permutation(len(self.files))
        return self.files[order[index]]


@dataclass(frozen=True)
class Window:
    """A batch without its first axis, and what it was cut from: ``chosen`` sources, of which ``known`` are shown."""

    batch: Batch
    target: Target
    top: int
    left: int
    chosen: Tensor
    known: Tensor


def training_files(folder: Path) -> list[Path]:
    """The samples in a folder, by name; not those still being written, whose names begin with a dot."""
    return sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))


def whole_window(target: Target, pictures: Tensor) -> Batch:
    """A target as a batch of one, its whole window, over mid-grey."""
    height, width = target.truth.shape[1:]
    inputs = target.inputs
    return Batch(
        pictures[None],
        inputs.warp[None],
        inputs.guide[None],
        inputs.previous[None],
        inputs.grid[None],
        inputs.trust[None],
        target.truth[None],
        torch.full((1, 3, height, width), 0.5),
    )


def random_window(
    pictures: Tensor, target: Target, size: tuple[int, int], count: int, rng: np.random.Generator
) -> Window:
    """A window of a target that shows some of the person, and ``count`` of her sources (K, 4, S, S)."""
    height, width = target.truth.shape[1:]
    rows, columns = (target.truth[3] > 0.5).nonzero().T
    top, left = 0, 0
    if len(
        rows
    ):  # around a random point of the person, so that large windows show all of her and small ones a part
        at = int(rng.integers(len(rows)))
        top = _start(int(rows[at]), size[0], height, rng)
        left = _start(int(columns[at]), size[1], width, rng)
    order = rng.permutation(len(pictures))[:count]
    # where there are too few sources, one is there twice and the second time not trusted
    known = torch.arange(count) < len(order)
    return _cut(pictures, target, size, (top, left), torch.from_numpy(np.resize(order, count)), known, rng)


def _start(at: int, crop: int, side: int, rng: np.random.Generator) -> int:
    low, high = min(0, side - crop), max(0, side - crop)
    return int(np.clip(at - rng.integers(crop), low, high)) // 2 * 2


def _cut(
    pictures: Tensor,
    target: Target,
    size: tuple[int, int],
    corner: tuple[int, int],
    chosen: Tensor,
    known: Tensor,
    rng: np.random.Generator,
) -> Window:
    inputs, (top, left) = target.inputs, corner
    half = (top // 2, left // 2, (size[0] // 2, size[1] // 2))
    batch = Batch(
        pictures=pictures[chosen],
        warp=_cropped(inputs.warp, top, left, size),
        guide=_cropped(inputs.guide, top, left, size),
        previous=_cropped(inputs.previous, top, left, size),
        grid=_cropped(inputs.grid[chosen].permute(0, 3, 1, 2), *half).permute(0, 2, 3, 1),
        trust=_cropped(inputs.trust[chosen] * known[:, None, None, None], *half),
        truth=_cropped(target.truth, top, left, size),
        background=_background(size, rng),
    )
    return Window(batch, target, top, left, chosen, known)


def _cropped(planes: Tensor, top: int, left: int, size: tuple[int, int]) -> Tensor:
    """A window of (..., H, W), zeros beyond its borders; ``top`` and ``left`` may be negative."""
    height, width = planes.shape[-2:]
    bottom, right = top + size[0], left + size[1]
    part = planes[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    missing = (max(-left, 0), max(right - width, 0), max(-top, 0), max(bottom - height, 0))
    return functional.pad(part, missing) if any(missing) else part


def _background(size: tuple[int, int], rng: np.random.Generator) -> Tensor:
    """(3, H, W): soft blobs of colour; what lies behind a person is seldom as dark or bright as she is."""
    coarse = torch.from_numpy(rng.uniform(0, 1, (1, 3, 1, 1)) + rng.normal(0, 0.15, (1, 3, 5, 5))).float()
    return functional.interpolate(coarse, size=size, mode="bilinear")[0].clamp(0, 1)


def _before(file: SampleFile, crop: Window, size: tuple[int, int]) -> tuple[Batch, Tensor]:
    """The window of the frame before that shows the same, and the flow (1, H, W, 2) into it."""
    target = crop.target
    assert target.before is not None and target.flow is not None
    shown = _cropped((target.flow + 1).nan_to_num(0.0).permute(2, 0, 1), crop.top, crop.left, size)
    flow = torch.where((shown == 0).all(0)[..., None], torch.nan, shown.permute(1, 2, 0) - 1)
    known = ~flow.isnan().any(-1)
    middle = flow[known].mean(0) if bool(known.any()) else torch.tensor([size[1] / 2, size[0] / 2])
    left, top = int(middle[0] - size[1] / 2) // 2 * 2, int(middle[1] - size[0] / 2) // 2 * 2
    earlier = file.target(target.before)
    cut = _cut(
        file.pictures(),
        earlier,
        size,
        (top, left),
        crop.chosen,
        crop.known,
        np.random.default_rng(0),
    )
    flow = flow - torch.tensor([float(left), float(top)])
    flow[((flow < 0) | (flow > torch.tensor([size[1], size[0]]))).any(-1)] = torch.nan
    return collate([cut.batch]), flow[None]


def collate(crops: list[Batch]) -> Batch:
    """One batch of several windows without their batch axis."""
    return Batch(
        pictures=torch.stack([crop.pictures for crop in crops]),
        warp=torch.stack([crop.warp for crop in crops]),
        guide=torch.stack([crop.guide for crop in crops]),
        previous=torch.stack([crop.previous for crop in crops]),
        grid=torch.stack([crop.grid for crop in crops]),
        trust=torch.stack([crop.trust for crop in crops]),
        truth=torch.stack([crop.truth for crop in crops]),
        background=torch.stack([crop.background for crop in crops]),
    )
