"""Image sequences that steer diffusion animators: depth, normals, parts, texture coordinates, skeleton, flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._driving import driving_motion, fitting_share, is_motion_file
from neural.jobs._inputs import body_model, computing_device, parameter
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Write the sequences of :mod:`neural.conditioning.export`.

    Params:
        driving: a clip, a motion file (``.npz``), or an ``.npz`` of vertices (see
            :func:`neural.conditioning.export.load_take`). out: a folder. subject: optional subject folder: the body
            in its shape and clothes, before the camera of its first source, as :mod:`neural.jobs.transfer` draws it.
        cam_strategy: with a subject, as there. body: ``open`` or a model file. device: ``auto`` or ``cpu``.

    Returns:
        ``out``, ``frames``, ``depth_range_m``.

    Raises:
        LiquidMotionError: a file cannot be read, shows nobody, or has no cameras.
    """
    computing_device(params)
    from neural.conditioning.export import export_conditioning, is_take, load_take, take_of

    driving, out = Path(parameter(params, "driving")), Path(parameter(params, "out"))
    body, share = body_model(params, context), fitting_share(driving)
    if is_motion_file(driving) and is_take(driving):
        if params.get("subject") is not None:
            raise LiquidMotionError(f"{driving}: vertices have a shape of their own; leave the subject out")
        take = load_take(driving, body)
    else:
        motion = driving_motion(driving, body, context.progress.part("", 0.0, share))
        if params.get("subject") is not None:
            from neural.subject import load_subject
            from neural.transfer import plan_transfer

            subject = load_subject(params["subject"])
            motion, _ = plan_transfer(subject, motion, body, params.get("cam_strategy") or "smooth")
            body = subject.dress(body)
        take = take_of(motion, body)
    return export_conditioning(take, body, out, context.progress.part("", share, 1.0))
