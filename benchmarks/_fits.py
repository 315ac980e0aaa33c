"""Fits of clips kept in a folder, so that renderers are compared again without fitting again."""

from __future__ import annotations

from pathlib import Path

from _detections import digest

from smpl_fitting.body import BodyModel
from smpl_fitting.detection import Detections
from smpl_fitting.fit import Fit, fit_clip
from smpl_fitting.motion import Motion
from smpl_fitting.video import Footage


def kept_fit(clip: Footage, body: BodyModel, cache: Path, frames: range | None = None) -> Fit:
    """The fit of a clip, from the cache where it has one of this very file; delete the folder to fit anew.

    Renderers are compared under one fit, whichever it is: unlike the benchmarks of the fit these keep it when the
    fit's code changes.

    Args:
        frames: which to fit; the fit's rows are these.
    """
    state = clip.path.stat()
    what = f"{clip.path.resolve()} {state.st_size} {state.st_mtime_ns} {body.name} {frames}"
    name = f"{clip.path.stem}-fit-{digest(what.encode())}"
    motion, seen = cache / f"{name}.npz", cache / f"{name}-seen.npz"
    if not (motion.exists() and seen.exists()):
        cache.mkdir(parents=True, exist_ok=True)
        fit = fit_clip(clip, body, frames=frames)
        fit.detections.save(seen)
        fit.motion.save(motion)
    return Fit(Motion.load(motion), Detections.load(seen))
