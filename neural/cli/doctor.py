"""``liquid-motion doctor``: is everything here?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import JsonOption


def command(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where results would go, for its free space.")
    ] = Path("."),
    bodies: Annotated[
        list[Path] | None,
        typer.Option("--body", help="A SMPL, SMPL-H or SMPL-X file of yours to check; repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check this installation, and say how to mend what is missing."""
    from neural.cli._perform import FAILED, perform

    params = {"folder": str(folder), "bodies": [str(path) for path in bodies or ()]}
    result = perform("doctor", params, _show, as_json=as_json)
    if not result["healthy"]:
        raise typer.Exit(FAILED)


def _show(result: dict) -> str:
    lines = []
    for finding in result["findings"]:
        lines.append(f"{finding['state']:8}{finding['name']:12}{finding['detail']}")
        if finding["mend"]:
            lines.append(f"{'':20}-> {finding['mend']}")
    return "\n".join(lines)
