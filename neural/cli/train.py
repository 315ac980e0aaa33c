"""``liquid-motion train``: the liquid renderer's network, from the ground up or further."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import Device, JsonOption


def command(
    config: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    device: Annotated[
        Device | None, typer.Option("--device", help="Where to compute; the recipe's choice by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train the liquid renderer. A run that was stopped goes on where it was."""
    from neural.cli._perform import perform

    params = {"config": str(config), "device": device.value if device else None}
    perform("train", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    figures = ", ".join(f"{name} {value:.3f}" for name, value in result["figures"].items())
    lines = f"{result['weights']}: {result['steps']} steps, {result['seconds']:.0f} s this time"
    return f"{lines}\nheld-out people: {figures}" if figures else lines
