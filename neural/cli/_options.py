"""Options that several commands share."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer


class Device(enum.StrEnum):
    """Where torch computes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class CamStrategy(enum.StrEnum):
    """Where the camera stands; see ``neural.camera_strategy``."""

    SMOOTH = "smooth"
    SOURCE = "source"
    COPY = "copy"
    FOLLOW = "follow"


DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute; auto takes the fastest.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="For machines: one JSON object on stdout at the end, errors too.")
]
BodyOption = Annotated[
    str,
    typer.Option(
        "--body",
        metavar="open|open_h|PATH",
        help="The open body, open_h with fingers, or an SMPL, SMPL-H or SMPL-X file.",
    ),
]
RendererOption = Annotated[
    str,
    typer.Option(
        "--renderer",
        metavar="warp|lit|liquid",
        help="Who draws: source pixels alone, the same in the photo's light, or a network on top.",
    ),
]
ProvenanceOption = Annotated[
    bool,
    typer.Option(
        "--provenance", help="Also write where every pixel comes from: which source, how oblique, or a guess."
    ),
]
FramesOption = Annotated[
    str | None,
    typer.Option("--frames", metavar="A-B", help="Only these frames of the clip: first and last, from 0."),
]
SourceOption = Annotated[
    list[Path],
    typer.Option("--source", metavar="S [S…]", help="Photos or clips of the person to show."),
]
CamStrategyOption = Annotated[
    CamStrategy | None,
    typer.Option(
        "--cam-strategy",
        help="Keep the source's framing (source, or smooth to follow the movement), copy the driving clip's, "
        "or follow the person. By default what suits the background.",
    ),
]


def frame_range(text: str | None) -> list[int] | None:
    """``"3-10"`` as ``[3, 10]``, ``"3"`` as ``[3, 3]``: the first and the last frame.

    Raises:
        typer.BadParameter: it is no such range.
    """
    if text is None:
        return None
    first, dash, last = text.partition("-")
    if not first.isdecimal() or not (last.isdecimal() if dash else True):
        raise typer.BadParameter(f"{text!r} is not A-B, as in 0-99", param_hint="--frames")
    frames = [int(first), int(last or first)]
    if frames[1] < frames[0]:
        raise typer.BadParameter(f"{text!r} ends before it begins", param_hint="--frames")
    return frames


def frame_list(text: str) -> list[int]:
    """``"0,40"`` as ``[0, 40]``.

    Raises:
        typer.BadParameter: it is no such list.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise typer.BadParameter(f"{text!r} are not frame numbers, as in 0,40", param_hint="--sources")
    return [int(word) for word in words]
