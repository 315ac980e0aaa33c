"""The fit against people whose body, motion and camera are known: ``python benchmarks/fit_synthetic.py [--set dev]``.

Dressed synthetic people are filmed in captured motion (``_synthetic_sets.py``), the clips are read and detected like
any footage, and the fitted body is compared with the true one in the camera's axes; the focal length is given. Three
settings: a, the true stature is given as well; b, it is not; c, as a with the true 2D landmarks in place of the
detected ones (their visibility, and the 3D landmarks, stay the detector's).

MPJPE, PA-MPJPE (one similarity per frame) and the acceleration error are means over the 14 joints that 3DPW is judged
on; for MPJPE and PVE (all vertices of the open body) the middle of the hips is laid upon the true one. Foot slide is
the way that a sole makes from frame to frame while the true one stands (slower than 0.1 m/s). Every frame counts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from _detections import kept_detections
from _fit_metrics import Track, contact_f1, figures
from _fit_pictures import compare, worst_frames
from _synthetic_clips import TrueClip, load_clip, with_true_landmarks
from _synthetic_sets import SETS

from neural.training.filmed import FPS
from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.detection import Detections
from smpl_fitting.fit import fit_detections
from smpl_fitting.motion import Motion
from smpl_fitting.video import write_image

SETTINGS = {"a": "true stature given", "b": "stature unknown", "c": "true 2D landmarks, true stature"}
COLUMNS = {
    "pa_mpjpe_mm": "PA",
    "mpjpe_mm": "MPJPE",
    "pve_mm": "PVE",
    "acceleration_m_s2": "accel",
    "jitter_m_s3": "jitter",
    "foot_slide_mm": "slide",
    "true_foot_slide_mm": "(true)",
    "contact_f1": "cont.F1",
    "root_mm": "root",
    "stature_mm": "stature",
    "frames_per_s": "fps",
}
TERMS = (
    "landmarks",
    "bones",
    "silhouette",
    "shape",
    "pose",
    "limits",
    "smooth",
    "contacts",
)
WORST = 2  # pictures of each clip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=SETS, default="test")
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared", metavar="DIR")
    parser.add_argument("--settings", default="abc", help="which of a, b, c")
    parser.add_argument("--subject", help="one clip only, by name or number")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep clips and detections there")
    parser.add_argument(
        "--any-detections",
        action="store_true",
        help="use cached detections of another version of the detector",
    )
    parser.add_argument("--ablation", action="store_true", help="also with each term of the energy left out")
    parser.add_argument("--worst", type=Path, metavar="DIR", help="write pictures of the worst frames")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body("open")
    with tempfile.TemporaryDirectory() as scratch:
        cache = options.cache or Path(scratch)
        clips = [
            (clip, kept_detections(clip.footage, cache, options.any_detections))
            for clip in chosen_clips(options.set, options.subject, options.shared, cache, body)
        ]
        result: dict[str, float] = {}
        for setting in options.settings:
            rows = judge(clips, setting, body, options.worst)
            print_table(f"{options.set} set, {SETTINGS[setting]}", rows)
            result.update({f"{setting}_{name}": value for name, value in mean_row(rows).items()})
            if options.ablation:
                result.update(ablate(clips, setting, body, {"all terms": mean_row(rows)}))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def chosen_clips(
    which: str, subject: str | None, shared: Path, cache: Path, body: BodyModel
) -> Iterator[TrueClip]:
    for number, spec in enumerate(SETS[which]):
        if subject in (None, spec.name, str(number)):
            yield load_clip(spec, shared, cache, body)


def judge(
    clips: list[tuple[TrueClip, Detections]],
    setting: str,
    body: BodyModel,
    pictures: Path | None = None,
    without: frozenset[str] = frozenset(),
) -> dict[str, dict[str, float]]:
    """The figures of each clip in one setting, ``without`` some terms of the energy."""
    rows = {}
    for clip, detections in clips:
        seen = with_true_landmarks(detections, clip, body) if setting == "c" else detections
        start = time.perf_counter()
        motion = fit_detections(
            seen,
            body,
            fps=FPS,
            focal=float(clip.camera.K[0, 0]),
            height=None if setting == "b" else clip.stature,
            without=without,
        )
        seconds = time.perf_counter() - start
        fit, true, contact = in_camera(motion, body), clip.track(body), clip.contacts(body)
        rows[clip.spec.name] = {
            **figures(fit, true, contact, FPS),
            "contact_f1": np.nan if motion.contacts is None else contact_f1(motion.contacts, contact),
            "stature_mm": 1e3 * (fitted_stature(motion, body) - clip.stature),
            "frames_per_s": len(fit.joints) / seconds,
        }
        if pictures is not None:
            write_worst(pictures, setting, clip, fit, true, body)
    return rows


def ablate(
    clips: list[tuple[TrueClip, Detections]], setting: str, body: BodyModel, rows: dict[str, dict[str, float]]
) -> dict[str, float]:
    """Print the mean figures with each term left out below ``rows``, and return them."""
    for term in TERMS:
        rows[f"no {term}"] = mean_row(judge(clips, setting, body, without=frozenset({term})))
    print_table(f"each term left out, {SETTINGS[setting]}: means over the clips", rows, mean=False)
    return {
        f"{setting}_{title.replace(' ', '_')}_{name}": value
        for title, row in rows.items()
        for name, value in row.items()
    }


def in_camera(motion: Motion, body: BodyModel) -> Track:
    """The fitted body in the axes of its camera."""
    assert motion.camera_R is not None and motion.camera_t is not None
    betas, poses, trans = (torch.as_tensor(v).float() for v in (motion.betas, motion.poses, motion.trans))
    vertices, joints = body(betas, poses, trans)
    R, t = motion.camera_R.astype(float), motion.camera_t.astype(float)
    return Track(
        *(
            points.double().numpy() @ R.transpose(0, 2, 1) + t[:, None]
            for points in (joints[:, :24], vertices, body.soles(betas, poses, trans))
        )
    )


def fitted_stature(motion: Motion, body: BodyModel) -> float:
    """Metres."""
    rest = body.shaped(torch.as_tensor(motion.betas).float())[0]
    return float(rest[:, 1].max() - rest[:, 1].min())


def write_worst(folder: Path, setting: str, clip: TrueClip, fit: Track, true: Track, body: BodyModel) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for frame in worst_frames(fit, true, WORST):
        picture = compare(clip.footage.frame(frame), clip.camera, fit, true, frame, body)
        write_image(folder / f"{clip.spec.name}_{setting}_{frame:03d}.png", picture)


def mean_row(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """Means over the clips that have the figure."""
    means = {}
    for name in next(iter(rows.values())):
        values = np.array([row[name] for row in rows.values()])
        values = np.abs(values) if name == "stature_mm" else values
        if np.isfinite(values).any():
            means[name] = float(np.nanmean(values))
    return means


def print_table(title: str, rows: dict[str, dict[str, float]], mean: bool = True) -> None:
    print(f"\n{title}\n{'':14}" + "".join(f"{head:>9}" for head in COLUMNS.values()))
    for name, row in {**rows, **({"mean": mean_row(rows)} if mean else {})}.items():
        print(f"{name:14}" + "".join(f"{row.get(key, np.nan):9.1f}" for key in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
