"""What licensed model files do not say: body parts, left-right partners, and the detector's landmarks.

Parts follow from the skinning weights. Partners follow from position. Landmarks are carried over from the
open body: shaped and shifted to the other body's joints, its landmark vertices fall next to the right places
of the other surface.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree

from smpl_fitting.body.model import BodyModel
from smpl_fitting.body.names import JOINT_NAMES, PART_NAMES, PART_OF_JOINT

CANDIDATES = 12  # faces around the nearest vertices that are tried for the nearest point of a surface


def derive_parts(weights: np.ndarray, faces: np.ndarray, joint_names: Sequence[str]) -> np.ndarray:
    """(F,) uint8: the part with most of the skinning weight of the face's corners."""
    of_joint = np.array([PART_NAMES.index(PART_OF_JOINT[name]) for name in joint_names])
    share = np.stack(
        [weights[:, of_joint == part].sum(1)[faces].sum(1) for part in range(len(PART_NAMES))], axis=1
    )
    return share.argmax(1).astype(np.uint8)


def derive_mirror(points: np.ndarray, weights: np.ndarray, joint_names: Sequence[str]) -> np.ndarray:
    """(V,) the vertex whose place and skinning are most nearly the mirror image of each vertex's."""
    swap = {"left": "right", "right": "left"}
    others = ["_".join(swap.get(word, word) for word in name.split("_")) for name in joint_names]
    order = [joint_names.index(name) for name in others]
    centred = points - points.mean(0) * (1, 0, 0)
    # A whole weight counts as 5 cm: it tells upper from lower lip and finger from finger, and nothing else.
    features = np.concatenate((centred, 0.05 * weights), axis=1)
    mirrored = np.concatenate((centred * (-1, 1, 1), 0.05 * weights[:, order]), axis=1)
    return cKDTree(features).query(mirrored)[1].astype(np.int64)


def derive_landmarks(
    source: BodyModel,
    points: np.ndarray,
    faces: np.ndarray,
    joints: np.ndarray,
    joint_names: Sequence[str],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The detector's landmarks on another body of SMPL's skeleton, from ``source``'s.

    Args:
        points: (V, 3), faces: (F, 3), joints: (J, 3) of the other body at rest.

    Returns:
        Landmark vertices (33, 3K) and weights (33, 3K), and sole vertices (4, K').
    """
    moved = _moved_to(source, points, _body_joints(joints, joint_names))
    rows = source.landmark_vertices.numpy()
    used, place = np.unique(rows, return_inverse=True)
    corners, shares = nearest_on_surface(moved[used], points, faces)
    place = place.reshape(rows.shape)
    share = source.landmark_weights.numpy()[..., None] * shares[place]
    soles = cKDTree(points).query(moved[source.sole_vertices.numpy()])[1]
    return corners[place].reshape(len(rows), -1), share.reshape(len(rows), -1), soles.astype(np.int64)


def _body_joints(joints: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(24, 3) SMPL's joints; a hand with fingers has SMPL's hand joint at its middle knuckle."""
    at = dict(zip(names, joints, strict=True))
    at.setdefault("left_hand", at.get("left_middle1"))
    at.setdefault("right_hand", at.get("right_middle1"))
    return np.stack([at[name] for name in JOINT_NAMES])


def _moved_to(source: BodyModel, points: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(V, 3) the source body, its shape fitted to the joints and the height, then shifted joint by joint."""
    J_template, J_shapedirs = source.J_template.double().numpy(), source.J_shapedirs.double().numpy()
    template, shapedirs = source.v_template.double().numpy(), source.shapedirs.double().numpy()
    top, bottom = template[:, 1].argmax(), template[:, 1].argmin()
    ends = np.array([points[:, 1].max() - joints[0, 1], points[:, 1].min() - joints[0, 1]])
    J_centred = (J_template - J_template[0]).ravel()
    rows = [(J_shapedirs - J_shapedirs[0]).reshape(-1, source.num_betas)]
    rows.append(shapedirs[[top, bottom], 1] - J_shapedirs[0, 1])
    wanted = [
        (joints - joints[0]).ravel() - J_centred,
        ends - (template[[top, bottom], 1] - J_template[0, 1]),
    ]
    matrix, target = np.concatenate(rows), np.concatenate(wanted)
    ridge = 1e-3 * np.eye(source.num_betas)  # one beta's unit is worth about 3 cm
    betas = np.linalg.solve(matrix.T @ matrix + ridge, matrix.T @ target)
    shaped, shaped_joints = source.shaped(torch.from_numpy(betas.astype(np.float32)))
    shift = joints - shaped_joints.double().numpy()
    return shaped.double().numpy() + source.weights.double().numpy() @ shift


def nearest_on_surface(
    queries: np.ndarray, points: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest point of a triangle mesh to each query: its face's corners (Q, 3) and barycentrics (Q, 3).

    Tried are all faces around the ``CANDIDATES`` nearest vertices, which is exact for even meshes.
    """
    order = np.argsort(faces.ravel(), kind="stable")
    starts = np.searchsorted(faces.ravel()[order], np.arange(len(points) + 1))
    near = cKDTree(points).query(queries, k=CANDIDATES)[1]
    corners, shares = np.empty((len(queries), 3), np.int64), np.empty((len(queries), 3))
    for row, query in enumerate(queries):
        around = np.concatenate([order[starts[v] : starts[v + 1]] for v in near[row]]) // 3
        triangles = faces[np.unique(around)]
        bary = closest_barycentric(query, points[triangles])
        distance = np.linalg.norm(np.einsum("fk,fkc->fc", bary, points[triangles]) - query, axis=1)
        best = distance.argmin()
        corners[row], shares[row] = triangles[best], bary[best]
    return corners, shares


def closest_barycentric(point: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(F, 3) barycentrics of the point of each triangle (F, 3, 3) nearest to ``point``.

    The foot of the perpendicular where it lies inside, else the best of the three clamped edges.
    """
    a, ab, ac = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    gram = np.stack(((ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)), axis=1)
    right = np.stack(((ab * (point - a)).sum(1), (ac * (point - a)).sum(1)), axis=1)
    determinant = np.maximum(gram[:, 0] * gram[:, 2] - gram[:, 1] ** 2, 1e-20)
    v = (gram[:, 2] * right[:, 0] - gram[:, 1] * right[:, 1]) / determinant
    w = (gram[:, 0] * right[:, 1] - gram[:, 1] * right[:, 0]) / determinant
    options = [np.stack((1 - v - w, v, w), axis=1)]
    for first in range(3):
        second = (first + 1) % 3
        start, edge = triangles[:, first], triangles[:, second] - triangles[:, first]
        share = ((point - start) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-20)
        share = np.clip(share, 0, 1)
        bary = np.zeros((len(triangles), 3))
        bary[:, first], bary[:, second] = 1 - share, share
        options.append(bary)
    stacked = np.stack(options)  # (4, F, 3)
    distance = np.linalg.norm(np.einsum("ofk,fkc->ofc", stacked, triangles) - point, axis=2)
    distance[0][(options[0] < 0).any(1)] = np.inf
    return stacked[distance.argmin(0), np.arange(len(triangles))]
