"""A subject seen from all around: a turntable, a motion that the camera circles, or a frozen moment of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._driving import driving_motion, fitting_share
from neural.jobs._inputs import body_model, computing_device, parameter
from neural.jobs.context import JobContext

SECONDS, DEGREES, BACKGROUND = 4.0, 360.0, "gray"


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Draw a subject under a circling camera; see :mod:`neural.modes.orbit`.

    Params:
        subject: a subject folder. out: a folder. driving: a motion file or a clip; none turns the person as the
            first source shows them. at: seconds into the driving motion at which it freezes while the camera circles;
            none lets it play meanwhile. seconds: of circling (4; not where the motion plays). degrees: 360.
        background: a colour (gray), ``transparent``, a picture or a clip. renderer, provenance, body, device: as in
            :mod:`neural.jobs.transfer`.

    Returns:
        ``frames`` (how many), ``pictures`` (folder), ``movie`` (path).

    Raises:
        LiquidMotionError: the motion has no such moment; else as :mod:`neural.jobs.transfer`.
    """
    computing_device(params)
    from neural.backdrops import check_background
    from neural.modes.orbit import bullet_time, circled_motion, turntable
    from neural.renderers import WARP, make_renderer
    from neural.subject import load_subject
    from neural.transfer import draw_plan

    background = str(params.get("background") or BACKGROUND)
    check_background(background)
    renderer = make_renderer(params.get("renderer") or WARP)
    subject, body = load_subject(parameter(params, "subject")), body_model(params, context)
    seconds, degrees = params.get("seconds") or SECONDS, params.get("degrees") or DEGREES
    progress, share = context.progress, 0.0
    if params.get("driving") is None:
        moved, plan = turntable(subject, body, seconds, degrees)
    else:
        driving = Path(params["driving"])
        share = fitting_share(driving)
        motion = driving_motion(driving, body, progress.part("", 0.0, share))
        if params.get("at") is None:
            moved, plan = circled_motion(subject, motion, body, degrees)
        else:
            moved, plan = bullet_time(subject, motion, body, params["at"], seconds, degrees)
    return draw_plan(
        subject,
        body,
        moved,
        plan,
        Path(parameter(params, "out")),
        background,
        renderer,
        provenance=bool(params.get("provenance")),
        progress=progress.part("", share, 1.0),
    )
