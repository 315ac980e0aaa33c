"""Measure where the detector sees its landmarks on people whose bodies are known.

    python scripts/measure_landmarks.py ../shared/assets/makehuman_cc0 ../shared/mocap/cmu [--people 40]

Dressed synthetic people in captured poses are drawn from all sides and shown to MediaPipe; the mean way from each of
the body's landmarks to the detector's, in the axes of the joint that carries it, is printed in millimetres. To correct
the body, add it to ``SHIFTS`` in ``open_body/landmarks.py`` and build again. Twenty seconds a person.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import mediapipe
import numpy as np
from open_body.landmarks import BONES, SKIN, mark_of

from neural.training import mocap
from neural.training.people import Person, joint_transforms, make_person, pose_person, random_person_spec
from neural.training.raster_people import draw_with_rasterizer
from neural.training.studio import look_at, random_studio
from neural.training.truth import join_parts, surface_vertices
from smpl_fitting.body import LANDMARK_NAMES, load_body
from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.geometry import Camera

VIEWS = 6  # pictures of each person
SIZE = (640, 480)
OUTLIER = 0.03  # metres: residuals far beyond count little
VISIBLE = 0.8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wardrobe", type=Path, help="folder with clothes, hair and skins")
    parser.add_argument("mocap", type=Path, help="folder with CMU's .asf and .amc")
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    recordings = sorted(options.mocap.glob("*.amc"))
    detector = mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1)
    rng = np.random.default_rng(options.seed)
    residuals: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for seed in range(options.seed, options.seed + options.people):
        person = make_person(random_person_spec(seed), options.wardrobe)
        clip = recordings[rng.integers(len(recordings))]
        look_at_person(person, clip, seed, rng, detector, residuals)
    for mark, rows in residuals.items():
        jacobians, misses = (np.array(column) for column in zip(*rows, strict=True))
        shift = robust_shift(jacobians, misses)
        before = np.median(np.linalg.norm(misses, axis=1))
        after = np.median(np.linalg.norm(misses - jacobians @ shift, axis=1))
        print(
            f"{mark:12s} {np.round(shift * 1e3)}  median {before * 1e3:.0f} -> {after * 1e3:.0f}, {len(rows)} seen"
        )


def look_at_person(person: Person, clip: Path, seed: int, rng, detector, residuals: dict) -> None:
    """Add one person's misses to ``residuals``, by mark: (2, 3) metres of picture plane per metre, (2,) metres."""
    skeleton = mocap.load_asf(clip.with_name(clip.name.split("_")[0] + ".asf"))
    poses, trans = mocap.retarget(mocap.load_amc(clip, skeleton), person.joints, fps=10)
    chosen = rng.choice(len(poses), VIEWS, replace=len(poses) < VIEWS)
    posed, surface = pose_person(person, poses[chosen], trans[chosen]), join_parts(person)
    body = load_body()
    for frame in range(VIEWS):
        camera = random_camera(posed.joints[frame, 0], rng)
        picture = draw_with_rasterizer(surface, surface_vertices(posed, frame), camera, random_studio(seed))
        result = detector.process(picture)
        if result.pose_landmarks is None:
            continue
        turns = joint_transforms(person.joints, posed.poses[frame], posed.trans[frame])[..., :3]
        points = (posed.body[frame][body.landmark_vertices] * body.landmark_weights.numpy()[..., None]).sum(1)
        for row, seen in enumerate(result.pose_landmarks.landmark):
            name = LANDMARK_NAMES[row]
            joint = JOINT_NAMES.index(joint_of(name))
            turn = turns[joint] @ np.diag([-1.0 if "right" in name else 1.0, 1.0, 1.0])
            faces_us = (turn.T @ (camera.centre.numpy() - points[row]))[2] > 0
            hidden = joint_of(name) == "head" and "ear" not in name and not faces_us
            if seen.visibility >= VISIBLE and not hidden:
                pixel = np.array([seen.x * SIZE[1], seen.y * SIZE[0]])
                residuals[mark_of(name)].append(miss_in_metres(points[row], turn, pixel, camera))


def random_camera(pelvis: np.ndarray, rng: np.random.Generator) -> Camera:
    """A camera anywhere around the person, who fills two thirds of the picture."""
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(3.2, 6.0)
    x, y = pelvis[0] + distance * np.sin(angle), pelvis[1] - distance * np.cos(angle)
    eye = (float(x), float(y), float(pelvis[2] + rng.uniform(-0.3, 0.7)))
    return look_at(eye, tuple(pelvis.tolist()), 2 * np.degrees(np.arctan(1.25 / distance)), SIZE)


def joint_of(landmark: str) -> str:
    """The joint that carries a landmark."""
    mark = mark_of(landmark)
    joint = SKIN[mark] if mark in SKIN else BONES[mark][0]
    return joint if joint == "head" else f"{'right' if 'right' in landmark else 'left'}_{joint}"


def miss_in_metres(
    point: np.ndarray, turn: np.ndarray, pixel: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """How the projection of ``point`` moves with it in the joint's axes (2, 3), and by how much it misses (2,)."""
    K, R, t = camera.K.numpy(), camera.R.numpy(), camera.t.numpy()
    seen = R @ point + t
    to_metres = seen[2] / K[0, 0]
    slope = np.array([[1, 0, -seen[0] / seen[2]], [0, 1, -seen[1] / seen[2]]])
    return slope @ R @ turn, (pixel - (K @ seen)[:2] / seen[2]) * to_metres


def robust_shift(jacobians: np.ndarray, misses: np.ndarray) -> np.ndarray:
    """(3,) the move of the point that explains the misses best (Geman and McClure's loss, reweighted)."""
    shift = np.zeros(3)
    for _ in range(30):
        error = np.linalg.norm(misses - jacobians @ shift, axis=1)
        weight = 1 / (1 + (error / OUTLIER) ** 2) ** 2
        normal = np.einsum("n,nij,nik->jk", weight, jacobians, jacobians) + 1e-3 * np.eye(3)
        shift = np.linalg.solve(normal, np.einsum("n,nij,ni->j", weight, jacobians, misses))
    return shift


if __name__ == "__main__":
    main()
