"""Fetch the larger landmark network, which mediapipe does not bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Download it, unless it is there or the file is given, check it, and keep it for all fits from now on.

    Params:
        file: optional, the file itself, for a machine without a network.

    Returns:
        ``path``: where it is now.

    Raises:
        LiquidMotionError: it cannot be read, downloaded or written, or is another file.
        Cancelled: the progress was cancelled; nothing has changed.
    """
    from smpl_fitting.detection.networks import HEAVY_SOURCE, fetch_heavy, has_heavy

    given = params.get("file")
    if not given and not has_heavy():
        context.log(f"downloading {HEAVY_SOURCE} (28 MB, Apache-2.0)")
    fetching = context.progress.part("Fetching the heavy landmark network", 0.0, 1.0)
    return {"path": str(fetch_heavy(Path(given) if given else None, fetching))}
