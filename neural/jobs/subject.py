"""Make a subject: one person's look, from photos and clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, computing_device, parameter
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Make a subject folder, or keep it where the same one was made before.

    Params:
        sources: photos and clips of the person. out: the folder. body: ``open`` or a model file.
        people: optional, who is meant in each source: a number as in job ``fit``, or null. device: ``auto`` or ``cpu``.

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
    sources, people = parameter(params, "sources"), params.get("people")
    if people is not None and len(people) != len(sources):
        raise LiquidMotionError(
            f"parameter 'people' names {len(people)} for {len(sources)} sources; give one for each, or null"
        )
    fitted = fit_sources(sources, body, context.progress.part("", 0.0, 0.6), people)
    plate = None if fitted.plate is None else fitted.plate.image
    painting = context.progress.part("", 0.6, 1.0)
    subject = build_subject(fitted.views, fitted.body, out, painting, background=plate)
    return {
        "subject": out,
        "sources": len(fitted.views),
        "seen_percent": float(100 * (subject.texture[..., 3] > 0).mean()),
    }
