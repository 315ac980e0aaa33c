"""``liquid-motion fit``: footage to motion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import BodyOption, Device, DeviceOption, FramesOption, JsonOption, frame_range


def command(
    clip: Annotated[Path, typer.Argument(help="The clip, picture sequence or photo to fit.")],
    out: Annotated[Path, typer.Option("--out", help="The motion file (.npz) to write.")],
    overlay: Annotated[
        Path | None,
        typer.Option("--overlay", help="Also draw the mesh on the footage: a movie, or a picture."),
    ] = None,
    body: BodyOption = "open",
    frames: FramesOption = None,
    focal: Annotated[
        float | None, typer.Option("--focal", min=1.0, help="Focal length in pixels, where it is known.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Fit the body to the person in a clip or photo; write a motion file that AMASS tools read."""
    from neural.cli._perform import perform

    params = {
        "clip": str(clip),
        "out": str(out),
        "overlay": str(overlay) if overlay else None,
        "body": body,
        "frames": frame_range(frames),
        "focal": focal,
        "device": device.value,
    }
    perform("fit", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    lines = [
        f"{result['motion']}: {result['frames']} frames, somebody found in {result['frames_found']}, "
        f"landmarks {result['landmark_error_percent']:.1f}% of the height off"
    ]
    if result["overlay"]:
        lines.append(str(result["overlay"]))
    return "\n".join(lines)
