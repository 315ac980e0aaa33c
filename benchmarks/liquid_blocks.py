"""The five warping blocks against input concatenation: ``python benchmarks/liquid_blocks.py SAMPLES --steps 1000``.

The same data, the same batches, the same number of steps, from the same kind of start; judged on the people held out
in the samples' folder. ``concatenation`` sees the sources' carried pixels beside its other inputs, and has no blocks.
Each trained network is told apart on people with one source picture and on people with several. PSNR is over mid-grey
in the person's box; gains are over the warp picture that the networks start from.
"""

from __future__ import annotations

from _trainings import compare, training_parser

from neural.networks.blocks import BLOCKS
from neural.networks.generator import CONCATENATION, GeneratorConfig

VARIANTS = [*BLOCKS, CONCATENATION]


def main() -> None:
    parser = training_parser(__doc__.splitlines()[0])
    parser.add_argument("--blocks", nargs="+", default=VARIANTS, choices=VARIANTS)
    options = parser.parse_args()
    compare(options, {block: {"generator": GeneratorConfig(options.base, block)} for block in options.blocks})


if __name__ == "__main__":
    main()
