"""One frame of footage at the size asked for: what the render engine puts behind the person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neural.compositing import fit_background
from neural.jobs._inputs import image_size, parameter
from neural.jobs.context import JobContext
from smpl_fitting.files import atomic_path
from smpl_fitting.video import open_footage


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Read one frame, scaled to cover ``size``.

    Params:
        path: a clip, picture sequence or picture.
        index: the frame's number from 0; before the start and after the end the first and last one stand.
        size: ``[height, width]``.
        out: the ``.npz`` to write.

    Returns:
        ``path``: the file written, with ``rgb`` (H, W, 3) uint8.

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
    with atomic_path(out) as temporary, open(temporary, "wb") as file:
        np.savez(file, rgb=rgb)
    return {"path": str(out)}
