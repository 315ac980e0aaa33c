"""Frames that a render cut short must not be skipped by the next one.

With *Overwrite* off Blender renders no frame whose file is there, be it half written. Before it looks, the broken ones
among the frames it was asked for are removed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import bpy

from .image_files import whole_size

_SUFFIXES = (".png", ".exr")  # what can be told whole; other formats are left alone
_whole: dict[Path, tuple[int, int]] = {}
"""Files found whole, by time and size: ``-f 1..100`` renders, and comes here, a hundred times."""


@bpy.app.handlers.persistent
def remove_broken_frames(scene: bpy.types.Scene, *_: object) -> None:
    """Before a render from the command line: remove files of its frames that cannot be decoded.

    With *Placeholders* on, other machines may be writing those files right now: nothing is touched.
    """
    render = scene.render
    if render.engine != "LIQUID_MOTION" or render.use_overwrite or render.use_placeholder:
        return
    if not bpy.app.background or render.is_movie_format:
        return
    frames = asked_frames(sys.argv, scene.frame_start, scene.frame_end)
    for frame in frames or range(scene.frame_start, scene.frame_end + 1, scene.frame_step):
        path = Path(bpy.path.abspath(render.frame_path(frame=frame)))
        if path.suffix.lower() in _SUFFIXES and path.is_file() and not _known_or_whole(path):
            path.unlink()
            print(f"Removed: '{path}' was not whole", flush=True)


def _known_or_whole(path: Path) -> bool:
    state = path.stat()
    stamp = (state.st_mtime_ns, state.st_size)
    if _whole.get(path) != stamp:
        if whole_size(path) is None:
            return False
        _whole[path] = stamp
    return True


def asked_frames(arguments: Sequence[str], start: int, end: int) -> list[int]:
    """The frames that ``-f`` (``--render-frame``) names: ``5``, ``1..10``, ``1,4,8``, ``+1`` from the start, ``-1``
    the last; none where the whole range is rendered (``-a``)."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    frames: list[int] = []
    for option, value in zip(ours, ours[1:], strict=False):
        if option not in ("-f", "--render-frame"):
            continue
        for part in value.split(","):
            ends = [_frame(text, start, end) for text in part.split("..")]
            if None not in ends:  # else Blender says what is wrong with it
                frames.extend(range(ends[0], ends[-1] + 1))  # type: ignore[arg-type, operator]
    return frames


def _frame(text: str, start: int, end: int) -> int | None:
    match = re.fullmatch(r"([+-]?)(\d+)", text)
    if match is None:
        return None
    number = int(match[2])
    return {"": number, "+": start + number, "-": end - number + 1}[match[1]]


def register() -> None:
    bpy.app.handlers.render_init.append(remove_broken_frames)


def unregister() -> None:
    bpy.app.handlers.render_init.remove(remove_broken_frames)
    _whole.clear()
