"""How well the fit covers people: ``python benchmarks/silhouettes.py FOOTAGE [FOOTAGE …]``, photos and clips.

The overlap (intersection over union) of the fitted body with the detector's mask: bare, and in the clothes that are
fitted to its source frames. Of a clip six frames are the source, as in ``liquid-motion subject``; the clothed body is
judged there and in the other frames, every ``--step`` of them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from neural.sources import choose_frames, dress_views
from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.fit import fit_clip, fit_stills
from smpl_fitting.quality import landmark_errors, silhouette_iou
from smpl_fitting.video import open_footage

COLUMNS = ("landmark_error_percent", "body_iou", "clothed_iou_source", "clothed_iou_unseen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("footage", nargs="+", type=Path)
    parser.add_argument("--step", type=int, default=10, help="judge every such frame of a clip")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    body, rows = load_body("open"), {}
    print(f"{'':28} landmarks %  IoU bare  clothed: source  unseen")
    for path in options.footage:
        rows[path.stem] = judge(path, body, options.step)
        show(path.name, rows[path.stem])
    means = [np.nanmean([row[column] for row in rows.values()]) for column in range(len(COLUMNS))]
    show("mean", means)
    if options.json:
        figures = {f"{name}_{c}": v for name, row in rows.items() for c, v in zip(COLUMNS, row, strict=True)}
        figures |= {f"mean_{c}": float(v) for c, v in zip(COLUMNS, means, strict=True)}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def judge(path: Path, body: BodyModel, step: int) -> list[float]:
    """The figures of one photo or clip, in the order of ``COLUMNS``; nan where there are no other frames."""
    footage = open_footage(path)
    fit = fit_stills([path], body)[0] if footage.is_still else fit_clip(footage, body)
    sources = [0] if footage.is_still else choose_frames(fit, body)
    _, dressed = dress_views([(footage, fit, row) for row in sources], body)
    found = np.flatnonzero(fit.detections.found)[::step]

    def overlap(model: BodyModel, frames) -> float:
        values = [silhouette_iou(fit.motion, model, row, fit.detections.mask(row)) for row in frames]
        return float(np.mean(values)) if values else float("nan")

    unseen = [row for row in found if row not in sources]
    error = 100 * float(np.nanmean(landmark_errors(fit.motion, body)))
    return [error, overlap(body, found), overlap(dressed, sources), overlap(dressed, unseen)]


def show(name: str, row) -> None:
    print(f"{name:28}{row[0]:12.2f}{row[1]:10.3f}{row[2]:17.3f}{row[3]:8.3f}", flush=True)


if __name__ == "__main__":
    main()
