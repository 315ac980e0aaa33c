"""Make a subject: one person's look, from photos and clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, computing_device, parameter
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Make a subject folder, or keep it where the same one was made before.

    Params:
        sources: photos and clips of the person. out: the folder. body: ``open`` or a model file.
        device: ``auto`` or ``cpu``.

    Returns:
        ``subject`` (path), ``sources`` (how many pictures were used), ``seen_percent`` of the texture.

    Raises:
        LiquidMotionError: a source cannot be read or shows nobody, or the folder cannot be written.
    """
    computing_device(params)
    from neural.sources import fit_sources
    from neural.subject import build_subject

    out = Path(parameter(params, "out"))
    body = body_model(params, context)
    fitted = fit_sources(parameter(params, "sources"), body, context.progress.part("", 0.0, 0.6))
    plate = None if fitted.plate is None else fitted.plate.image
    painting = context.progress.part("", 0.6, 1.0)
    subject = build_subject(fitted.views, fitted.body, out, painting, background=plate)
    return {
        "subject": out,
        "sources": len(fitted.views),
        "seen_percent": float(100 * (subject.texture[..., 3] > 0).mean()),
    }
