"""What jobs read from their parameters."""

from __future__ import annotations

from typing import Any

from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError


def parameter(params: dict[str, Any], name: str) -> Any:
    """A parameter a job cannot do without.

    Raises:
        LiquidMotionError: it was not given.
    """
    if params.get(name) is None:
        raise LiquidMotionError(f"parameter {name!r} is missing; give it in the request's params")
    return params[name]


def image_size(value: Any) -> tuple[int, int]:
    """``[height, width]`` of a picture to make.

    Raises:
        LiquidMotionError: it is something else.
    """
    if (
        not isinstance(value, (list, tuple))
        or len(value) != 2
        or not all(isinstance(side, int) and 1 <= side <= 16384 for side in value)
    ):
        raise LiquidMotionError(f"size {value!r} is not [height, width] in pixels from 1 to 16384")
    return value[0], value[1]


def chosen_frames(params: dict[str, Any], footage) -> range | None:
    """The frames ``params["frames"]`` = ``[first, last]`` asks for; ``None`` for all.

    Raises:
        LiquidMotionError: the clip has not got them.
    """
    frames = params.get("frames")
    if frames is None:
        return None
    first, last = frames
    if not 0 <= first <= last < footage.frame_count:
        raise LiquidMotionError(
            f"{footage.path}: has no frames {first} to {last}; choose from 0 to {footage.frame_count - 1}"
        )
    return range(first, last + 1)


def body_model(params: dict[str, Any], context: JobContext):
    """The body ``params["body"]`` names (``open`` when it names none), loaded once per process."""
    from smpl_fitting.body import load_body

    spec = str(params.get("body") or "open")
    key = ("body", spec)
    if key not in context.cache:
        context.cache[key] = load_body(spec)
    return context.cache[key]


def computing_device(params: dict[str, Any]) -> str:
    """The device ``params["device"]`` asks for. ``auto`` is the CPU: fit and warp are made for it.

    Raises:
        LiquidMotionError: it asks for another; computing elsewhere than asked would be a silent fallback.
    """
    name = params.get("device") or "auto"
    if name not in ("auto", "cpu"):
        raise LiquidMotionError(
            f"device {name!r}: this version computes on the CPU; use --device auto or cpu"
        )
    return "cpu"
