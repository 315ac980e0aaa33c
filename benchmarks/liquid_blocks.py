"""The five warping blocks against input concatenation: ``python benchmarks/liquid_blocks.py SAMPLES --steps 1000``.

The same data, the same batches, the same number of steps, from the same kind of start; judged on the people held out
in the samples' folder. ``concatenation`` sees the sources' carried pixels beside its other inputs, and has no blocks.
Each trained network is told apart on people with one source picture and on people with several. PSNR is over mid-grey
in the person's box; gains are over the warp picture that the networks start from.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from neural.networks.blocks import BLOCKS
from neural.networks.generator import CONCATENATION, GeneratorConfig
from neural.training.config import TrainConfig
from neural.training.train import train

VARIANTS = [*BLOCKS, CONCATENATION]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path, help="made by python -m neural.training.make_samples")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--base", type=int, default=16)
    parser.add_argument("--blocks", nargs="+", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--work", type=Path, help="where runs are kept, so that a broken one goes on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        for block in options.blocks:
            config = TrainConfig(
                data=options.samples,
                out=work / block,
                steps=options.steps,
                batch=options.batch,
                threads=options.threads,
                learning_rate=1e-3,
                judge_steps=10**9,
                generator=GeneratorConfig(options.base, block),
            )
            trained = train(replace(config, decay=0.99))
            figures |= {f"{block}_{name}": value for name, value in trained.figures.items()}
            seconds = trained.seconds / trained.steps
            figures[f"{block}_seconds_per_step"] = seconds
            told = trained.figures
            better = 100 * (1 - told["liquid_lite2_distance"] / told["warp_lite2_distance"])
            print(
                f"{block:16} gain {told['gain_db']:+.2f} dB ({told['gain_db_one_source']:+.2f} with one source, "
                f"{told['gain_db_more_sources']:+.2f} with more)  Lite2 {better:+.1f} %  "
                f"mask error {told['liquid_mask_error']:.4f}  {seconds:.2f} s a step",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
