"""``liquid-motion retarget``: motions onto rigged characters.

Apart from files, every option is one of the extension's command of the same name, which gets it as it is.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from neural.cli._options import JsonOption


class Root(enum.StrEnum):
    """Who travels."""

    HIPS = "hips"
    ROOT = "root"
    BOTH = "both"
    IN_PLACE = "in_place"


class Limbs(enum.StrEnum):
    """Which controls are keyed on rigs that have both."""

    FK = "fk"
    IK = "ik"


def command(
    context: typer.Context,
    rig: Annotated[Path, typer.Option("--rig", help="The character: .blend, .glb, .gltf, .vrm or .fbx.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="What to write: .blend, .glb or .fbx.")],
    motion: Annotated[
        list[Path] | None,
        typer.Option(
            "--motion", help="A motion file or BVH recording: one for all characters, or one for each."
        ),
    ] = None,
    body: Annotated[
        Path | None, typer.Option("--body", help="Body file of the motion (a subject's body.npz).")
    ] = None,
    from_armature: Annotated[
        str | None,
        typer.Option(
            "--from-armature", metavar="NAME", help="An animated armature of the file, not a --motion."
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", metavar="NAME", help="An armature to move, where the file has several; repeatable."
        ),
    ] = None,
    map: Annotated[  # noqa: A002, the option's name
        Path | None, typer.Option("--map", help="Bone map (.json), where the names are not enough.")
    ] = None,
    root: Annotated[Root, typer.Option("--root", help="The bone that travels.")] = Root.HIPS,
    scale: Annotated[
        str, typer.Option("--scale", metavar="legs|hips|NUMBER", help="What steps are scaled by.")
    ] = "legs",
    turn: Annotated[
        float, typer.Option("--turn", metavar="DEGREES", help="Turn the path about the vertical.")
    ] = 0.0,
    offset: Annotated[
        tuple[float, float, float],
        typer.Option("--offset", metavar="X Y Z", help="Added to the path, metres."),
    ] = (0.0, 0.0, 0.0),
    floor: Annotated[
        float, typer.Option("--floor", metavar="METRES", help="Height of the floor the character stands on.")
    ] = 0.0,
    feet: Annotated[
        bool, typer.Option(help="Keep planted feet planted and all feet above the floor.")
    ] = True,
    fade: Annotated[
        float,
        typer.Option("--fade", metavar="SECONDS", help="In which a foot's correction comes and goes."),
    ] = 0.15,
    hands: Annotated[
        bool, typer.Option("--hands", help="Keep hands where they touch the body and each other.")
    ] = False,
    fingers: Annotated[bool, typer.Option(help="Move fingers where both have them.")] = True,
    flat: Annotated[
        bool, typer.Option("--flat", help="The character is a flat cut-out: angles in the picture only.")
    ] = False,
    limbs: Annotated[
        Limbs, typer.Option("--limbs", help="The controls to key, where a rig has both.")
    ] = Limbs.FK,
    sparse: Annotated[
        float | None,
        typer.Option("--sparse", metavar="DEGREES", help="Fewer keys, off by no more than this."),
    ] = None,
    nla: Annotated[bool, typer.Option("--nla", help="Put the motion on an NLA track of its own.")] = False,
    frame_start: Annotated[int, typer.Option("--frame-start", help="Frame of the first pose.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Put a motion on a rigged character: Mixamo, Rigify, VRM, Unreal, Auto-Rig Pro, MakeHuman, or any other."""
    from neural.cli._perform import perform

    params = {
        "motions": [str(path) for path in motion or []],
        "rig": str(rig),
        "out": str(out),
        "body": str(body) if body else None,
        "options": words_of({k: v for k, v in context.params.items() if k not in _OURS}),
    }
    perform("retarget", params, _show, as_json=as_json)


_OURS = ("motion", "rig", "out", "body", "as_json")
_ON = ("feet", "fingers")
"""Flags that are on unless the extension is told otherwise."""


def words_of(options: Mapping[str, Any]) -> list[str]:
    """Options as words for the extension's command; those that are not given are left to it."""
    words = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            if value != (name in _ON):
                words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            if value:
                words += [f"--{flag}", *map(str, value)]
        elif value is not None:
            words.append(f"--{flag}={value}")  # one word, or a negative number would look like an option
    return words


def _show(result: dict) -> str:
    lines = [
        f"{name}: {one['frames']} frames on {one['bones']} bones"
        for name, one in result["characters"].items()
    ]
    return "\n".join([*lines, f"wrote {result['out']}"])
