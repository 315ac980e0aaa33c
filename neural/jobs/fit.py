"""Fit the body to the person in a clip or photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, chosen_frames, computing_device, parameter
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Fit one clip and write its motion file.

    Params:
        clip: footage. out: the ``.npz`` to write.
        overlay: optional movie (picture, for a still) of the mesh on the footage.
        body: ``open`` or a model file. frames: optional ``[first, last]``. focal: optional, pixels.
        device: ``auto`` or ``cpu``.

    Returns:
        ``motion``, ``overlay`` (paths), ``frames``, ``frames_found``, ``landmark_error_percent`` of the
        height.

    Raises:
        LiquidMotionError: the footage cannot be read, shows nobody, or a result cannot be written.
    """
    computing_device(params)
    from smpl_fitting.fit import fit_clip, fit_stills
    from smpl_fitting.overlay import write_overlay
    from smpl_fitting.quality import landmark_errors
    from smpl_fitting.video import open_footage

    clip, out = Path(parameter(params, "clip")), Path(parameter(params, "out"))
    overlay = Path(params["overlay"]) if params.get("overlay") else None
    focal = params.get("focal")
    body = body_model(params, context)
    footage = open_footage(clip)
    frames = chosen_frames(params, footage)
    fitting = context.progress.part("", 0.0, 0.8 if overlay else 1.0)
    if footage.is_still:
        [fit] = fit_stills([clip], body, focal=focal, progress=fitting)
    else:
        fit = fit_clip(footage, body, frames=frames, focal=focal, progress=fitting)
    fit.motion.save(out)
    if overlay:
        drawing = context.progress.part("Drawing the overlay", 0.8, 1.0)
        write_overlay(footage, fit.motion, body, overlay, frames, drawing)
    found = fit.detections.confidence > 0
    return {
        "motion": out,
        "overlay": overlay,
        "frames": fit.motion.frame_count,
        "frames_found": int(found.sum()),
        "landmark_error_percent": float(100 * landmark_errors(fit.motion, body)[found].mean()),
    }
