"""From a crowd in the T-pose to SMPL's terms: mean, ten unit-variance betas, linear joints, J_regressor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from smpl_fitting.body.names import JOINT_NAMES

NEAR, PICKED = 600, 200  # vertices around a joint that its regressor may use, and those it does
RIDGE = 1e-4  # of the regressor, in square metres: trades error on the crowd for small weights


@dataclass(frozen=True)
class ShapeSpace:
    v_template: np.ndarray  # (V, 3)
    shapedirs: np.ndarray  # (V, 3, B), betas of unit variance over the crowd
    J_template: np.ndarray  # (24, 3)
    J_shapedirs: np.ndarray  # (24, 3, B)
    scores: np.ndarray  # (N, B) betas of the crowd


def mirror_vertices(points: np.ndarray) -> np.ndarray:
    """(V,) the vertex nearest to each vertex's mirror image; an involution, or a ValueError."""
    distance, partner = cKDTree(points).query(points * (-1, 1, 1))
    if not np.array_equal(partner[partner], np.arange(len(points))) or distance.max() > 5e-3:
        raise ValueError(
            f"the mesh is not symmetric: mirror images miss by up to {distance.max() * 1e3:.2f} mm"
        )
    return partner


def mirror_joints() -> np.ndarray:
    """(24,) the other side's joint."""
    swap = {"left": "right", "right": "left"}
    names = ["_".join([swap.get(part, part) for part in name.split("_")]) for name in JOINT_NAMES]
    return np.array([JOINT_NAMES.index(name) for name in names])


def symmetric(values: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Points (N, V, 3) averaged with their own mirror image."""
    return 0.5 * (values + values[:, partner] * np.array([-1, 1, 1], values.dtype))


def fit_shape_space(
    vertices: np.ndarray, joints: np.ndarray, measure: np.ndarray, num_betas: int
) -> ShapeSpace:
    """Principal components of the vertices; the joints follow by regression on the betas.

    Args:
        vertices: (N, V, 3) symmetric people in the T-pose; joints: (N, 24, 3).
        measure: (V,) how much each vertex counts.
    """
    mean, joint_mean = vertices.mean(0), joints.mean(0)
    centred = (vertices - mean).reshape(len(vertices), -1)
    scaled = centred * np.sqrt(np.repeat(measure / measure.sum(), 3))
    scores = np.linalg.eigh(scaled @ scaled.T)[1][:, ::-1][:, :num_betas] * np.sqrt(len(vertices))
    stature, spread = np.ptp(vertices[..., 1], axis=1), np.linalg.norm(scaled, axis=1)
    for beta in range(num_betas):
        guide = stature if beta == 0 else spread  # the sign: taller, and for the others the rarer way
        scores[:, beta] *= np.sign(np.corrcoef(scores[:, beta], guide)[0, 1])
    directions = (centred.T @ scores / len(vertices)).reshape(-1, 3, num_betas)
    flat = (joints - joint_mean).reshape(len(joints), -1)
    joint_directions = (flat.T @ scores / len(joints)).reshape(-1, 3, num_betas)
    return ShapeSpace(mean, directions, joint_mean, joint_directions, scores)


def nearest_betas(space: ShapeSpace, vertices: np.ndarray, measure: np.ndarray) -> np.ndarray:
    """(N, B) betas whose bodies lie nearest to other people (N, V, 3), least squares by ``measure``."""
    flat = space.shapedirs.reshape(-1, space.shapedirs.shape[-1])
    weighted = flat * np.repeat(measure, 3)[:, None]
    difference = (vertices - space.v_template).reshape(len(vertices), -1)
    return np.linalg.solve(weighted.T @ flat, weighted.T @ difference.T).T


def area_weights(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V,) a third of the area of the triangles around each vertex."""
    edges = points[triangles[:, 1:]] - points[triangles[:, :1]]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=-1) / 6
    return np.bincount(triangles.ravel(), np.repeat(areas, 3), len(points))


def joint_regressor(
    space: ShapeSpace, vertices: np.ndarray, joints: np.ndarray, partner: np.ndarray
) -> np.ndarray:
    """(24, V) signed weights with which SMPL tools regress the joints from a shaped rest mesh.

    Exact on the shape space (so that loading it into smplx gives our joints), and by ridge regression as good
    as can be on the crowd: min ‖A w - b‖² + λ‖w‖² with C w = d, solved through its KKT system.
    """
    regressor = np.zeros((len(JOINT_NAMES), len(space.v_template)))
    other = mirror_joints()
    for joint, name in enumerate(JOINT_NAMES):
        if name.startswith("right"):
            continue
        near = _spread(space.v_template, space.J_template[joint])
        if other[joint] == joint:
            near = np.union1d(near, partner[near])
        exact = np.concatenate(
            (
                np.ones((1, len(near))),
                space.v_template[near].T,
                space.shapedirs[near].reshape(len(near), -1).T,
            )
        )
        wanted = np.concatenate(([1.0], space.J_template[joint], space.J_shapedirs[joint].ravel()))
        crowd = vertices[:, near].transpose(0, 2, 1).reshape(-1, len(near)).astype(np.float64)
        targets = joints[:, joint].ravel()
        weights = _ridge(crowd, targets, exact, wanted)
        if other[joint] == joint:
            regressor[joint, near] += 0.5 * weights
            regressor[joint, partner[near]] += 0.5 * weights
        else:
            regressor[joint, near] = weights
            regressor[other[joint], partner[near]] = weights
    return regressor


def _ridge(matrix: np.ndarray, target: np.ndarray, exact: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    size = matrix.shape[1]
    people = len(matrix) / 3
    kkt = np.zeros((size + len(exact), size + len(exact)))
    kkt[:size, :size] = matrix.T @ matrix / people + RIDGE * np.eye(size)
    kkt[size:, :size], kkt[:size, size:] = exact, exact.T
    # Constraints of one symmetric joint repeat each other (x is zero twice), hence least squares.
    solution = np.linalg.lstsq(kkt, np.concatenate((matrix.T @ target / people, wanted)), rcond=1e-13)[0]
    return solution[:size]


def _spread(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """``PICKED`` of the ``NEAR`` vertices next to ``centre``, each as far as can be from those before it."""
    near = np.argsort(np.linalg.norm(points - centre, axis=1), kind="stable")[:NEAR]
    picked = [0]
    distance = np.full(len(near), np.inf)
    while len(picked) < PICKED:
        distance = np.minimum(distance, np.linalg.norm(points[near] - points[near[picked[-1]]], axis=1))
        picked.append(int(distance.argmax()))
    return np.sort(near[picked])
