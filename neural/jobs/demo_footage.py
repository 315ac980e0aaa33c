"""The embedded demo's pictures, copied to where a scene may keep them: something to try everything with."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from neural.jobs._inputs import parameter
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Copy the demo's photo and clip.

    Params:
        out: the folder for them, made if need be.

    Returns:
        ``sources`` (paths) and ``driving`` (path).

    Raises:
        LiquidMotionError: the folder cannot be written.
    """
    out, demo = Path(parameter(params, "out")), Path(str(files("neural"))) / "data" / "demo"
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in ("source.jpg", "driving.mp4"):
            with atomic_path(out / name) as temporary:
                shutil.copyfile(demo / name, temporary)
    except OSError as error:
        raise LiquidMotionError(
            f"{out}: the demo cannot be copied there ({error.strerror}); choose another folder"
        ) from error
    return {"sources": [out / "source.jpg"], "driving": out / "driving.mp4"}
