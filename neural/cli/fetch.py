"""``liquid-motion fetch``: the larger landmark network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neural.cli._options import JsonOption


def command(
    file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="pose_landmark_heavy.tflite itself, for a machine without a network; "
            "npm's package @mediapipe/pose holds it too.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download MediaPipe's heavy landmark network (28 MB, Apache-2.0); fits use it from then on.

    It sees landmarks a quarter closer to the truth, and takes more than twice as long.
    """
    from neural.cli._perform import perform

    perform("fetch", {"file": str(file) if file else None}, _show, as_json=as_json)


def _show(result: dict) -> str:
    return f"{result['path']}: fetched; every fit uses it from now on (delete the file to go back)"
