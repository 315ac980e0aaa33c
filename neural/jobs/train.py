"""Train the liquid renderer's generator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neural.jobs._inputs import parameter
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Train by a recipe, or go on where an earlier run of it stopped; see :mod:`neural.training.train`.

    Params:
        config: the recipe, a TOML file. device: instead of the recipe's, where it is given.

    Returns:
        ``weights`` (path), ``steps`` made in all, ``seconds`` of this run, ``figures`` on held-out people.

    Raises:
        LiquidMotionError: recipe, data or checkpoint cannot be used.
    """
    from neural.training.config import load_config
    from neural.training.train import train

    config = load_config(parameter(params, "config"))
    if params.get("device"):
        config = replace(config, device=params["device"])
    trained = train(config, context.progress.part("Training", 0.0, 1.0))
    return {
        "weights": trained.weights,
        "steps": trained.steps,
        "seconds": trained.seconds,
        "figures": trained.figures,
    }
