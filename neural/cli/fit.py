"""``liquid-motion fit``: footage to motion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import BodyOption, Device, DeviceOption, FramesOption, JsonOption, frame_range


def command(
    clip: Annotated[Path, typer.Argument(help="The clip, picture sequence or photo to fit.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The motion file (.npz) to write. What a killed fit has finished is kept in OUT.partial, "
            "and the same command goes on from there.",
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="N|X,Y|X0,Y0,X1,Y1|all",
            help="Whom to fit: a number of --people, a point or box in pixels (X,Y@FRAME for another frame than "
            "the first), or all, one file each (OUT_person0.npz, …). By default whom the clip is about.",
        ),
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option("--people", help="Write a picture of everybody who is found, numbered for --person."),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option("--overlay", help="Also draw the mesh on the footage: a movie, or a picture."),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures",
            metavar="FOLDER",
            help="Also write a movie of the overlay beside a side view, plots of the errors, and the worst "
            "frames large.",
        ),
    ] = None,
    body: BodyOption = "open",
    frames: FramesOption = None,
    focal: Annotated[
        float | None, typer.Option("--focal", min=1.0, help="Focal length in pixels, where it is known.")
    ] = None,
    height: Annotated[
        float | None,
        typer.Option("--height", min=0.5, max=2.6, help="The person's stature in metres, where it is known."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start", help="This clip's motion by another tool (GVHMR, WHAM, …, BVH), to be refined."
        ),
    ] = None,
    foot_lock: Annotated[
        bool,
        typer.Option("--foot-lock", help="Hold planted heels and toes still on the ground, legs following."),
    ] = False,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Fit the body to the person in a clip or photo; write a motion file that AMASS tools read."""
    from neural.cli._perform import perform

    if out is None and people is None:
        raise typer.BadParameter(
            "missing: name the motion file to write, or ask for --people", param_hint="--out"
        )
    params = {
        "clip": str(clip),
        "out": str(out) if out else None,
        "person": person,
        "people": str(people) if people else None,
        "overlay": str(overlay) if overlay else None,
        "pictures": str(pictures) if pictures else None,
        "body": body,
        "frames": frame_range(frames),
        "focal": focal,
        "height": height,
        "start": str(start) if start else None,
        "foot_lock": foot_lock,
        "device": device.value,
    }
    perform("fit", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    lines = []
    if result["people"]:
        count = result["people_found"]
        lines.append(f"{result['people']}: {count} {'person' if count == 1 else 'people'} found")
    for fit in result["fits"]:
        lines.append(
            f"{fit['motion']}: person {fit['person']}, {fit['frames']} frames, found in "
            f"{fit['frames_found']} by the {fit['detector']} detector, landmarks "
            f"{fit['landmark_error_percent']:.1f}% of the height off"
        )
        if fit["camera_moves"]:
            lines.append(
                "the camera moves: its way and the person's cannot be told apart; the path holds both"
            )
        lines += [str(fit[name]) for name in ("overlay", "pictures") if fit[name]]
    return "\n".join(lines)
