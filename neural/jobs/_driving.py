"""What drives a subject, as a parameter of jobs: a motion file, or a clip that is fitted first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smpl_fitting.body import BodyModel
    from smpl_fitting.motion import Motion
    from smpl_fitting.progress import Progress

FITTING = 0.5
"""Share of the time that fitting a clip takes beside drawing it."""


def fitting_share(path: Path) -> float:
    """Share of the progress that :func:`driving_motion` takes."""
    return 0.0 if is_motion_file(path) else FITTING


def driving_motion(path: Path, body: BodyModel, progress: Progress) -> Motion:
    """The motion of a file or clip.

    Raises:
        LiquidMotionError: it cannot be read, or shows nobody.
    """
    from smpl_fitting.fit import fit_clip
    from smpl_fitting.motion import Motion

    return Motion.load(path) if is_motion_file(path) else fit_clip(path, body, progress=progress).motion


def is_motion_file(path: Path) -> bool:
    return path.suffix.lower() == ".npz"
