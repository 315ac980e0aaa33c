"""``make-scene``: from footage to a .blend that renders, without an artist: what a farm does once before the frames."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import jobs
from .errors import AddonError
from .preferences import worker_python
from .results import BACKGROUND_OF
from .scene.build import SceneSpec, build_scene, make_paths_relative
from .scene.save import save_blend

_SAY_EVERY_S = 2.0


def add_to(commands: argparse._SubParsersAction) -> None:
    """Declare the command."""
    make = commands.add_parser(
        "make-scene",
        help="fit source and driving, and make a .blend of them that renders; goes on where it was cut",
    )
    make.set_defaults(run=_run)
    make.add_argument("--source", type=Path, nargs="+", required=True, help="photos or clips of the person")
    make.add_argument("--driving", type=Path, required=True, help="clip of somebody moving")
    make.add_argument("--body", default="open", help="open, open_h, or an SMPL file")
    make.add_argument("--cam-strategy", choices=("smooth", "source", "copy", "follow"), default="smooth")
    make.add_argument("--frames", type=_first_last, help="first and last frame of the clip, from 0: 0-99")
    make.add_argument("--out", type=Path, required=True, help="folder for motions, subject and scene.blend")


@dataclass(frozen=True)
class _Step:
    """One job of the worker, done when its result is there: jobs write it whole or not at all."""

    job: str
    result: Path
    params: dict[str, Any]


def _run(options: argparse.Namespace) -> None:
    out = options.out.absolute()
    for path in (*options.source, options.driving):
        if not path.exists():
            raise AddonError(f"{path}: no such file; check the path")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AddonError(f"{out}: cannot be made ({error.strerror}); choose another folder") from error
    scene_file = out / "scene.blend"
    if scene_file.is_file():
        print(f"Skipped: '{scene_file}' is there", flush=True)
        return
    cameras = _prepare(options, out)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene, subject, background = bpy.context.scene, out / "subject", BACKGROUND_OF[cameras]
    footage = options.driving.absolute() if background == "driving" else None
    spec = SceneSpec(
        motion=out / "motion.npz",
        body=subject / "body.npz",
        subject=subject,
        footage=footage,
        background=background,
    )
    built = build_scene(scene, spec)
    scene.render.engine = "LIQUID_MOTION"
    make_paths_relative(scene, built, out)
    save_blend(scene_file)
    print(f"Saved: '{scene_file}'", flush=True)


def _prepare(options: argparse.Namespace, out: Path) -> str:
    """Motion and subject; returns what the motion's cameras fit: ``source``, ``driving`` or ``none``."""
    subject, driving = out / "subject", out / "driving.npz"
    fit = {"clip": str(options.driving.absolute()), "out": str(driving), "body": options.body}
    look = {"sources": [str(path.absolute()) for path in options.source], "out": str(subject)}
    worker = jobs.shared_worker(worker_python())
    for step in (
        _Step("fit", driving, fit | ({"frames": options.frames} if options.frames else {})),
        _Step("subject", subject / "subject.json", look | {"body": options.body}),
    ):
        if step.result.is_file():
            print(f"Skipped: '{step.result}' is there", flush=True)
        else:
            worker.run(step.job, step.params, report=_teller(step.job))
    adapt = {"motion": str(driving), "subject": str(subject), "out": str(out / "motion.npz")}
    adapt |= {"cam_strategy": options.cam_strategy, "body": options.body}
    return worker.run("adapt", adapt, report=_teller("adapt"))["cameras"]


def _teller(job: str) -> Callable[[str, float, float | None], None]:
    """Progress as lines, not too many."""
    said_at, said = -_SAY_EVERY_S, ""

    def tell(stage: str, fraction: float, eta_s: float | None) -> None:
        nonlocal said_at, said
        now = time.monotonic()
        if stage != said or now - said_at >= _SAY_EVERY_S:
            said_at, said = now, stage
            print(f"{job}: {stage or 'working'} {100 * fraction:.0f}%", flush=True)

    return tell


def _first_last(text: str) -> list[int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST-LAST, as in 0-99")
    return [int(first), int(last)]
