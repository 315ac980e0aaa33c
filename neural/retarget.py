"""Has Blender put a motion on a rigged character of a file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural.blender import find_blender, run_blender
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.guests import read_motion

CHARACTERS = (".blend", ".glb", ".gltf", ".vrm", ".fbx")
OUTPUTS = (".blend", ".glb", ".fbx")


@dataclass(frozen=True)
class RetargetJob:
    """What the extension's ``retarget`` is asked for; its options as words."""

    motion: Path
    rig: Path
    out: Path
    body: Path | None = None  # body file of the motion
    words: Sequence[str] = ()


def retarget_file(job: RetargetJob, poll: Callable[[], None] = lambda: None) -> str:
    """Write ``job.out``: the character with the motion. Returns what Blender said about it, a line a character.

    Args:
        poll: called while Blender works; may raise to cancel.

    Raises:
        LiquidMotionError: a file is missing or of another format, there is no Blender, or it failed; its line says why.
    """
    for path, suffixes in ((job.rig, CHARACTERS), (job.out, OUTPUTS)):
        if path.suffix.lower() not in suffixes:
            raise LiquidMotionError(f"{path}: the name must end in one of {', '.join(suffixes)}")
    for path in (job.motion, job.rig, *([job.body] if job.body else [])):
        if not path.is_file():
            raise LiquidMotionError(f"{path}: no such file; check the path")
    blender = find_blender(" to open the character")
    with tempfile.TemporaryDirectory() as folder:
        motion, log = job.motion, Path(folder) / "blender.log"
        if (
            motion.suffix.lower() != ".bvh"
        ):  # BVH keeps its own skeleton; everything else becomes a motion of ours
            motion = Path(folder) / f"{job.motion.stem}.npz"
            read_motion(job.motion).save(motion)
        words = ["--motion", str(motion), "--rig", str(job.rig), "--out", str(job.out)]
        if job.body:
            words += ["--body", str(job.body)]
        reason = run_blender([*blender, "retarget", *words, *job.words], log, poll)
        if reason is not None:
            raise LiquidMotionError(f"{job.out}: Blender could not retarget ({reason})")
        return log.read_text(errors="replace")
