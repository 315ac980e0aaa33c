"""How well the fit covers people in photos: ``python benchmarks/stills.py PHOTO [PHOTO …]``.

For each photo: mean distance of the landmarks as a share of the person's height, and the overlap of the body's
silhouette, bare and clothed, with the detector's mask.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from smpl_fitting.body import load_body
from smpl_fitting.clothing import Outline, clothed, fit_clothing
from smpl_fitting.fit import fit_stills
from smpl_fitting.quality import landmark_errors, silhouette_iou


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    body, figures = load_body("open"), {}
    print(f"{'photo':28} landmarks %   IoU body   IoU clothed")
    for photo in options.photos:
        [fit] = fit_stills([photo], body)
        mask = fit.detections.mask(0)
        dressed = clothed(body, fit_clothing(body, [Outline(fit.motion, mask)]))
        error = 100 * float(landmark_errors(fit.motion, body)[0])
        bare, full = (silhouette_iou(fit.motion, model, 0, mask) for model in (body, dressed))
        figures[f"{photo.stem}_landmark_error_percent"] = error
        figures[f"{photo.stem}_body_iou"] = bare
        figures[f"{photo.stem}_clothed_iou"] = full
        print(f"{photo.name:28} {error:11.2f} {bare:10.3f} {full:13.3f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
