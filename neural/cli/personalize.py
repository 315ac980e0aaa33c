"""``liquid-motion personalize``: weights of a subject's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import BodyOption, Device, DeviceOption, JsonOption


def command(
    subject: Annotated[Path, typer.Argument(help="The subject's folder.")],
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=90, help="How long it may take; it may end before.")
    ] = 60.0,
    body: BodyOption = "open",
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Train the liquid renderer on one subject's sources; transfer and Blender then draw her with that."""
    from neural.cli._perform import perform

    params = {"subject": str(subject), "seconds": seconds, "body": body, "device": device.value}
    perform("personalize", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    change = f"loss {result['loss_before']:.4f} -> {result['loss']:.4f}"
    outcome = change if result["better"] else "the general weights draw her as well, and stay"
    return f"{result['subject']}: {result['steps']} steps in {result['seconds']:.0f} s, {outcome}"
