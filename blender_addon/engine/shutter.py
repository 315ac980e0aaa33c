"""The moments a frame is made of: itself, or several over the time that the shutter is open."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import bpy

_START = {"START": 0.0, "CENTER": -0.5, "END": -1.0}  # of the shutter's time, from the frame


def open_times(frame: float, shutter: float, position: str, samples: int) -> list[float]:
    """Frames in the middle of each of ``samples`` equal parts of the time the shutter is open.

    Args:
        frame: the frame that is rendered.
        shutter: how long it is open, in frames.
        position: START, CENTER or END: where in that time the frame lies.

    Returns:
        The one nearest to the frame first: it has the first word where an average has no meaning.
    """
    start = frame + _START[position] * shutter
    times = [start + shutter * (i + 0.5) / samples for i in range(samples)]
    return sorted(times, key=lambda time: (abs(time - frame), time))


@contextlib.contextmanager
def other_moments(
    engine: bpy.types.RenderEngine, scene: bpy.types.Scene
) -> Iterator[Callable[[float], None]]:
    """``go(time)`` evaluates the engine's depsgraph at a frame; afterwards it is at the scene's own again.

    Blender runs frame-change handlers at each, as it does for the motion blur of Cycles.
    """
    home = now(scene)
    moved = False

    def go(time: float) -> None:
        nonlocal moved
        moved = True
        whole = math.floor(time)
        engine.frame_set(whole, time - whole)

    try:
        yield go
    finally:
        if moved:
            go(home)


def now(scene: bpy.types.Scene) -> float:
    """The scene's frame, with its fraction."""
    return scene.frame_current + scene.frame_subframe
