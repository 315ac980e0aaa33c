"""``liquid-motion swap``: a subject that wears parts of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import BodyOption, JsonOption


def command(
    subject: Annotated[
        Path, typer.Option("--subject", metavar="DIR", help="Whose shape, and all that nobody else gives.")
    ],
    take: Annotated[
        list[str],
        typer.Option(
            "--take",
            metavar="DIR:PART[,PART…]",
            help="A donor and the parts it gives: head, torso, shirt, upper, lower, arms, legs, hands, feet, or one "
            "limb as left_forearm. May be repeated.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The new subject's folder.")],
    body: BodyOption = "open",
    as_json: JsonOption = False,
) -> None:
    """Dress a subject in parts of others; the outcome is a subject that transfer, view and Blender draw."""
    from neural.cli._perform import perform

    gifts = []
    for word in take:
        donor, _, parts = word.rpartition(":")
        if not donor or not parts:
            raise typer.BadParameter(
                f"{word!r} is not DIR:PART, as in anna/subject:upper", param_hint="--take"
            )
        gifts.append([donor, [part.strip() for part in parts.split(",")]])
    params = {"subject": str(subject), "take": gifts, "out": str(out), "body": body}
    perform("swap", params, _show, as_json=as_json)


def _show(result: dict) -> str:
    return f"{result['subject']}: from {result['sources']} pictures"
