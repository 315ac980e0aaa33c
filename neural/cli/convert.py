"""``liquid-motion convert``: motions of other tools to ours, and ours to theirs."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import JsonOption


class Format(enum.StrEnum):
    """What the input is."""

    LIQUID = "liquid"
    AMASS = "amass"
    BVH = "bvh"
    GVHMR = "gvhmr"
    WHAM = "wham"
    HUMANS_4D = "4d-humans"
    SAM_3D_BODY = "sam-3d-body"


class Layout(enum.StrEnum):
    """How an ``.npz`` is laid out."""

    LIQUID = "liquid"
    AMASS = "amass"


class Target(enum.StrEnum):
    """The body to move."""

    OPEN = "open"
    OPEN_H = "open_h"


def command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A motion file of ours or of another tool.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .npz or .bvh to write.")],
    format: Annotated[
        Format | None, typer.Option("--format", help="What IN is; by default what its content looks like.")
    ] = None,
    to: Annotated[
        Target | None,
        typer.Option(
            "--to", help="Move the open body, without fingers or with them (open_h), instead of SMPL's."
        ),
    ] = None,
    layout: Annotated[
        Layout, typer.Option("--as", help="An .npz of ours with all it knows, or plain AMASS (SMPL-H).")
    ] = Layout.LIQUID,
    body: Annotated[
        Path | None,
        typer.Option(
            "--body", metavar="PATH", help="The SMPL, SMPL-H or SMPL-X file the motion was made with."
        ),
    ] = None,
    fps: Annotated[
        float | None, typer.Option("--fps", help="Frames a second, where IN does not say it (30 by default).")
    ] = None,
    person: Annotated[
        int | None, typer.Option("--person", help="Which track, where IN holds several; else the longest.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a motion between AMASS, BVH, GVHMR, WHAM, 4D-Humans, SAM 3D Body and our own file."""
    from neural.cli._perform import perform

    params = {
        "source": str(source),
        "out": str(out),
        "format": format.value if format else None,
        "to": to.value if to else None,
        "as": layout.value,
        "body": str(body) if body else None,
        "fps": fps,
        "person": person,
    }
    perform("convert", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    return (
        f"{result['out']}: {result['frames']} frames of model {result['model']} at {result['fps']:g} frames a second"
        + (", with cameras" if result["cameras"] else "")
    )
