"""A motion as a subject's body does it, with the cameras that see it: what a scene is built from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, parameter
from neural.jobs._motions import read_own_motion
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Put a motion on a subject: its feet keep the ground.

    Params:
        motion: a motion file. subject: a subject folder. out: the motion file (``.npz``) to write.
        cam_strategy: ``smooth`` (default), ``source``, ``copy`` or ``follow``, where the motion has cameras; see
            :mod:`neural.camera_strategy`. body: ``open``, ``open_h`` or a model file: that of both.

    Returns:
        ``motion`` (the file written), ``frames``, and what the ``cameras`` fit: ``source``, ``driving`` or ``none``.

    Raises:
        LiquidMotionError: a file is missing, broken or of another body model, or cannot be written.
    """
    from neural.subject import load_subject
    from neural.transfer import plan_transfer
    from smpl_fitting.world import with_shape

    out = Path(parameter(params, "out"))
    body = body_model(params, context)
    motion = read_own_motion(parameter(params, "motion"), body)
    subject = load_subject(parameter(params, "subject"))
    cameras = "none"
    if motion.has_cameras:
        motion, plan = plan_transfer(subject, motion, body, params.get("cam_strategy") or "smooth")
        cameras = plan.background
    else:
        motion = with_shape(motion, body, subject.motion.betas)
    motion.save(out)
    return {"motion": out, "frames": motion.frame_count, "cameras": cameras}
