"""Measure how far MediaPipe strays from the truth: the spreads that the fit's objective is weighed by.

    python scripts/measure_detector.py [--shared ../shared] [--cache DIR]

The development clips of ``benchmarks/fit_synthetic.py`` (never its test set) are detected; printed are

* for each landmark: the distance in the picture from the true one, in percent of the person's height, by visibility,
  and how long an error lasts (its autocorrelation over 1, 5 and 15 frames at 30 frames/s);
* for each bone of the 3D landmarks: the error of its direction in degrees, within the picture's plane and in depth
  (its angle out of that plane), and the lines that lead from true to found depth angles and back;
* the turn of the whole 3D skeleton against the truth, about the camera's axes and about the person's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from _detections import kept_detections  # noqa: E402
from _fit_metrics import similarity  # noqa: E402
from _synthetic_clips import TrueClip, load_clip  # noqa: E402
from _synthetic_sets import DEV  # noqa: E402
from measure_landmarks import random_camera  # noqa: E402

from neural.training import mocap  # noqa: E402
from neural.training.people import make_person, pose_person, random_person_spec  # noqa: E402
from neural.training.raster_people import draw_with_rasterizer  # noqa: E402
from neural.training.studio import random_studio  # noqa: E402
from neural.training.truth import join_parts, surface_vertices  # noqa: E402
from smpl_fitting.body import LANDMARK_NAMES, BodyModel, load_body  # noqa: E402
from smpl_fitting.detection import Detections, detect  # noqa: E402
from smpl_fitting.detection.session import DetectorSession  # noqa: E402
from smpl_fitting.landmarks import BONES, LANDMARK  # noqa: E402
from smpl_fitting.video import open_footage, write_image  # noqa: E402
from smpl_fitting.world import view_rotation  # noqa: E402

VISIBILITIES = ((0.0, 0.5), (0.5, 0.9), (0.9, 0.98), (0.98, 1.01))
LAGS = (1, 5, 15)
FIRST_SEED, VIEWS = 600, 6  # of the people in stills
TRUNK = [LANDMARK[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "hip")]


@dataclass(frozen=True)
class Seen:
    """One clip, the frames in which she was found: ``miss`` (T, 33, 2) shares of the height, ``visibility`` (T, 33),
    ``world`` and ``true`` (T, 33, 3) metres in camera axes."""

    name: str
    miss: np.ndarray
    visibility: np.ndarray
    world: np.ndarray
    true: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared", metavar="DIR")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep clips and detections there")
    parser.add_argument("--any-detections", action="store_true", help="of another version of the detector")
    parser.add_argument(
        "--people", type=int, default=0, help="measure also on stills of so many random people"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    body = load_body("open")
    with tempfile.TemporaryDirectory() as scratch:
        cache = options.cache or Path(scratch)
        clips = [load_clip(spec, options.shared, cache, body) for spec in DEV]
        seen = [
            compare_clip(clip, kept_detections(clip.footage, cache, options.any_detections), body)
            for clip in clips
        ]
        report(seen)
        if options.people:
            print(f"\n{options.people} PEOPLE, {VIEWS} STILLS EACH (a lag means nothing there)")
            report([look_at_people(options.people, options.shared, Path(scratch), body)])


def report(seen: list[Seen]) -> None:
    print_landmarks(seen)
    print_bones(seen)
    print_whole(seen)


def compare_clip(clip: TrueClip, detections: Detections, body: BodyModel) -> Seen:
    """Lay the detections of a clip beside its truth."""
    rows = detections.found
    true, K = clip.landmarks(body), clip.camera.K
    world = in_camera_axes(detections, K)
    miss = misses(detections.keypoints[..., :2], true, K, clip.stature)
    return Seen(clip.spec.name, miss[rows], detections.keypoints[rows, :, 3], world[rows], true[rows])


def misses(pixels: np.ndarray, true: np.ndarray, K: torch.Tensor, stature: float) -> np.ndarray:
    """(T, 33, 2) from the true landmarks (T, 33, 3) to the detected pixels (T, 33, 2), in shares of the height."""
    seen = true @ K.double().numpy().T
    height = stature * float(K[0, 0]) / true[:, TRUNK, 2].mean(1)
    return (pixels - seen[..., :2] / seen[..., 2:]) / height[:, None, None]


def in_camera_axes(detections: Detections, K: torch.Tensor) -> np.ndarray:
    """(T, 33, 3) the detector's 3D landmarks, which are seen as if in the picture's middle, in the camera's axes."""
    boxes = torch.from_numpy(detections.boxes).float()
    turn = view_rotation((boxes[:, :2] + boxes[:, 2:]) / 2, K.expand(len(boxes), 3, 3)).double()
    return detections.keypoints_world @ turn.numpy().transpose(0, 2, 1)


