"""Motion files as parameters of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from smpl_fitting.errors import MotionFileError

if TYPE_CHECKING:
    from smpl_fitting.body import BodyModel
    from smpl_fitting.motion import Motion


def read_own_motion(path: str | Path, body: BodyModel) -> Motion:
    """A motion of this body model.

    Raises:
        MotionFileError: the file is missing or broken, or of another body model.
    """
    from smpl_fitting.motion import Motion

    motion = Motion.load(path)
    if motion.model != body.name:
        raise MotionFileError(
            f"{path}: is of the body model {motion.model!r}, not {body.name!r}; convert it, or choose its body"
        )
    return motion
