"""A sheet of stills: a row for the source and one for each rig, all motions in step, from the front and the side."""

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
    """Draw every rig in a process of its own, and write ``sheet.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
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
        title, *stills = sorted(names, key=_order)
        rows.append(np.concatenate([read_image(folder / name)[..., :3] for name in (title, *stills)], 1))
        listing.unlink()
    if rows:
        write_image(folder / "sheet.png", np.concatenate(rows, 0))
        print(folder / "sheet.png")


def _order(name: str) -> int:
    """The title, all that is seen from the front, all that is seen from the side; else as drawn."""
    return ["title", "front", "side"].index(Path(name).stem.rpartition("_")[2])