def look_at_people(people: int, shared: Path, folder: Path, body: BodyModel) -> Seen:
    """Random people in poses of CMU's subject 02, each in a picture of its own, seen from all sides."""
    rng = np.random.default_rng(FIRST_SEED)
    rows: list[Seen] = []
    recordings = sorted((shared / "mocap/cmu").glob("02_*.amc"))
    skeleton = mocap.load_asf(shared / "mocap/cmu/02.asf")
    with DetectorSession() as session:
        for seed in range(FIRST_SEED, FIRST_SEED + people):
            person = make_person(random_person_spec(seed), shared / "assets/makehuman_cc0", body)
            recording = mocap.load_amc(recordings[rng.integers(len(recordings))], skeleton)
            poses, trans = mocap.retarget(recording, person.joints, fps=10)
            chosen = rng.choice(len(poses), VIEWS, replace=len(poses) < VIEWS)
            posed, surface = pose_person(person, poses[chosen], trans[chosen]), join_parts(person)
            points = (posed.body[:, body.landmark_vertices] * body.landmark_weights.numpy()[..., None]).sum(2)
            for frame in range(VIEWS):
                camera = random_camera(posed.joints[frame, 0], rng)
                vertices = surface_vertices(posed, frame)
                write_image(
                    folder / "still.png", draw_with_rasterizer(surface, vertices, camera, random_studio(seed))
                )
                found = detect(open_footage(folder / "still.png"), masks=False, session=session)
                if found.found[0]:
                    true = (points[frame] @ camera.R.numpy().T + camera.t.numpy())[None]
                    miss = misses(
                        found.keypoints[..., :2], true, camera.K, float(np.ptp(person.body_rest[:, 1]))
                    )
                    rows.append(
                        Seen("", miss, found.keypoints[..., 3], in_camera_axes(found, camera.K), true)
                    )
    arrays = zip(*((one.miss, one.visibility, one.world, one.true) for one in rows), strict=True)
    return Seen("stills", *(np.concatenate(values) for values in arrays))


def print_landmarks(seen: list[Seen]) -> None:
    visibility = np.concatenate([one.visibility for one in seen])
    length = 100 * np.linalg.norm(np.concatenate([one.miss for one in seen]), axis=-1)
    print(
        "LANDMARKS IN THE PICTURE: distance in % of the height: median, 68 %, 95 %; mean x, y; rms by visibility;"
    )
    print("autocorrelation of the error, and the rms that is left once each clip's mean error is taken off")
    bins = "".join(f"{f'{low:g}-{min(high, 1):g}':>10}" for low, high in VISIBILITIES)
    print(
        f"{'':18}{'p50':>6}{'p68':>6}{'p95':>6}{'x':>7}{'y':>6}{bins}  lag "
        + "".join(f"{k:6}" for k in LAGS)
        + "   rest"
    )
    for row, name in enumerate(LANDMARK_NAMES):
        p50, p68, p95 = np.percentile(length[:, row], (50, 68, 95))
        x, y = 100 * np.concatenate([one.miss[:, row] for one in seen]).mean(0)
        by_visibility = [length[inside(visibility[:, row], one), row] for one in VISIBILITIES]
        cells = "".join(
            f"{rms(v):6.1f}{len(v) / len(length):4.0%}" if len(v) > 4 else f"{'-':>10}" for v in by_visibility
        )
        tracks = [100 * one.miss[:, row] for one in seen]
        lags = "".join(f"{autocorrelation(tracks, lag):6.2f}" for lag in LAGS)
        rest = rms(np.concatenate([t - t.mean(0) for t in tracks])) * 2**0.5
        print(f"{name:18}{p50:6.1f}{p68:6.1f}{p95:6.1f}{x:7.1f}{y:6.1f}{cells}      {lags}{rest:7.1f}")


