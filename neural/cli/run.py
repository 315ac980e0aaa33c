"""``liquid-motion run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import (
    BodyOption,
    CamStrategyOption,
    Device,
    DeviceOption,
    FramesOption,
    JsonOption,
    RendererOption,
    SourceOption,
    frame_range,
)


def command(
    source: SourceOption,
    driving: Annotated[Path, typer.Option("--driving", metavar="D", help="The clip of somebody moving.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the results.")],
    background: Annotated[
        str,
        typer.Option(
            "--background",
            metavar="source|driving|transparent|#rrggbb",
            help="What stands behind the person.",
        ),
    ] = "source",
    cam_strategy: CamStrategyOption = None,
    renderer: RendererOption = "warp",
    personalize: Annotated[
        bool,
        typer.Option(
            "--personalize/--no-personalize",
            help="First let the network learn this person, for a minute; with --renderer liquid.",
        ),
    ] = False,
    size: Annotated[
        int | None, typer.Option("--size", min=16, help="Longest side of the frames in pixels, at most.")
    ] = None,
    frames: FramesOption = None,
    body: BodyOption = "open",
    overlay: Annotated[
        bool, typer.Option("--overlay/--no-overlay", help="Also draw the fitted bodies on the footage.")
    ] = True,
    scene: Annotated[
        bool, typer.Option("--scene/--no-scene", help="Also build scene.blend, which needs Blender.")
    ] = True,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Let the person of the source do what the driving clip shows: frames, a movie, a Blender scene."""
    from neural.cli._perform import perform
    from neural.cli._results import describe_run

    params = {
        "sources": [str(path) for path in source],
        "driving": str(driving),
        "out": str(out),
        "background": background,
        "cam_strategy": cam_strategy.value if cam_strategy else None,
        "renderer": renderer,
        "personalize": personalize,
        "longest_side": size,
        "frames": frame_range(frames),
        "body": body,
        "overlay": overlay,
        "scene": scene,
        "device": device.value,
    }
    perform("run", params, describe_run, as_json=as_json)
