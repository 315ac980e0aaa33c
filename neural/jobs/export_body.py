"""Write the body that does a motion, for programs without torch: Blender shows a fit with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, parameter
from neural.jobs._motions import read_own_motion
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write a body file with a motion's shape.

    Params:
        motion: a motion file of the body model. out: the body file (``.npz``) to write. body: ``open``, ``open_h``
            or a model file.

    Returns:
        ``body``: the file written.

    Raises:
        LiquidMotionError: the motion is missing, broken or of another body model, or the file cannot be written.
    """
    out = Path(parameter(params, "out"))
    body = body_model(params, context)
    body.save_export(out, read_own_motion(parameter(params, "motion"), body).betas)
    return {"body": out}
