"""Put a motion on a rigged character."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from neural.jobs._inputs import parameter
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Retarget with Blender.

    Params:
        motions: motion files, or BVH: one, or one for each character; none where ``options`` name an armature to take
        the motion from. rig: the characters' file. out: the ``.glb``, ``.fbx`` or ``.blend`` to write. body: optional
        body file of the motions. options: words for the extension's ``retarget``.

    Returns:
        ``out``, and ``characters``: name -> ``frames``, ``bones``.

    Raises:
        LiquidMotionError: see :func:`neural.retarget.retarget_file`.
    """
    from neural.retarget import RetargetJob, retarget_file

    body = params.get("body")
    job = RetargetJob(
        tuple(map(Path, parameter(params, "motions"))),
        Path(parameter(params, "rig")),
        Path(parameter(params, "out")),
        Path(body) if body else None,
        tuple(params.get("options", ())),
    )
    progress = context.progress.part("Retargeting", 0.0, 1.0)
    said = retarget_file(job, poll=lambda: progress.update(0.0))
    progress.update(1.0)
    found = re.findall(r"^(.+): (\d+) frames, (\d+) bones", said, re.MULTILINE)
    characters = {name: {"frames": int(frames), "bones": int(bones)} for name, frames, bones in found}
    return {"out": job.out, "characters": characters}
