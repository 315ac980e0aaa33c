"""``liquid-motion transfer``: a subject put to a motion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import (
    BodyOption,
    CamStrategyOption,
    Device,
    DeviceOption,
    JsonOption,
    ProvenanceOption,
    RendererOption,
)


def command(
    subject: Annotated[Path, typer.Option("--subject", metavar="DIR", help="A subject folder.")],
    driving: Annotated[
        list[Path],
        typer.Option(
            "--driving",
            metavar="D [D…]",
            help="Motion files (.npz), or clips, which are fitted; one after the other.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for frames and movie.")],
    background: Annotated[
        str,
        typer.Option(
            "--background",
            metavar="source|transparent|#rrggbb|FILE",
            help="What stands behind the person: their own photo's, nothing, a colour, a picture or a clip.",
        ),
    ] = "source",
    cam_strategy: CamStrategyOption = None,
    renderer: RendererOption = "warp",
    provenance: ProvenanceOption = False,
    body: BodyOption = "open",
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Draw a subject in every frame of a motion, without building a scene."""
    from neural.cli._perform import perform

    params = {
        "subject": str(subject),
        "driving": [str(path) for path in driving],
        "out": str(out),
        "background": background,
        "cam_strategy": cam_strategy.value if cam_strategy else None,
        "renderer": renderer,
        "provenance": provenance,
        "body": body,
        "device": device.value,
    }
    perform("transfer", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    if len(result["movies"]) > 1:
        return "\n".join([f"{result['frames']} frames", *result["movies"]])
    return f"{result['movie']}: {result['frames']} frames\n{result['pictures']}"
