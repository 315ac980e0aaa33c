"""What each loss brings: ``python benchmarks/liquid_losses.py SAMPLES --steps 1000``.

The same network, data, batches and steps with all losses of the recipe, without each of them, and with each of the
adversarial ones; judged as by ``liquid_blocks.py``.
"""

from __future__ import annotations

from dataclasses import fields, replace

from _trainings import compare, training_parser

from neural.networks.blocks import BLOCKS
from neural.networks.generator import CONCATENATION, GeneratorConfig
from neural.training.losses import LossWeights

ADVERSARIAL = 0.02


def main() -> None:
    parser = training_parser(__doc__.splitlines()[0])
    parser.add_argument("--block", default=GeneratorConfig().block, choices=[*BLOCKS, CONCATENATION])
    options = parser.parse_args()
    recipe = LossWeights()
    losses = {"all": recipe}
    for field in fields(recipe):
        if isinstance(getattr(recipe, field.name), float) and getattr(recipe, field.name):
            losses[f"without {field.name}"] = replace(recipe, **{field.name: 0.0})
    late = options.steps // 2
    for name in ("adversarial", "adversarial_pair"):
        losses[f"with {name}"] = replace(recipe, adversarial_from=late, **{name: ADVERSARIAL})
    generator = GeneratorConfig(options.base, options.block)
    compare(options, {name: {"generator": generator, "loss": loss} for name, loss in losses.items()})


if __name__ == "__main__":
    main()