def print_bones(seen: list[Seen]) -> None:
    print(
        "\n3D BONES, degrees: in the plane: mean, rms, autocorrelation; in depth: mean, rms, autocorrelation,"
    )
    print("lines found = a + b true +- s and true = c + d found +- s; rms angle of the whole by visibility")
    bins = "".join(f"{f'{low:g}-{min(high, 1):g}':>10}" for low, high in VISIBILITIES)
    lags = "".join(f"{f'lag{k}':>6}" for k in LAGS)
    print(
        f"{'':30}{'plane':>6}{'rms':>6}{lags}{'depth':>8}{'rms':>6}{lags}{'a':>7}{'b':>6}{'s':>6}{'c':>7}{'d':>6}{'s':>6}{bins}"
    )
    for start, end in BONES:
        planes, depths, truths, founds, wholes, visible = [], [], [], [], [], []
        for one in seen:
            found, true = (
                unit(one.world[:, end] - one.world[:, start]),
                unit(one.true[:, end] - one.true[:, start]),
            )
            plane = np.angle(
                np.exp(1j * (np.arctan2(found[:, 1], found[:, 0]) - np.arctan2(true[:, 1], true[:, 0])))
            )
            # where the bone points at the camera its direction in the plane says nothing
            planes.append(np.degrees(plane * np.hypot(true[:, 0], true[:, 1]))[:, None])
            truths.append(np.degrees(np.arcsin(true[:, 2])))
            founds.append(np.degrees(np.arcsin(found[:, 2])))
            depths.append((founds[-1] - truths[-1])[:, None])
            wholes.append(np.degrees(np.arccos(np.clip((found * true).sum(-1), -1, 1))))
            visible.append(one.visibility[:, [start, end]].min(1))
        cells = []
        for tracks in (planes, depths):
            values = np.concatenate(tracks)
            cells.append(
                f"{values.mean():6.1f}{rms(values):6.1f}"
                + "".join(f"{autocorrelation(tracks, k):6.2f}" for k in LAGS)
            )
        likely = line(np.concatenate(truths), np.concatenate(founds))
        back = line(np.concatenate(founds), np.concatenate(truths))
        whole, seen_by = np.concatenate(wholes), np.concatenate(visible)
        by = [whole[inside(seen_by, one)] for one in VISIBILITIES]
        tail = "".join(f"{rms(v):6.1f}{len(v) / len(whole):4.0%}" if len(v) > 4 else f"{'-':>10}" for v in by)
        name = f"{LANDMARK_NAMES[start]}>{LANDMARK_NAMES[end].split('_', 1)[-1]}"
        print(f"{name:30}{cells[0]}  {cells[1]}  {likely}  {back}{tail}")


def print_whole(seen: list[Seen]) -> None:
    print(
        "\n3D WHOLE: turn (degrees) that would lay the found skeleton on the true one, about the camera's x (pitch:"
    )
    print(
        "positive tips the head away), y, z, then about the person's own left, up and forward; rms after it, mm"
    )
    bones = np.arange(LANDMARK["left_shoulder"], LANDMARK["right_ankle"] + 1)
    for one in seen:
        found, true = one.world[:, bones], one.true[:, bones]
        size, turn, shift = similarity(found, true)
        left = size[:, None, None] * found @ turn.transpose(0, 2, 1) + shift[:, None] - true
        camera = np.degrees(Rotation.from_matrix(turn).as_rotvec())
        own = np.einsum("tji,tj->ti", person_axes(one.true), camera)
        left = np.linalg.norm(left, axis=-1)
        rest = f"rest {1e3 * left.mean():.0f} size {np.median(size):.3f}"
        print(
            f"{one.name:12} camera {np.round(camera.mean(0), 1)} +- {np.round(camera.std(0), 1)}"
            f"  person {np.round(own.mean(0), 1)} +- {np.round(own.std(0), 1)}  {rest}"
        )


def person_axes(points: np.ndarray) -> np.ndarray:
    """(T, 3, 3) columns left, up, forward of the trunk from landmarks (T, 33, 3)."""
    left_shoulder, left_hip, right_shoulder, right_hip = (points[:, row] for row in TRUNK)
    left = unit(left_shoulder + left_hip - right_shoulder - right_hip)
    up = left_shoulder + right_shoulder - left_hip - right_hip
    up = unit(up - (up * left).sum(-1, keepdims=True) * left)
    return np.stack((left, up, np.cross(left, up)), axis=-1)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def line(given: np.ndarray, wanted: np.ndarray) -> str:
    """Least squares ``wanted = a + b given`` and what it leaves."""
    slope, start = np.polyfit(given, wanted, 1)
    return f"{start:5.1f}{slope:6.2f}{rms(wanted - start - slope * given):6.1f}"


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def inside(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (values >= limits[0]) & (values < limits[1])


def autocorrelation(tracks: list[np.ndarray], lag: int) -> float:
    """Of errors (T, C) over time, about zero: 1 where an error stays as it is for ``lag`` frames."""
    together = sum(float((track[lag:] * track[:-lag]).sum()) for track in tracks)
    alone = sum(0.5 * float((track[lag:] ** 2).sum() + (track[:-lag] ** 2).sum()) for track in tracks)
    return together / max(alone, 1e-12)


if __name__ == "__main__":
    main()
