"""Check this installation; the extension's preferences show the answer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Run every check.

    Params:
        folder: where results would go (the current folder), for its free space.
        extension: optional, version of the extension that asks.
        bodies: optional, paths of the user's SMPL files.

    Returns:
        ``healthy``: whether the main job can run; ``findings``: each with name, state (``ok``, ``missing``,
        ``broken``), detail and mend.
    """
    from neural.doctor import checks, examine

    bodies = [Path(path) for path in params.get("bodies") or ()]
    todo = checks(Path(params.get("folder") or "."), params.get("extension"), bodies)
    progress = context.progress.part("Checking", 0.0, 1.0)
    findings = [examine(check) for check in progress.track(todo, len(todo))]
    return {
        "healthy": all(finding.state != "broken" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }
