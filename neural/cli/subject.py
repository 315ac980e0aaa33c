"""``liquid-motion subject``: one person's look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import BodyOption, Device, DeviceOption, JsonOption, SourceOption


def command(
    source: SourceOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The subject folder to make.")],
    body: BodyOption = "open",
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Make a subject, one person's look, from photos and clips; transfer puts it to any motion."""
    from neural.cli._perform import perform

    params = {
        "sources": [str(path) for path in source],
        "out": str(out),
        "body": body,
        "device": device.value,
    }
    perform("subject", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    return (
        f"{result['subject']}: from {result['sources']} pictures, "
        f"which show {result['seen_percent']:.0f}% of the texture"
    )
