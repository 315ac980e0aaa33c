"""A subject that wears parts of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, parameter
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Make a subject with parts of others; see :mod:`neural.modes.swap`.

    Params:
        subject: the folder of whose shape and background it is. out: the new subject's folder.
        take: a list of ``[donor folder, [part, …]]``; parts of ``PART_NAMES`` or ``neural.modes.swap.GROUPS``.
        body: ``open`` or a model file.

    Returns:
        ``subject`` (path), ``sources`` (how many pictures it has).

    Raises:
        LiquidMotionError: a subject cannot be read or does not fit, a part is unknown, or ``out`` is there already.
    """
    from neural.modes.swap import parts_named, swap
    from neural.subject import load_subject

    base = load_subject(parameter(params, "subject"))
    gifts = [(load_subject(donor), parts_named(parts)) for donor, parts in parameter(params, "take")]
    context.progress.update(0.3)
    made = swap(base, gifts, body_model(params, context), Path(parameter(params, "out")))
    context.progress.update(1.0)
    return {"subject": str(made.path), "sources": len(made.images)}
