"""Give a subject weights of her own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, computing_device, parameter
from neural.jobs.context import JobContext


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Train the liquid renderer on one subject; see :func:`neural.personalize.personalize`.

    Params:
        subject: its folder. seconds: at most, 60 unless given. body: ``open`` or a model file, as the subject's.
        device: ``auto`` or ``cpu``.

    Returns:
        ``subject`` (path), ``steps``, ``seconds``, ``loss`` on what was kept aside and ``loss_before``, and ``better``:
        whether the subject has weights of her own now; the general ones draw her otherwise.

    Raises:
        LiquidMotionError: the subject cannot be read, or the body is not hers.
    """
    computing_device(params)
    from neural.personalize import personalize
    from neural.subject import load_subject

    subject = load_subject(Path(parameter(params, "subject")))
    seconds = float(params.get("seconds") or 60.0)
    done = personalize(subject, body_model(params, context), seconds, context.progress)
    return {
        "subject": subject.path,
        "steps": done.steps,
        "seconds": done.seconds,
        "loss": done.loss,
        "loss_before": done.loss_before,
        "better": done.weights is not None,
    }
