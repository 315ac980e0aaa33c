"""Ranges of a motion's rows as parameters of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neural.jobs._inputs import parameter
from smpl_fitting.errors import LiquidMotionError

if TYPE_CHECKING:
    from smpl_fitting.motion import Motion


def chosen_rows(params: dict[str, Any], motion: Motion) -> slice:
    """The rows ``params["frames"]`` = ``[first, last]`` asks for.

    Raises:
        LiquidMotionError: the motion has not got them.
    """
    frames = parameter(params, "frames")
    if (
        not isinstance(frames, (list, tuple))
        or len(frames) != 2
        or not all(isinstance(frame, int) for frame in frames)
        or not 0 <= frames[0] <= frames[1] < motion.frame_count
    ):
        raise LiquidMotionError(
            f"frames {frames!r}: the motion has rows 0 to {motion.frame_count - 1}; give [first, last] of those"
        )
    return slice(frames[0], frames[1] + 1)


def widened(rows: slice, margin: int, count: int) -> tuple[slice, slice]:
    """The rows with ``margin`` more on both sides, as far as there are, and where the rows are in those."""
    start, stop = max(0, rows.start - margin), min(count, rows.stop + margin)
    return slice(start, stop), slice(rows.start - start, rows.stop - start)
