"""How much a network could gain that knows the people already: ``python benchmarks/liquid_bound.py SAMPLES``.

The people held out in the samples' folder, half of their windows to learn from and the other half to be judged by. A
network that has met the very clothes and hair in other poses and from other sides knows more than any training on
other people can tell it; what it does not gain, the inputs do not hold. Figures are those of ``liquid-motion train``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from neural.liquid import SHIPPED
from neural.networks.computing import computes_bf16
from neural.networks.weights import load_generator
from neural.training.config import TrainConfig
from neural.training.dataset import training_files
from neural.training.judge import Judge
from neural.training.losses import LossWeights
from neural.training.samples import SampleFile, save_samples
from neural.training.train import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path, help="made by python -m neural.training.make_samples")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="to begin with")
    parser.add_argument("--squares-alone", action="store_true", help="learn for PSNR and nothing else")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    loss = LossWeights()
    if options.squares_alone:
        loss = LossWeights(l1=0, mask=0, gradient=0, ssim=0, perceptual=0, temporal=0)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "samples"
        for path in training_files(options.samples / "held_out"):
            _split(SampleFile(path), data / path.name, data / "held_out" / path.name)
        config = TrainConfig(
            data, Path(scratch) / "out", options.weights, steps=options.steps, judge_steps=10**9, loss=loss
        )
        general = load_generator(options.weights)[0]
        cpu = torch.device("cpu")
        judge = Judge(data / "held_out", config.judge_targets, cpu)
        figures |= show("general", judge.figures(general, computes_bf16(cpu))[0])
        figures |= show("knows_the_people", train(config).figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def show(name: str, told: dict[str, float]) -> dict[str, float]:
    better = 100 * (1 - told["liquid_lite2_distance"] / told["warp_lite2_distance"])
    gained = told["liquid_ssim"] - told["warp_ssim"]
    print(f"{name:20} gain {told['gain_db']:+.2f} dB  Lite2 {better:+.1f} %  SSIM {gained:+.4f}", flush=True)
    return {f"{name}_{figure}": value for figure, value in told.items()}


def _split(file: SampleFile, learned: Path, judged: Path) -> None:
    """A person's windows in two files; a window and the frame before it stay together."""
    half = file.count // 2
    while half < file.count and file.before.get(half) is not None and file.before[half] < half:
        half += 1
    for path, numbers in ((learned, range(half)), (judged, range(half, file.count))):
        targets = [file.target(number) for number in numbers]
        targets = [
            one if one.before is None else replace(one, before=one.before - numbers.start) for one in targets
        ]
        save_samples(path, file.pictures(), targets, {})


if __name__ == "__main__":
    main()
