"""A finished subject doing what a clip or a motion file shows: frames and a movie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, computing_device, parameter
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Draw a subject in every frame of a motion; see :func:`neural.transfer.transfer`.

    Params:
        subject: a subject folder. driving: a motion file (``.npz``), or a clip to fit. out: a folder.
        background: ``source``, ``transparent`` or a colour. cam_strategy: ``smooth``, ``source``, ``copy`` or
            ``follow``. renderer: ``warp``. body: ``open`` or a model file, that of the subject.
        device: ``auto`` or ``cpu``.

    Returns:
        ``frames`` (how many), ``pictures`` (folder), ``movie`` (path).

    Raises:
        LiquidMotionError: see :func:`neural.transfer.transfer`; or the clip cannot be read or shows nobody.
    """
    computing_device(params)
    from neural.subject import load_subject
    from neural.transfer import transfer
    from smpl_fitting.fit import fit_clip
    from smpl_fitting.motion import Motion

    subject = load_subject(parameter(params, "subject"))
    driving, out = Path(parameter(params, "driving")), Path(parameter(params, "out"))
    body = body_model(params, context)
    share = 0.0
    if driving.suffix.lower() == ".npz":
        motion = Motion.load(driving)
    else:
        share = 0.5
        motion = fit_clip(driving, body, progress=context.progress.part("", 0.0, share)).motion
    choices = {
        name: params[name]
        for name in ("background", "cam_strategy", "renderer")
        if params.get(name) is not None
    }
    return transfer(subject, motion, body, out, progress=context.progress.part("", share, 1.0), **choices)
