"""``liquid-motion retarget``: a motion onto a rigged character."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

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
    motion: Annotated[Path, typer.Option("--motion", help="The motion file, or a BVH recording.")],
    rig: Annotated[Path, typer.Option("--rig", help="The character: .blend, .glb, .gltf, .vrm or .fbx.")],
    out: Annotated[Path, typer.Option("--out", help="What to write: .blend, .glb or .fbx.")],
    body: Annotated[
        Path | None, typer.Option("--body", help="Body file of the motion (a subject's body.npz).")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The armature, where the file has several.")
    ] = None,
    bone_map: Annotated[
        Path | None, typer.Option("--map", help="Bone map (.json), where the names are not enough.")
    ] = None,
    root: Annotated[Root, typer.Option("--root", help="The bone that travels.")] = Root.HIPS,
    scale: Annotated[
        str, typer.Option("--scale", metavar="legs|hips|NUMBER", help="What steps are scaled by.")
    ] = "legs",
    turn: Annotated[float, typer.Option("--turn", help="Degrees about the vertical.")] = 0.0,
    feet: Annotated[bool, typer.Option(help="Keep planted feet planted.")] = True,
    hands: Annotated[bool, typer.Option(help="Keep hands where they touch the body.")] = False,
    limbs: Annotated[
        Limbs, typer.Option("--limbs", help="The controls to key, where a rig has both.")
    ] = Limbs.FK,
    sparse: Annotated[
        float | None,
        typer.Option("--sparse", metavar="DEGREES", help="Fewer keys, off by no more than this."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Put a motion on a rigged character: Mixamo, Rigify, VRM, Unreal, Auto-Rig Pro, MakeHuman, or any other."""
    from neural.cli._perform import perform

    words = ["--root", root.value, "--scale", scale, "--limbs", limbs.value, f"--turn={turn}"]
    words += [] if feet else ["--no-feet"]
    words += ["--hands"] if hands else []
    words += [f"--sparse={sparse}"] if sparse is not None else []
    words += ["--target", target] if target else []
    words += ["--map", str(bone_map)] if bone_map else []
    params = {
        "motion": str(motion),
        "rig": str(rig),
        "out": str(out),
        "body": str(body) if body else None,
        "options": words,
    }
    perform("retarget", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    lines = [
        f"{name}: {one['frames']} frames on {one['bones']} bones"
        for name, one in result["characters"].items()
    ]
    return "\n".join([*lines, f"wrote {result['out']}"])
