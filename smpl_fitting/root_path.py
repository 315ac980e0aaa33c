"""The body's way through the world, told by the feet: while a foot stands, the body moves about it.

A monocular fit finds each frame's depth by itself, so the root wanders along the line of sight. WHAM (Shin et
al. 2024) and GVHMR (Shen et al. 2024) mend the path from the velocity of planted feet; here the whole path and
the places of all footsteps are one linear least-squares problem.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from smpl_fitting.contacts import shots

PLANTED_SPREAD = 0.04  # metres that a planted sole strays from its place, by errors of the pose
ACROSS_SPREAD = 0.01  # metres of the root's own error across the line of sight
DEPTH_SPREAD = 0.04  # and along it
ASTRAY = 0.3  # metres by which a contact may be off its place and still be believed
ROBUST_PASSES = 3
STEP_UP = 0.15  # metres: who stands higher than this stands on something else than the ground
SWAY_SPREAD = 1.0  # m/s^2 that the correction may accelerate


def steady_root(
    soles: np.ndarray,
    contacts: np.ndarray,
    fps: float,
    *,
    view: np.ndarray | None = None,
    cuts: Sequence[int] | np.ndarray = (),
) -> np.ndarray:
    """How to move the body in each frame so that planted feet stay and stand on the ground.

    Minimises, over the corrections ``p_t`` and one place ``a_k`` for each contact: the planted soles' distance
    from their places, the corrections' size (large along the line of sight, small across it) and their
    acceleration.

    Args:
        soles: (T, 4, 3) metres, Z-up, the ground at 0. contacts: (T, 4) in [0, 1].
        view: (3,) or (T, 3) line of sight in the same axes; without it all directions err alike.
        cuts: rows at which a new shot begins; nothing is carried across them.

    Returns:
        (T, 3) metres to add to the body's translation.
    """
    soles = np.asarray(soles, np.float64)
    shift = np.zeros((len(soles), 3))
    sight = None if view is None else np.broadcast_to(np.asarray(view, np.float64), shift.shape)
    for shot in shots(len(soles), cuts):
        shift[shot] = _solve(soles[shot], contacts[shot], fps, None if sight is None else sight[shot])
    return shift


def intervals(contacts: np.ndarray, cuts: Sequence[int] | np.ndarray = ()) -> np.ndarray:
    """(K, 3) int64 rows of (point, start, stop) of the stretches in which contacts (T, N) exceed one half."""
    found = []
    for shot in shots(len(contacts), cuts):
        change = np.diff((contacts[shot] > 0.5).T.astype(np.int8), axis=1, prepend=0, append=0)
        point, start = np.nonzero(change == 1)
        stop = np.nonzero(change == -1)[1]
        found.append(np.stack([point, start + shot.start, stop + shot.start], axis=1))
    return np.concatenate(found)


def place_heights(soles: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(K,) the ground's height at each contact: 0, or the soles' own where that is a step or a box."""
    heights = np.array([np.median(soles[start:stop, point, 2]) for point, start, stop in steps])
    return np.where(heights > STEP_UP, heights, 0.0)


def _solve(soles: np.ndarray, contacts: np.ndarray, fps: float, view: np.ndarray | None) -> np.ndarray:
    steps = intervals(contacts)
    frames = len(soles)
    if len(steps) == 0:
        return np.zeros((frames, 3))
    # rows: planted soles; unknowns: T corrections, then K places; each with x, y, z
    spans = [np.arange(start, stop) for _, start, stop in steps]
    row_frame = np.concatenate(spans)
    lengths = steps[:, 2] - steps[:, 1]
    row_step = np.repeat(np.arange(len(steps)), lengths)
    row_point = np.repeat(steps[:, 0], lengths)
    rows = np.arange(len(row_frame))
    planted = sparse.csr_matrix((np.ones(len(rows)), (rows, row_frame)), (len(rows), frames))
    places = sparse.csr_matrix((-np.ones(len(rows)), (rows, row_step)), (len(rows), len(steps)))
    observed = soles[row_frame, row_point]

    flat = sparse.hstack([planted, places]).tocsr()
    level = sparse.hstack([planted, sparse.csr_matrix(places.shape)]).tocsr()  # heights are known
    heights = place_heights(soles, steps)[row_step]
    columns = [flat, flat, level]
    targets = np.stack([-observed[:, 0], -observed[:, 1], heights - observed[:, 2]], 1)
    unknowns = frames + len(steps)
    prior = [[_grown(block, unknowns) for block in row] for row in _prior(frames, fps, view)]
    # a place's height is in no row: keep the matrix regular
    regular = 1e-6 * sparse.identity(3 * unknowns, format="csc")
    middle = np.array([np.median(soles[start:stop, point], axis=0) for point, start, stop in steps])
    astray = np.linalg.norm((observed - middle[row_step])[:, :2], axis=1)
    for _ in range(ROBUST_PASSES):
        # Geman and McClure's weights: what does not stay is no contact, and must not drag the body along
        believed = contacts[row_frame, row_point] / PLANTED_SPREAD**2 / (1 + (astray / ASTRAY) ** 2) ** 2
        blocks = [list(row) for row in prior]
        for axis, column in enumerate(columns):
            blocks[axis][axis] = blocks[axis][axis] + column.T @ sparse.diags(believed) @ column
        right = np.concatenate([column.T @ (believed * targets[:, i]) for i, column in enumerate(columns)])
        solution = splu(sparse.bmat(blocks, format="csc") + regular).solve(right).reshape(3, unknowns).T
        astray = np.linalg.norm(
            np.stack([column @ solution[:, i] for i, column in enumerate(columns)], 1) - targets, axis=1
        )
    return solution[:frames]


def _prior(frames: int, fps: float, view: np.ndarray | None) -> list[list[sparse.spmatrix]]:
    """3 x 3 blocks (T, T): precision of the corrections, of their size and of their acceleration."""
    if view is None:
        precision = np.broadcast_to(np.eye(3) / DEPTH_SPREAD**2, (frames, 3, 3))
    else:
        along = view / np.maximum(np.linalg.norm(view, axis=1, keepdims=True), 1e-9)
        outer = along[:, :, None] * along[:, None]
        precision = np.eye(3) / ACROSS_SPREAD**2 + outer * (1 / DEPTH_SPREAD**2 - 1 / ACROSS_SPREAD**2)
    smooth = sparse.csr_matrix((frames, frames))
    if frames > 2:
        bend = sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(frames - 2, frames)) * fps**2
        smooth = bend.T @ bend / SWAY_SPREAD**2
    return [
        [sparse.diags(precision[:, i, j]) + (smooth if i == j else 0 * smooth) for j in range(3)]
        for i in range(3)
    ]


def _grown(matrix: sparse.spmatrix, size: int) -> sparse.spmatrix:
    """The square matrix with zero rows and columns added at its end."""
    grown = sparse.csr_matrix(matrix)
    grown.resize((size, size))
    return grown
