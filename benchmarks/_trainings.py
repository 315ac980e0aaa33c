"""Several trainings on the same data, and what each gained: shared by the comparisons of blocks and of losses."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from neural import metrics
from neural.networks.generator import Generator, settled_picture
from neural.networks.weights import load_generator
from neural.training.config import TrainConfig
from neural.training.dataset import training_files, whole_window
from neural.training.losses import laid_over
from neural.training.samples import SampleFile
from neural.training.train import train


def training_parser(description: str) -> argparse.ArgumentParser:
    """The options of a comparison."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("samples", type=Path, help="made by python -m neural.training.make_samples")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--base", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--work", type=Path, help="where runs are kept, so that a broken one goes on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser


def compare(options: argparse.Namespace, variants: dict[str, dict]) -> None:
    """Train each variant, a name and what it changes of the recipe, and print its figures."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        for name, changes in variants.items():
            config = TrainConfig(
                data=options.samples,
                out=work / name,
                steps=options.steps,
                batch=options.batch,
                threads=options.threads,
                learning_rate=1e-3,
                decay=0.99,
                judge_steps=10**9,
                **changes,
            )
            trained = train(config)
            told = trained.figures | {"seconds_per_step": trained.seconds / trained.steps}
            told["flicker"] = flicker(load_generator(trained.weights)[0], options.samples / "held_out")
            figures |= {f"{name}_{figure}": value for figure, value in told.items()}
            better = 100 * (1 - told["liquid_lite2_distance"] / told["warp_lite2_distance"])
            print(
                f"{name:24} gain {told['gain_db']:+.2f} dB ({told['gain_db_one_source']:+.2f} with one source, "
                f"{told['gain_db_more_sources']:+.2f} with more)  Lite2 {better:+.1f} %  SSIM "
                f"{told['liquid_ssim'] - told['warp_ssim']:+.4f}  mask error {told['liquid_mask_error']:.4f}  "
                f"flicker {told['flicker']:.2f}  {told['seconds_per_step']:.2f} s a step",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


@torch.inference_mode()
def flicker(generator: Generator, folder: Path) -> float:
    """How much held-out pictures change from frame to frame along the true flow, as a share of the truth's change."""
    drawn, true = [], []
    for path in training_files(folder):
        file = SampleFile(path)
        for number, before in file.before.items():
            target = file.target(number)
            assert target.flow is not None
            flow = target.flow.nan_to_num(-1e4).numpy()
            pairs = [_shown(generator, file, one) for one in (number, before)]
            for errors, now, earlier in zip((drawn, true), *pairs, strict=True):
                errors.append(metrics.temporal_error(now, earlier, flow))
    return float(np.mean(drawn) / np.mean(true))


def _shown(generator: Generator, file: SampleFile, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The drawn picture and the true one over grey, (H, W, 3) uint8."""
    batch = whole_window(file.target(number), file.pictures())
    answer = generator(
        batch.warp, batch.guide, batch.previous, batch.grid, batch.trust, generator.encode(batch.pictures)
    )
    pictures = (settled_picture(batch.warp, answer), batch.truth)
    drawn, true = (
        (laid_over(one.clamp(0, 1), batch.background)[0] * 255).round().to(torch.uint8).permute(1, 2, 0)
        for one in pictures
    )
    return drawn.numpy(), true.numpy()
