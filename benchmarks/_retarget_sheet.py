"""Sheets of stills: for each motion a row for the source and one for each rig, frames in step, front and side."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smpl_fitting.video.images import read_image, write_image

_SCRIPT = Path(__file__).with_name("_retarget_stills.py")


def draw(folder: Path, rigs: Sequence[str], motions: dict[str, Path], shared: Path, python: str) -> None:
    """Draw every rig in a process of its own and join the stills of each motion."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in motions}
    for rig in ("source", *rigs):
        listing = folder / f"{rig}.json"
        listing.unlink(missing_ok=True)
        words = [python, str(_SCRIPT), rig, str(listing), str(shared)]
        words += [f"{name}={path}" for name, path in motions.items()]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not listing.is_file():
            print(f"{rig}: no pictures\n{done.stdout[-2000:]}", file=sys.stderr)
            continue
        names = json.loads(listing.read_text())
        for motion in motions:
            stills = [n for n in names if n.startswith(f"{rig}_{motion}_")]
            ordered = [n for view in ("front", "side") for n in stills if n.endswith(f"_{view}.png")]
            rows[motion].append(np.concatenate([read_image(folder / n)[..., :3] for n in ordered], 1))
        listing.unlink()
    for motion, pictures in rows.items():
        if pictures:
            write_image(folder / f"sheet_{motion}.png", np.concatenate(pictures, 0))
            print(folder / f"sheet_{motion}.png")
