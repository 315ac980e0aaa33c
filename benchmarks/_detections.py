"""Detections kept in a folder, so that a fit is measured again without detecting again.

Benchmarks look with the best landmark network that has been fetched; ``LIQUID_MOTION_NETWORKS=none`` makes it *full*.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import smpl_fitting.detection
from smpl_fitting.detection import Detections, detect
from smpl_fitting.detection.networks import best_network
from smpl_fitting.errors import FootageError
from smpl_fitting.video import Footage


def kept_detections(clip: Footage, cache: Path, any_version: bool = False) -> Detections:
    """What the detector sees of a clip, from the cache where it has that.

    Args:
        any_version: take the newest of them that can still be read even though the detector's code has changed.
    """
    folder = Path(smpl_fitting.detection.__file__).parent
    key = digest(*(path.read_bytes() for path in sorted(folder.glob("*.py"))))
    network = best_network()
    path = cache / f"{clip.path.stem}-seen-{network}-{key}.npz"
    if any_version and not path.exists():
        older = sorted(cache.glob(f"{clip.path.stem}-seen-{network}-*.npz"), key=lambda p: p.stat().st_mtime)
        for candidate in reversed(older):
            try:
                return Detections.load(candidate)
            except FootageError:  # of an older format
                continue
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        detect(clip).save(path)
    return Detections.load(path)


def digest(*parts: bytes) -> str:
    """A short name for what these bytes say."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
