"""A few training samples of noise, in no more than what the format needs."""

from pathlib import Path

import torch

from neural.liquid_inputs import GUIDE_CHANNELS, TargetInputs
from neural.training.samples import Target, save_samples

SIZE = (80, 64)


def target(seed: int, sources: int = 2, before: int | None = None) -> Target:
    generator = torch.Generator().manual_seed(seed)
    height, width = SIZE

    def rand(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    truth = rand(4, height, width)
    truth[3] = (rand(height, width) > 0.3).float()
    flow = None
    if before is not None:
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        flow = torch.stack([columns + 0.5, rows + 2.5], dim=-1).float()
        flow[:5] = torch.nan
    inputs = TargetInputs(
        warp=(truth + 0.1 * (rand(4, height, width) - 0.5)).clamp(0, 1),
        guide=2 * rand(GUIDE_CHANNELS, height, width) - 1,
        previous=rand(4, height, width),
        grid=2 * rand(sources, height // 2, width // 2, 2) - 1,
        trust=rand(sources, 1, height // 2, width // 2),
    )
    return Target(inputs, truth, before, flow)


def write_samples(folder: Path, people: int = 3) -> Path:
    """``people`` files of three targets each, one of them a pair; and one held out."""
    for person in range(people):
        targets = [target(10 * person), target(10 * person + 1, before=0), target(10 * person + 2)]
        save_samples(folder / f"{person:05d}.npz", torch.rand(2, 4, 48, 48), targets, {"seed": person})
    save_samples(folder / "held_out" / "09000.npz", torch.rand(2, 4, 48, 48), [target(900)], {"seed": 9000})
    return folder
