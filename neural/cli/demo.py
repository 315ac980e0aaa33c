"""``liquid-motion demo``: the main job on the pictures that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import Device, DeviceOption, JsonOption


def command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder for the results.")] = Path(
        "liquid-motion-demo"
    ),
    scene: Annotated[
        bool, typer.Option("--scene/--no-scene", help="Also build scene.blend, which needs Blender.")
    ] = True,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Run the main job on the embedded source picture and driving clip."""
    from neural.cli._perform import perform
    from neural.cli._results import describe_run

    folder = Path(__file__).parents[1] / "data" / "demo"
    params = {
        "sources": [str(path) for path in sorted(folder.glob("source*"))],
        "driving": str(folder / "driving.mp4"),
        "out": str(out),
        "scene": scene,
        "device": device.value,
    }
    perform("run", params, describe_run, as_json=as_json)
