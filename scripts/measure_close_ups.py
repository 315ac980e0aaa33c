"""Measure MediaPipe's hand and face networks on drawn people whose hands and heads are known.

    python scripts/measure_close_ups.py ../shared/assets/makehuman_cc0 [--people 20] [--views 8]

Prints the weights of the two depths of hand landmarks (``_DEPTHS`` of ``smpl_fitting/detection/hands.py``) with the
errors of palms and finger joints, and the points of the face at rest (``_MIDDLE`` and ``_LEFT_AND_RIGHT`` of
``face.py``) with the errors of heads that were not used for them. A second or two a picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from neural.training.people import make_person, random_person_spec
from neural.training.raster_people import draw_with_rasterizer
from neural.training.studio import look_at, random_studio
from neural.training.truth import join_parts
from smpl_fitting.body import load_body
from smpl_fitting.body.skinning import joint_transforms, pose_matrices
from smpl_fitting.detection.closeups import crop_of_box, to_pixels, turned_upright
from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.face import _DEPTH, _LEFT_AND_RIGHT, _MIDDLE, STABLE_POINTS
from smpl_fitting.detection.hands import solid_landmarks
from smpl_fitting.detection.part_networks import FACE_SIDE, HAND_SIDE, FaceNetwork, HandNetwork
from smpl_fitting.fingers import finger_poses, wrist_rotations
from smpl_fitting.hand_rig import hand_rig

SIZE, DISTANCE = 256, 2.5  # pixels of a picture, metres
UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # Y-up to Z-up
JOINT_POINTS = np.concatenate(
    ([0], np.arange(1, 21).reshape(5, 4)[:, :3].ravel())
)  # landmarks that are joints
BODY = load_body("open_h")


class Model:
    """A dressed person with fingers: the wardrobe's weights, hands shared out as the open body shares them."""

    def __init__(self, seed: int, wardrobe: Path) -> None:
        person = make_person(random_person_spec(seed), wardrobe)
        self.surface, self.seed = join_parts(person), seed
        shaped = BODY.shaped(torch.from_numpy(person.betas).float())[1].numpy()
        self.joints = shaped.copy()
        self.joints[:22] = person.joints[:22]
        for wrist, first in ((20, 22), (21, 37)):
            self.joints[first : first + 15] += person.joints[wrist] - shaped[wrist]
        near = cKDTree(person.body_rest)
        self.rest = np.concatenate([part.rest for part in person.parts]).astype(np.float32)
        self.weights = np.concatenate([_shared_out(part, near) for part in person.parts])
        self.face = np.einsum(
            "lk,lkc->lc",
            BODY.landmark_weights[:11].numpy(),
            person.body_rest[BODY.landmark_vertices[:11].numpy()],
        )

    def posed(self, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vertices (V, 3), joints (52, 3) and global rotations (52, 3, 3), Z-up, of poses (52, 3)."""
        matrices = pose_matrices(torch.from_numpy(poses[None]).float(), 52)
        rest = torch.from_numpy(self.joints).float()
        moves, places = joint_transforms(matrices, rest, None, BODY.parent_ids)
        blended = (self.weights @ moves[0].numpy().reshape(52, 12)).reshape(-1, 3, 4)
        vertices = np.einsum("vij,vj->vi", blended[..., :3], self.rest) + blended[..., 3]
        return (
            (vertices @ UPRIGHT.T).astype(np.float32),
            places[0].numpy() @ UPRIGHT.T,
            UPRIGHT @ moves[0, :, :, :3].numpy(),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wardrobe", type=Path, help="folder with clothes, hair and skins")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--seed", type=int, default=500)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    hands, faces = [], []
    for seed in range(options.seed, options.seed + options.people):
        model = Model(seed, options.wardrobe)
        for view in range(options.views):
            hands.append(read_hand(model, ("left", "right")[view % 2], rng))
            faces.append(read_face(model, rng))
    report_hands([hand for hand in hands if hand is not None])
    report_faces([face for face in faces if face is not None])


def read_hand(model: Model, side: str, rng: np.random.Generator) -> tuple | None:
    """Side, points px (21, 3), metres (21, 3), and the truth: palm (3, 3), joints (16, 3) in camera axes, poses."""
    rig, poses = hand_rig(BODY, side), random_hand(side, rng)
    vertices, joints, turns = model.posed(poses)
    centre = joints[rig.joints[2, 0]]
    camera = look_at(tuple(centre + DISTANCE * _direction(rng)), tuple(centre), 8.5, (SIZE, SIZE))
    picture = draw_with_rasterizer(model.surface, vertices, camera, random_studio(int(rng.integers(1 << 20))))
    pixels = camera.project(torch.from_numpy(joints).float())[0].numpy()
    up = pixels[rig.joints[2, 0]] - pixels[rig.wrist]
    crop = Crop(SIZE / 2, SIZE / 2, 0.96 * SIZE, float(np.arctan2(up[0], -up[1])))
    network = _network(HandNetwork)
    points = to_pixels(network(crop.cut(picture, HAND_SIDE)).landmarks, crop)
    crop = crop_of_box(points[:, :2], points[9, :2] - points[0, :2], 1.8)
    reading = network(crop.cut(picture, HAND_SIDE))
    if reading.score < 0.5 or (reading.right > 0.5) != (side == "right"):
        return None
    R = camera.R.numpy()
    chain = np.concatenate((joints[[rig.wrist]], joints[rig.joints].reshape(-1, 3))) @ R.T
    points = to_pixels(reading.landmarks, crop)
    first = BODY.joint_names.index(f"{side}_index1")
    return (
        side,
        points,
        turned_upright(reading.world, crop),
        R @ turns[rig.wrist],
        chain,
        poses[first : first + 15],
    )


def report_hands(hands: list[tuple]) -> None:
    """The regression of the true depth, and the errors with the weights that are in use."""
    rows, depths, palms, fingers = [], [], [], []
    for side, points, world, palm, chain, poses in hands:
        flat, solid = points - points.mean(0), world - world.mean(0)
        flat = flat / np.sqrt((flat[:, :2] ** 2).sum() / (solid[:, :2] ** 2).sum())
        size = np.linalg.norm(np.diff(world[JOINT_POINTS], axis=0), axis=1).sum()
        true = chain[:, 2] * size / np.linalg.norm(np.diff(chain, axis=0), axis=1).sum()
        told = np.stack((solid[JOINT_POINTS, 2], flat[JOINT_POINTS, 2]), axis=1)
        rows.append(told - told.mean(0))
        depths.append(true - true.mean())
        landmarks = solid_landmarks(points, world)[None]
        wrist = wrist_rotations(landmarks, BODY, side)
        palms.append(Rotation.from_matrix(palm.T @ wrist[0]).magnitude())
        found = Rotation.from_rotvec(finger_poses(landmarks, wrist, BODY, side)[0])
        fingers.append((Rotation.from_rotvec(poses).inv() * found).magnitude())
    weights = np.linalg.lstsq(np.concatenate(rows), np.concatenate(depths), rcond=None)[0]
    print(f"{len(hands)} hands: weights of the depths {weights.round(2)}")
    print(f"median error, degrees: palms {np.rad2deg(np.median(palms)):.1f}")
    print(
        f"finger joints (index, middle, pinky, ring, thumb)\n{np.rad2deg(np.median(fingers, 0)).reshape(5, 3)}"
    )


def read_face(model: Model, rng: np.random.Generator) -> tuple | None:
    """Stable points px (45, 3), the true rotation to camera axes (3, 3), and who it is."""
    poses = np.zeros((52, 3))
    poses[[16, 17], 2] = -1.0, 1.0
    poses[[12, 15]] = rng.normal(0, 0.2, (2, 3))
    vertices, joints, turns = model.posed(poses)
    marks = joints[15] + (model.face - model.joints[15]) @ turns[15].T
    centre = marks[[2, 5, 9, 10]].mean(0)  # eyes and mouth
    view = Rotation.from_euler("yx", rng.uniform((-85, -35), (85, 35)), degrees=True).apply((0, 0, 1))
    camera = look_at(tuple(centre + DISTANCE * turns[15] @ view), tuple(centre), 11.4, (SIZE, SIZE))
    picture = draw_with_rasterizer(model.surface, vertices, camera, random_studio(int(rng.integers(1 << 20))))
    pixels = camera.project(torch.from_numpy(marks).float())[0].numpy()
    up = pixels[2] + pixels[5] - pixels[9] - pixels[10]
    crop = Crop(SIZE / 2, SIZE / 2, 0.56 * SIZE, float(np.arctan2(up[0], -up[1])))
    network = _network(FaceNetwork)
    for _ in range(2):
        points = to_pixels(network(crop.cut(picture, FACE_SIDE)).landmarks, crop)
        level = points[263, :2] - points[33, :2]
        crop = crop_of_box(points[:, :2], np.array([level[1], -level[0]]), 1.5)
    reading = network(crop.cut(picture, FACE_SIDE))
    if reading.score < 0.5:
        return None
    return to_pixels(reading.landmarks, crop)[STABLE_POINTS], camera.R.numpy() @ turns[15], model.seed


def report_faces(faces: list[tuple]) -> None:
    """The points at rest from all people, and the errors of each half with the points of the other."""
    points = np.stack([_normal(face[0] * (1, 1, _DEPTH)) for face in faces])
    turns, seeds = np.stack([face[1] for face in faces]), np.array([face[2] for face in faces])
    misses = np.empty(len(faces))
    for half in (0, 1):
        rest = _points_at_rest(points[seeds % 2 != half], turns[seeds % 2 != half])
        for index in np.flatnonzero(seeds % 2 == half):
            found = Rotation.align_vectors(points[index], rest)[0]
            misses[index] = (Rotation.from_matrix(turns[index]).inv() * found).magnitude()
    print(f"{len(faces)} faces: median error {np.rad2deg(np.median(misses)):.1f} degrees")
    rest = np.round(100 * _points_at_rest(points, turns)).astype(int).tolist()
    names = [*_MIDDLE, *(pair for pair in _LEFT_AND_RIGHT for _ in (0, 1))]
    print({name: tuple(point) for name, point in zip(names, rest, strict=True) if point[0] >= 0})


def _points_at_rest(points: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """(45, 3) the median of points (N, 45, 3) turned back by the heads' rotations (N, 3, 3), made symmetric."""
    rest = np.median(np.einsum("tij,tni->tnj", turns, points), axis=0)
    other = np.arange(len(rest))
    other[len(_MIDDLE) :] = other[len(_MIDDLE) :].reshape(-1, 2)[:, ::-1].ravel()
    return _normal(0.5 * (rest + rest[other] * (-1, 1, 1)))


def _normal(points: np.ndarray) -> np.ndarray:
    points = points - points.mean(0)
    return points / np.sqrt((points**2).sum(-1).mean())


def random_hand(side: str, rng: np.random.Generator) -> np.ndarray:
    """(52, 3) poses: arms down and bent, and one hand between flat and a fist."""
    poses, rig = np.zeros((52, 3)), hand_rig(BODY, side)
    poses[[16, 17], 2] = rng.uniform(0.3, 1.3, 2) * (-1, 1)
    poses[[18, 19], 1] = rng.uniform(0.2, 1.5, 2) * (-1, 1)
    poses[rig.wrist] = rng.normal(0, 0.25, 3)
    curl = rng.beta(1, 1.6)
    for finger in range(5):
        along, axis = rig.bones[finger, 0], rig.axes[finger]
        bend = np.clip(curl + rng.normal(0, 0.2), 0, 1) * 1.5 - 0.2 if finger else rng.uniform(-0.1, 0.5)
        spread = rng.normal(0, 0.1 if finger else 0.2)
        root = Rotation.from_rotvec(bend * axis) * Rotation.from_rotvec(spread * np.cross(along, axis))
        poses[rig.joints[finger, 0]] = root.as_rotvec()
        poses[rig.joints[finger, 1]] = (max(bend, 0.0) * 1.1 + rng.normal(0, 0.1)) * axis
        poses[rig.joints[finger, 2]] = (max(bend, 0.0) * 0.7 + rng.normal(0, 0.1)) * axis
    return poses


def _shared_out(part, near: cKDTree) -> np.ndarray:
    """(V, 52) weights of a part from its 24."""
    weights = np.zeros((len(part.rest), 52), np.float32)
    weights[:, :22] = part.weights[:, :22]
    shares = BODY.weights.numpy()[near.query(part.rest)[1]]
    for hand, first in ((22, 22), (23, 37)):
        own = shares[:, first : first + 15]
        total = own.sum(1, keepdims=True)
        middle = np.eye(15)[3]  # of sleeves that reach over the hand
        own = np.where(total > 1e-4, own / np.maximum(total, 1e-6), middle)
        weights[:, first : first + 15] = part.weights[:, hand : hand + 1] * own
    return weights


def _direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3) * (1, 1, 0.7)
    return vector / np.linalg.norm(vector)


_NETWORKS: dict = {}


def _network(kind):
    """The network, loaded once."""
    if kind not in _NETWORKS:
        _NETWORKS[kind] = kind()
    return _NETWORKS[kind]


if __name__ == "__main__":
    main()
