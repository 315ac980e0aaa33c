"""How many frames a second the renderers write: ``python benchmarks/render_speed.py --renderers warp --sizes 512``.

The whole path of ``liquid-motion transfer``, from the mesh to composited RGBA in ``frames/####.png`` and the film,
encoding overlapped; the person fills the square picture as strategy ``follow`` frames them. Subject and motion are the
demo's driving clip (its person put to their own motion) unless a subject and a motion are named. The first frame
is timed in a process of its own, from its start to the finished file.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from itertools import repeat
from pathlib import Path

import numpy as np
from _fits import kept_fit

from neural.camera_strategy import CameraPlan
from neural.renderers import make_renderer
from neural.sources import choose_frames, dress_views
from neural.subject import Subject, build_subject, load_subject
from neural.transfer import plan_transfer, render_frames
from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.motion import Motion
from smpl_fitting.video import open_footage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--renderers", nargs="+", default=["warp"])
    parser.add_argument(
        "--sizes", nargs="+", type=int, default=[512, 1024], help="of the square pictures, pixels"
    )
    parser.add_argument(
        "--sources", nargs="+", type=int, default=[1, 4], help="pictures the demo's subject has"
    )
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--subject", type=Path, help="a subject folder instead of the demo's; needs --motion")
    parser.add_argument("--motion", type=Path, help="a motion file with cameras")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "liquid-motion-benchmarks"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    body = load_body("open")
    if options.subject:
        chosen = load_subject(options.subject)
        cases = {len(chosen.images): (chosen, Motion.load(options.motion))}
    else:
        cases = {count: demo(count, body, options.cache) for count in options.sources}
    figures: dict[str, float] = {}
    for count, (subject, motion) in cases.items():
        for renderer in options.renderers:
            for size in options.sizes:
                name = f"{renderer}_{size}px_{count}_sources"
                figures |= {
                    f"{name}_{k}": v
                    for k, v in measure(subject, motion, body, renderer, size, options.frames).items()
                }
                rate, work = (
                    figures[f"{name}_{what}"] for what in ("frames_per_s", "processor_ms_per_frame")
                )
                print(f"{name:32}{rate:8.1f} frames/s, {work:.0f} ms of processor time each", flush=True)
    subject, motion = next(iter(cases.values()))
    for renderer in options.renderers:
        figures[f"{renderer}_first_frame_s"] = first_frame(subject, motion, renderer)
        print(f"{renderer}: first frame after {figures[f'{renderer}_first_frame_s']:.1f} s")
    figures["peak_memory_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {figures['peak_memory_gb']:.2f} GB")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def demo(count: int, body: BodyModel, cache: Path) -> tuple[Subject, Motion]:
    """The person of the demo's driving clip with so many of its frames as sources, and that clip's motion."""
    clip = open_footage(str(files("neural") / "data" / "demo" / "driving.mp4"))
    fit = kept_fit(clip, body, cache)
    rows = choose_frames(fit, body, count)
    views, dressed = dress_views([(clip, fit, row) for row in rows], body)
    return build_subject(views, dressed, cache / f"demo-subject-{count}"), fit.motion


def measure(
    subject: Subject, motion: Motion, body: BodyModel, renderer: str, size: int, frames: int
) -> dict[str, float]:
    """Frames a second without the first one, which prepares what is kept for all; and the work of all cores in each,
    encoding included, which whatever else runs on the machine hardly changes."""
    rows = np.arange(frames) % motion.frame_count
    moved, plan = plan_transfer(subject, motion.select(rows), body, "follow")
    plan = square(plan, size)
    moved = dataclasses.replace(moved, image_size=plan.image_size)
    drawing = make_renderer(renderer)
    one = dataclasses.replace(plan, cameras=plan.cameras[:1])
    backdrop = np.full((size, size, 3), 90, np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        render_frames(subject, body, moved.select([0]), one, [backdrop], out / "first", renderer=drawing)
        start, computing = time.perf_counter(), time.process_time()
        render_frames(subject, body, moved, plan, repeat(backdrop, frames), out / "all", renderer=drawing)
        seconds, computing = time.perf_counter() - start, time.process_time() - computing
        return {"frames_per_s": frames / seconds, "processor_ms_per_frame": 1e3 * computing / frames}


def square(plan: CameraPlan, size: int) -> CameraPlan:
    """The plan with its middle square, as high as the picture, drawn ``size`` pixels large."""
    height, width = plan.image_size
    left = (width - height) // 2
    cameras = tuple(c.cropped((left, 0, left + height, height)).resized((size, size)) for c in plan.cameras)
    return dataclasses.replace(plan, cameras=cameras, image_size=(size, size))


def first_frame(subject: Subject, motion: Motion, renderer: str) -> float:
    """Seconds from the start of ``liquid-motion transfer`` until the first frame lies there."""
    with tempfile.TemporaryDirectory() as folder:
        driving, out = Path(folder) / "motion.npz", Path(folder) / "out"
        motion.select(np.arange(3)).save(driving)
        words = ["transfer", "--subject", str(subject.path), "--driving", str(driving), "--out", str(out)]
        command = [
            sys.executable,
            "-c",
            "from neural.cli import main; main()",
            *words,
            "--renderer",
            renderer,
        ]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return (out / "frames" / "0001.png").stat().st_mtime - time.time() + time.perf_counter() - start


if __name__ == "__main__":
    main()
