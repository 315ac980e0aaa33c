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
    RendererOption,
)


def command(
    subject: Annotated[Path, typer.Option("--subject", metavar="DIR", help="A subject folder.")],
    driving: Annotated[
        Path, typer.Option("--driving", metavar="D", help="A motion file (.npz), or a clip, which is fitted.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for frames and movie.")],
    background: Annotated[
        str,
        typer.Option(
            "--background", metavar="source|transparent|#rrggbb", help="What stands behind the person."
        ),
    ] = "source",
    cam_strategy: CamStrategyOption = None,
    renderer: RendererOption = "warp",
    body: BodyOption = "open",
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Draw a subject in every frame of a motion, without building a scene."""
    from neural.cli._perform import perform

    params = {
        "subject": str(subject),
        "driving": str(driving),
        "out": str(out),
        "background": background,
        "cam_strategy": cam_strategy.value if cam_strategy else None,
        "renderer": renderer,
        "body": body,
        "device": device.value,
    }
    perform("transfer", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    return f"{result['movie']}: {result['frames']} frames\n{result['pictures']}"
