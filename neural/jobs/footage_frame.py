"""One frame of footage at the size asked for: what the render engine puts behind the person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neural.compositing import fit_background
from neural.jobs._blocks import write_blocks
from neural.jobs._inputs import image_size, parameter
from neural.jobs.context import JobContext
from smpl_fitting.video import open_footage


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Read one frame, scaled to cover ``size``.

    Params:
        path: a clip, picture sequence or picture.
        index: the frame's number from 0; before the start and after the end the first and last one stand.
        size: ``[height, width]``.
        crop: ``[x0, y0, x1, y1]``, the part of it that is wanted; all of it by default.
        out: the file to write.

    Returns:
        ``path``: the file written, one ``.npy`` block (h, w, 3) uint8 of that part.

    Raises:
        LiquidMotionError: the footage cannot be read, or the size is not one.
    """
    path, out = Path(parameter(params, "path")), Path(parameter(params, "out"))
    size = image_size(parameter(params, "size"))
    opened = context.cache.setdefault("footage", {})
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    if opened.get("key") != (str(path), stamp):
        opened.update(key=(str(path), stamp), footage=open_footage(path))
    footage = opened["footage"]
    index = min(max(int(params.get("index", 0)), 0), footage.frame_count - 1)
    rgb = fit_background(footage.frame(index)[..., :3], size)
    x0, y0, x1, y1 = params.get("crop") or (0, 0, size[1], size[0])
    write_blocks(out, rgb[y0:y1, x0:x1])
    return {"path": str(out)}
