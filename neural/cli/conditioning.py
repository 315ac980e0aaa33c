"""``liquid-motion conditioning``: what steers a diffusion animator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import BodyOption, CamStrategyOption, Device, DeviceOption, JsonOption


def command(
    driving: Annotated[
        Path, typer.Option("--driving", metavar="D", help="A clip, a motion file, or an .npz of vertices.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The guidance folder to write.")],
    subject: Annotated[
        Path | None,
        typer.Option(
            "--subject", metavar="DIR", help="Whose shape and photo's camera to use instead of the clip's."
        ),
    ] = None,
    cam_strategy: CamStrategyOption = None,
    body: BodyOption = "open",
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Write depth, normal, semantic_map, dwpose and mask as Champ reads them, and iuv, parts and flow."""
    from neural.cli._perform import perform

    params = {
        "driving": str(driving),
        "out": str(out),
        "subject": str(subject) if subject else None,
        "cam_strategy": cam_strategy.value if cam_strategy else None,
        "body": body,
        "device": device.value,
    }
    perform("conditioning", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    kinds = "depth, normal, semantic_map, dwpose, mask, iuv, parts and flow"
    return f"{result['out']}: {result['frames']} frames of {kinds}"
