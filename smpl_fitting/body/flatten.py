"""Flattening one piece of a surface without folds: least-squares conformal, else Tutte's embedding."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import spsolve

SMALLEST_SHARE = 0.1  # of its fair share of the flat area: faces drawn smaller would starve
STRETCH_ROUNDS = 10


def is_disk(corners: np.ndarray) -> bool:
    """Whether triangles (C, 3), with every hole but the largest closed, are one sheet with one rim."""
    loops = _rims(corners)
    if not loops:
        return False
    edges = np.unique(np.sort(corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    return corners.max() + 1 - len(edges) + len(corners) + len(loops) - 1 == 1  # Euler's formula


def flatten(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N, 2) a map of a disk (N, 3) to the plane, injective, with the disk's own area.

    Conformal maps (Levy et al. 2002) keep shapes; where one folds, overlaps itself or starves a face, Tutte's
    embedding (1963) in a circle takes over, which cannot.
    """
    rim, closed_points, closed = _close_holes(points, corners)
    flat = _conformal(closed_points, closed)
    if not (_unfolded(flat, closed_points, closed) and _simple(flat[rim])):
        flat = _tutte(closed_points, closed, rim)
    area = np.abs(_areas(flat[: len(points)], corners)).sum()
    return flat[: len(points)] * np.sqrt(_areas_3d(points, corners).sum() / area)


def _rims(corners: np.ndarray) -> list[np.ndarray]:
    """The loops of boundary vertices, longest (most vertices) first; each vertex is on one loop at most."""
    edges = corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    size = corners.max() + 1
    twins = set((edges[:, 1] * size + edges[:, 0]).tolist())
    following = {int(a): int(b) for a, b in edges if int(a * size + b) not in twins}
    loops = []
    while following:
        start, vertex = min(following), -1
        loop = [start]
        while (vertex := following.pop(loop[-1])) != start:
            loop.append(vertex)
        loops.append(np.array(loop))
    return sorted(loops, key=lambda loop: (-len(loop), loop[0]))


