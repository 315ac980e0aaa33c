"""Has Blender put motions on the rigged characters of a file."""

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

    motions: Sequence[Path]  # one, or one for each character; none with ``--from-armature``
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
    for path in (*job.motions, job.rig, *([job.body] if job.body else [])):
        if not path.is_file():
            raise LiquidMotionError(f"{path}: no such file; check the path")
    blender = find_blender(" to open the character")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "blender.log"
        motions = [_own_format(path, Path(folder) / str(k)) for k, path in enumerate(job.motions)]
        words = ["--rig", str(job.rig), "--out", str(job.out)]
        if motions:
            words += ["--motion", *map(str, motions)]
        if job.body:
            words += ["--body", str(job.body)]
        reason = run_blender([*blender, "retarget", *words, *job.words], log, poll)
        if reason is not None:
            raise LiquidMotionError(f"{job.out}: Blender could not retarget ({reason})")
        return log.read_text(errors="replace")


def _own_format(path: Path, folder: Path) -> Path:
    """The motion as the extension reads it: BVH keeps its own skeleton, everything else becomes a motion of ours."""
    if path.suffix.lower() == ".bvh":
        return path
    folder.mkdir()
    ours = folder / f"{path.stem}.npz"  # the action is named after it
    read_motion(path).save(ours)
    return ours
