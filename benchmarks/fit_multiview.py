"""The fit from one camera, judged by the others: ``python benchmarks/fit_multiview.py [--json FILE]``.

Pose2Sim's demo shows one man, filmed by four synchronised, calibrated cameras. Each clip is fitted alone, with the
calibrated focal length and nothing else given. A single camera does not know where it stands nor how tall he is, so
ONE similarity for the whole clip (scale, turn, shift; none per frame) takes the fit into the room: the one that lays
the 12 large joints of all frames nearest to their triangulation from the four cameras' detections. There each
other camera projects them, distortion included, and they are compared with what it detected itself, where it calls a
joint visible: the distance in percent of the man's height in that picture. The detector errs too, which is what the row
"triangulated" says: the triangulated joints themselves, judged alike.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from _cameras import CalibratedCamera, read_qca, triangulate
from _detections import kept_detections
from _fit_metrics import similarity

from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.detection import Detections
from smpl_fitting.fit import fit_detections
from smpl_fitting.landmarks import LANDMARK
from smpl_fitting.video import Footage, open_footage

JUDGED_NAMES = tuple(
    f"{side}_{part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
JUDGED = [LANDMARK[name] for name in JUDGED_NAMES]
VISIBLE = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = Path(__file__).parents[2] / "shared"
    parser.add_argument("--footage", type=Path, default=shared / "footage/pose2sim_single", metavar="DIR")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep detections there")
    parser.add_argument(
        "--any-detections",
        action="store_true",
        help="use cached detections of another version of the detector",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body("open")
    cameras = read_qca(options.footage / "p2s_Calib.qca.txt")
    clips = [open_footage(options.footage / f"p2s_{camera.name}.mp4") for camera in cameras]
    with tempfile.TemporaryDirectory() as scratch:
        seen = [
            kept_detections(clip, options.cache or Path(scratch), options.any_detections) for clip in clips
        ]
    fits = [fit_alone(*one, body) for one in zip(seen, clips, cameras, strict=True)]
    figures = judge(cameras, seen, fits)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def fit_alone(
    detections: Detections, clip: Footage, camera: CalibratedCamera, body: BodyModel
) -> tuple[np.ndarray, float]:
    """Landmarks (T, 33, 3) of the body fitted to one clip, in axes of its own, and its stature in metres."""
    motion = fit_detections(detections, body, fps=clip.fps, focal=float(camera.K[[0, 1], [0, 1]].mean()))
    tensors = [torch.as_tensor(v).float() for v in (motion.betas, motion.poses, motion.trans)]
    rest = body.shaped(tensors[0])[0][:, 1]
    return body.landmarks(*tensors).double().numpy(), float(rest.max() - rest.min())


def judge(
    cameras: list[CalibratedCamera], seen: list[Detections], fits: list[tuple[np.ndarray, float]]
) -> dict[str, float]:
    """Print the table and return the figures."""
    keypoints = np.stack([one.keypoints[:, JUDGED] for one in seen]).astype(float)  # (C, T, 12, 4)
    weights = np.where(keypoints[..., 3] > VISIBLE, keypoints[..., 3], 0.0)
    flat = keypoints.reshape(len(cameras), -1, 4)
    truth = triangulate(cameras, flat[..., :2], weights.reshape(len(cameras), -1))
    moved = [into_room(points[:, JUDGED].reshape(-1, 3), truth, weights) for points, _ in fits]
    stature = float(np.mean([scale * height for (_, scale), (_, height) in zip(moved, fits, strict=True)]))
    names = [camera.name for camera in cameras]
    print(
        f"height of the man {stature:.3f} m; median distance in % of it\n{'fitted from':14}"
        + "".join(f"{n:>9}" for n in names)
    )
    figures = {"stature_m": stature}
    everything: list[np.ndarray] = []
    for name, (points, _) in zip([*names, "triangulated"], [*moved, (truth, 1.0)], strict=True):
        errors = {
            other.name: misses(other, points, pixels, stature)
            for other, pixels in zip(cameras, flat, strict=True)
            if other.name != name
        }
        row = {other: float(np.median(error)) for other, error in errors.items()}
        together = np.concatenate(list(errors.values()))
        figures[f"{name}_median_percent"] = float(np.median(together))
        print(
            f"{name:14}"
            + "".join(f"{row.get(n, np.nan):9.2f}" for n in names)
            + f"   all {np.median(together):.2f}"
        )
        if name != "triangulated":
            everything.append(together)
    figures["median_percent"] = float(np.median(np.concatenate(everything)))
    figures["p90_percent"] = float(np.percentile(np.concatenate(everything), 90))
    print(f"median {figures['median_percent']:.2f} %, 90th percentile {figures['p90_percent']:.2f} %")
    return figures


def into_room(points: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Points (N, 3) laid upon the triangulated ones (N, 3) by one similarity, and its scale.

    Joints that fewer than two cameras see, and the tenth that lies farthest off, have no say.
    """
    chosen = (weights > 0).sum(0).reshape(-1) >= 2
    for _ in range(5):
        scale, turn, shift = (value[0] for value in similarity(points[None, chosen], truth[None, chosen]))
        moved = scale * points @ turn.T + shift
        distance = np.linalg.norm(moved - truth, axis=1)
        chosen = ((weights > 0).sum(0).reshape(-1) >= 2) & (distance <= np.percentile(distance[chosen], 90))
    return moved, float(scale)


def misses(camera: CalibratedCamera, points: np.ndarray, seen: np.ndarray, stature: float) -> np.ndarray:
    """Distances of projected points (N, 3) from what a camera saw (N, 4) and calls visible, in % of the height."""
    height = stature * camera.K[1, 1] / camera.depth(points)
    distance = np.linalg.norm(camera.project(points) - seen[:, :2], axis=1)
    return (100 * distance / height)[seen[:, 3] > VISIBLE]


if __name__ == "__main__":
    main()
