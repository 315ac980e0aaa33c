"""How fast a clip is fitted, and in how much memory: ``python benchmarks/fit_speed.py [CLIP] [--frames 300]``.

The clip (Pose2Sim's first camera) is played forth and back until it has so many frames; it is detected once. Timed are
gathering what was seen, the outlines that guide the motion, and the rest of the fit, apart from each other; the memory
is the process' peak.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from _detections import kept_detections

from smpl_fitting.body import load_body
from smpl_fitting.detection import Detections
from smpl_fitting.fit import fit_detections
from smpl_fitting.observe import observe, outlines
from smpl_fitting.solver import WINDOW
from smpl_fitting.video import open_footage
from smpl_fitting.world import default_intrinsics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    clip = Path(__file__).parents[2] / "shared/footage/pose2sim_single/p2s_cam01.mp4"
    parser.add_argument("clip", type=Path, nargs="?", default=clip)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep detections there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    footage, body = open_footage(options.clip), load_body("open")
    with tempfile.TemporaryDirectory() as scratch:
        detections = kept_detections(footage, options.cache or Path(scratch))
    figures = {"threads": float(torch.get_num_threads()), "before_fit_gb": peak_gb()}
    detections = forth_and_back(detections, options.frames)
    fit_detections(forth_and_back(detections, 8), body, fps=footage.fps)  # what is loaded once is not timed
    start = clocks()
    observe(detections, default_intrinsics(detections.image_size), footage.fps)
    gathered = clocks()
    for first in range(0, options.frames, WINDOW):  # those of a whole long clip would not fit into the memory
        outlines(detections, footage.fps, range(first, min(first + WINDOW, options.frames)))
    drawn = clocks()
    fit_detections(detections, body, fps=footage.fps)
    solving, solving_cpu = (clocks() - drawn) - (drawn - start)  # the fit gathers and draws again
    figures |= {
        "frames": float(options.frames),
        "gather_s": float((gathered - start)[0]),
        "outlines_s": float((drawn - gathered)[0]),
        "solve_s": float(solving),
        "solve_cpu_s": float(solving_cpu),
        "solve_frames_per_s": float(options.frames / solving),
        "solve_frames_per_cpu_s": float(options.frames / solving_cpu),
        "peak_memory_gb": peak_gb(),
    }
    for name, value in figures.items():
        print(f"{name:20} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def forth_and_back(detections: Detections, count: int) -> Detections:
    """The clip as one of ``count`` frames, without a jump."""
    own = len(detections.frames)
    rows = np.abs((np.arange(count) + own - 1) % max(2 * own - 2, 1) - (own - 1))
    return replace(
        detections,
        **{
            name: getattr(detections, name)[rows]
            for name in ("keypoints", "keypoints_world", "confidence", "boxes", "crops")
        },
        frames=np.arange(count),
        masks=None if detections.masks is None else tuple(detections.masks[row] for row in rows),
    )


def clocks() -> np.ndarray:
    """Seconds on the wall, and of the processor: on a busy machine only the second say what the work costs."""
    return np.array([time.perf_counter(), time.process_time()])


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