def _close_holes(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The outer rim, and the piece with a fan of new faces in every hole."""
    rim, *holes = _rims(corners)
    for hole in holes:
        centre = np.full(len(hole), len(points))
        fan = np.stack((np.roll(hole, -1), hole, centre), axis=1)
        points = np.concatenate((points, points[hole].mean(0, keepdims=True)))
        corners = np.concatenate((corners, fan))
    return rim, points, corners


def _conformal(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Least-squares conformal map, the two vertices farthest apart along the longest axis pinned."""
    edge1, edge2 = (
        points[corners[:, 1]] - points[corners[:, 0]],
        points[corners[:, 2]] - points[corners[:, 0]],
    )
    length = np.maximum(np.linalg.norm(edge1, axis=1), 1e-12)
    along = (edge2 * edge1).sum(1) / length
    across = np.maximum(np.linalg.norm(np.cross(edge1, edge2), axis=1) / length, 1e-9)
    local = np.stack(
        (np.zeros_like(length), length, along + 1j * across), axis=1
    )  # each face in its own plane
    sides = np.roll(local, -2, axis=1) - np.roll(local, -1, axis=1)
    sides /= np.sqrt(length * across)[:, None]
    rows = np.repeat(np.arange(len(corners)), 3)
    matrix = scipy.sparse.csr_matrix(
        (sides.ravel(), (rows, corners.ravel())), shape=(len(corners), len(points))
    )
    axis = np.ptp(points, axis=0).argmax()
    pins = [int(points[:, axis].argmin()), int(points[:, axis].argmax())]
    free = np.setdiff1d(np.arange(len(points)), pins)
    pinned = np.array([0.0, np.linalg.norm(points[pins[1]] - points[pins[0]])])
    normal = (matrix[:, free].conj().T @ matrix[:, free]).tocsc()
    solution = np.zeros(len(points), complex)
    solution[pins] = pinned
    solution[free] = spsolve(normal, -(matrix[:, free].conj().T @ (matrix[:, pins] @ pinned)))
    return np.stack((solution.real, solution.imag), axis=1)


def _tutte(points: np.ndarray, corners: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """Rim on a circle by length, every other vertex at a weighted mean of its neighbours.

    Any positive weights give an injective map (Floater 1997). They start as mean value coordinates (Floater
    2003) and are then divided by their neighbour's stretch, round after round (Yoshizawa et al. 2004), which
    evens out how many texels a face gets.
    """
    steps = np.linalg.norm(points[np.roll(rim, -1)] - points[rim], axis=1)
    angle = 2 * np.pi * np.concatenate(([0], np.cumsum(steps)[:-1])) / steps.sum()
    fixed = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    rows, columns, weights = _mean_value_weights(points, corners)
    flat = _solve(rows, columns, weights, rim, fixed, len(points))
    best, least = flat, np.inf
    for _ in range(STRETCH_ROUNDS):
        stretch = _vertex_stretch(flat, points, corners)
        if (worst := stretch.max()) >= least:
            break
        best, least = flat, worst
        weights = weights / stretch[columns]
        flat = _solve(rows, columns, weights, rim, fixed, len(points))
    return best


def _mean_value_weights(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns, values of the neighbours' weights: sums of tan(half an angle at the vertex) / length."""
    rows, columns, values = [], [], []
    for k in range(3):
        vertex, ahead, behind = (corners[:, (k + step) % 3] for step in range(3))
        a, b = points[ahead] - points[vertex], points[behind] - points[vertex]
        length_a, length_b = (np.maximum(np.linalg.norm(edge, axis=1), 1e-9) for edge in (a, b))
        cosine = np.clip((a * b).sum(1) / (length_a * length_b), -0.999, 1.0)
        half_tangent = np.sqrt((1 - cosine) / (1 + cosine)) + 1e-6
        rows += [vertex, vertex]
        columns += [ahead, behind]
        values += [half_tangent / length_a, half_tangent / length_b]
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)


def _solve(
    rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, rim: np.ndarray, fixed: np.ndarray, size: int
) -> np.ndarray:
    matrix = scipy.sparse.csr_matrix((weights, (rows, columns)), shape=(size, size))
    matrix = scipy.sparse.diags(1 / np.asarray(matrix.sum(1)).ravel()) @ matrix
    flat = np.zeros((size, 2))
    flat[rim] = fixed
    free = np.setdiff1d(np.arange(size), rim)
    if len(free):
        system = (scipy.sparse.identity(len(free)) - matrix[free][:, free]).tocsc()
        flat[free] = spsolve(system, matrix[free][:, rim] @ fixed).reshape(-1, 2)
    return flat


def _vertex_stretch(flat: np.ndarray, points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N,) root mean square stretch of the faces around each vertex (Sander et al. 2001), 1 on average."""
    areas, real = np.maximum(_areas(flat, corners), 1e-15), _areas_3d(points, corners)
    s, t = flat[corners][..., 0], flat[corners][..., 1]
    q = points[corners]
    across = np.roll(t, -1, 1) - np.roll(t, -2, 1)
    along = np.roll(s, -2, 1) - np.roll(s, -1, 1)
    by_s = (q * across[..., None]).sum(1) / (2 * areas)[:, None]
    by_t = (q * along[..., None]).sum(1) / (2 * areas)[:, None]
    squared = 0.5 * ((by_s**2).sum(1) + (by_t**2).sum(1))
    share = np.repeat(real, 3)
    total = np.bincount(corners.ravel(), share * np.repeat(squared, 3), len(flat))
    around = np.bincount(corners.ravel(), share, len(flat))
    return np.sqrt(total / around) / np.sqrt((real * squared).sum() / real.sum())


def _unfolded(flat: np.ndarray, points: np.ndarray, corners: np.ndarray) -> bool:
    """Every face drawn the right way round and with a share of the area."""
    areas, real = _areas(flat, corners), _areas_3d(points, corners)
    return bool((areas / areas.sum() > SMALLEST_SHARE * real / real.sum()).all())


def _simple(loop: np.ndarray) -> bool:
    """Whether a closed polygon (N, 2) crosses itself nowhere."""
    start, end = loop, np.roll(loop, -1, axis=0)

    def side(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> np.ndarray:
        ab, ap = b - a, p[None] - a[:, None]
        return ab[:, None, 0] * ap[..., 1] - ab[:, None, 1] * ap[..., 0]

    crosses = side(start, end, start) * side(start, end, end) < 0
    crosses &= crosses.T
    return not crosses.any()


def _areas(flat: np.ndarray, corners: np.ndarray) -> np.ndarray:
    a, b, c = (flat[corners[:, k]] for k in range(3))
    return 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


def _areas_3d(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    a, b, c = (points[corners[:, k]] for k in range(3))
    return np.maximum(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1), 1e-12)
