"""``liquid-motion view``: a subject under a circling camera."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import (
    BodyOption,
    Device,
    DeviceOption,
    JsonOption,
    ProvenanceOption,
    RendererOption,
)


def command(
    subject: Annotated[Path, typer.Option("--subject", metavar="DIR", help="A subject folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for frames and movie.")],
    driving: Annotated[
        Path | None,
        typer.Option(
            "--driving",
            metavar="D",
            help="A motion file or clip the person follows meanwhile; without one they turn as their photo shows them.",
        ),
    ] = None,
    at: Annotated[
        float | None,
        typer.Option(
            "--at", metavar="S", min=0.0, help="Bullet time: freeze the motion at this second and circle."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="How long the camera circles.")] = 4.0,
    degrees: Annotated[
        float, typer.Option("--degrees", help="How far; negative goes the other way round.")
    ] = 360.0,
    background: Annotated[
        str,
        typer.Option(
            "--background", metavar="#rrggbb|transparent|FILE", help="A colour, nothing, a picture or clip."
        ),
    ] = "gray",
    renderer: RendererOption = "warp",
    provenance: ProvenanceOption = False,
    body: BodyOption = "open",
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """See a subject from all around: turntable, circled motion, or bullet time (--driving with --at)."""
    from neural.cli._perform import perform

    if at is not None and driving is None:
        raise typer.BadParameter("a moment needs a motion to freeze; add --driving", param_hint="--at")
    params = {
        "subject": str(subject),
        "out": str(out),
        "driving": str(driving) if driving else None,
        "at": at,
        "seconds": seconds,
        "degrees": degrees,
        "background": background,
        "renderer": renderer,
        "provenance": provenance,
        "body": body,
        "device": device.value,
    }
    perform("view", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    return f"{result['movie']}: {result['frames']} frames\n{result['pictures']}"
