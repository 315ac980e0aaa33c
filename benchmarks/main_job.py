"""Time and memory of the main job in a process of its own: ``python benchmarks/main_job.py --source S --driving D``.

Without arguments the embedded demo is run. What is not known here is handed on to ``liquid-motion run``, as
``--renderer liquid --personalize --no-scene``. Peak memory is that of the largest process (the job, or Blender).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

import numpy as np

from smpl_fitting.video import VideoWriter, open_footage


def main() -> None:
    demo = Path(str(files("neural") / "data" / "demo"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", nargs="+", default=[str(demo / "source.jpg")])
    parser.add_argument("--driving", default=str(demo / "driving.mp4"))
    parser.add_argument(
        "--length", type=int, help="play the driving clip forth and back until it has so many frames"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.length:
            options.driving = played_longer(options.driving, options.length, Path(folder) / "driving.mp4")
        figures = measure(options.source, options.driving, Path(folder) / "out", more)
    for name, value in figures.items():
        print(f"{name:36} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def played_longer(clip: str, length: int, path: Path) -> str:
    """A clip played forth and back until it has ``length`` frames, written to ``path``."""
    footage = open_footage(clip)
    forth = list(range(footage.frame_count))
    order = forth + forth[-2:0:-1]
    with VideoWriter(path, footage.fps, footage.image_size) as writer:
        for place in range(length):
            writer.write(np.ascontiguousarray(footage.frame(order[place % len(order)])[..., :3]))
    return str(path)


def measure(sources: list[str], driving: str, out: Path, more: list[str]) -> dict[str, float]:
    """Run ``liquid-motion run`` once, from nothing, and gather what it and the system say of it."""
    words = ["run", "--source", *sources, "--driving", driving, "--out", str(out), "--json", *more]
    command = [sys.executable, "-c", "from neural.cli import main; main()", *words]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    result = json.loads(done.stdout)
    figures = {
        "whole_job_s": seconds,
        "frames": float(result["frames"]),
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6,
        "driving_landmark_error_percent": result["driving_landmark_error_percent"],
        "source_landmark_error_percent": max(result["source_landmark_error_percent"]),
        "source_silhouette_iou": min(result["source_silhouette_iou"]),
        "source_clothed_iou": min(result["source_clothed_iou"]),
    }
    return {**figures, **{name: float(value) for name, value in result["seconds"].items()}}


if __name__ == "__main__":
    main()
