"""``liquid-motion evaluate``: the yardstick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neural.cli._options import BodyOption, Device, DeviceOption, frame_list


def command(
    clip: Annotated[Path, typer.Argument(help="A clip of one person.")],
    sources: Annotated[
        str, typer.Option("--sources", metavar="0,40,…", help="The frames that serve as source.")
    ] = "0",
    renderers: Annotated[
        str, typer.Option("--renderers", metavar="visible,warp,…", help="Who is compared with the truth.")
    ] = "visible,warp",
    step: Annotated[int, typer.Option("--step", min=1, help="Compare every so many frames.")] = 10,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="F", help="Write {figure: value} to a file, or with - to stdout."),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="Keep the pictures compared.")
    ] = None,
    body: BodyOption = "open",
    device: DeviceOption = Device.AUTO,
) -> None:
    """Self-reenactment: some frames of a clip are the source, its other frames the truth."""
    from neural.cli._perform import perform

    params = {
        "clip": str(clip),
        "sources": frame_list(sources),
        "renderers": [name.strip() for name in renderers.split(",")],
        "step": step,
        "pictures": str(pictures) if pictures else None,
        "figures": str(json_file) if json_file and str(json_file) != "-" else None,
        "body": body,
        "device": device.value,
    }
    perform("evaluate", params, _show, as_json=str(json_file) == "-")


def _show(result: dict[str, Any]) -> str:
    """The table as text: a row for each figure, a column for each renderer."""
    table = result["table"]
    rows = [["mean", *table]]
    rows += [
        [figure, *(_number(column[figure]) for column in table.values())]
        for figure in next(iter(table.values()))
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    numbers = ", ".join(str(frame) for frame in result["sources"])
    lines.append(f"means over {len(result['targets'])} frames; source: frame {numbers}")
    if result["camera_moves"]:
        lines.append("the camera moves: behind the person stands each frame itself, with her taken out")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
