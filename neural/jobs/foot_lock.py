"""Hold the planted feet of a range of a motion still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.jobs._inputs import body_model, parameter
from neural.jobs._motions import read_own_motion
from neural.jobs._ranges import chosen_rows, widened
from neural.jobs.context import JobContext

_MARGIN_S = 1.0  # seconds beside the range that say where a foot stands


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Lock the feet of some rows.

    Params:
        motion: a motion file. frames: ``[first, last]`` rows. out: the motion file (``.npz``) to write, with those
            rows only. body: ``open``, ``open_h`` or a model file: that of the motion.

    Returns:
        ``motion`` (the file written), ``frames`` and ``contacts``, how many of four soles stand, on average.

    Raises:
        LiquidMotionError: the motion is missing, broken, of another body model or has no such rows, or the file
            cannot be written.
    """
    from smpl_fitting.foot_lock import lock_feet

    out = Path(parameter(params, "out"))
    body = body_model(params, context)
    motion = read_own_motion(parameter(params, "motion"), body)
    rows = chosen_rows(params, motion)
    context.progress.update(0.0)
    wide, inside = widened(rows, round(_MARGIN_S * motion.fps), motion.frame_count)
    locked = lock_feet(motion.select(wide), body).select(inside)
    locked.save(out)
    assert locked.contacts is not None
    context.progress.update(1.0)
    standing = float((locked.contacts > 0.5).sum(1).mean())
    return {"motion": out, "frames": locked.frame_count, "contacts": standing}
