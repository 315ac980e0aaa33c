"""A texture space for bodies that come without one: front and back of every part, flattened and packed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from smpl_fitting.body.flatten import flatten, is_disk
from smpl_fitting.body.names import PART_NAMES

MARGIN = 0.004  # around each chart, of the texture's side: 4 texels of 1024
FINER = {"head": 1.5, "left_hand": 1.3, "right_hand": 1.3}  # than the rest, in texels per metre
LEVEL = ("left_hand", "right_hand", "left_foot", "right_foot")  # cut into above and below, not front and back
SHRINK = 0.98  # of all charts, until they fit


@dataclass(frozen=True)
class Chart:
    faces: np.ndarray  # (C,) face ids
    corners: np.ndarray  # (C, 3) into flat
    flat: np.ndarray  # (N, 2) from 0 on, in metres times the part's fineness


def unwrap(points: np.ndarray, faces: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates in which no two faces overlap.

    Every part is cut into front and back (hands and feet: above and below), each piece is flattened, and the
    flat pieces are packed in rows. Deterministic.

    Args:
        points: (V, 3) at rest, faces: (F, 3), parts: (F,) into PART_NAMES.

    Returns:
        (U, 2) coordinates in [0, 1], v up, and (F, 3) the faces' corners among them.
    """
    charts = []
    waiting = _pieces(points, faces, parts)
    while waiting:
        piece = waiting.pop()
        vertices, corners = _local(faces[piece])
        if is_disk(corners):
            fineness = FINER.get(PART_NAMES[parts[piece[0]]], 1.0)
            charts.append(Chart(piece, corners, _upright(flatten(points[vertices], corners), fineness)))
        else:
            waiting += _halves(points, faces, piece)
    return _pack(charts, len(faces))


def _pieces(points: np.ndarray, faces: np.ndarray, parts: np.ndarray) -> list[np.ndarray]:
    """Face ids of each connected piece of one part and one side."""
    edges = points[faces[:, 1:]] - points[faces[:, :1]]
    normals = np.cross(edges[:, 0], edges[:, 1])
    first, second = _neighbours(faces)
    for _ in range(6):  # smoothed, so that the cut runs straight
        total = normals.copy()
        np.add.at(total, first, normals[second])
        np.add.at(total, second, normals[first])
        normals = total
    level = np.isin(parts, [PART_NAMES.index(name) for name in LEVEL])
    side = np.where(level, normals[:, 1] >= 0, normals[:, 2] >= 0)
    return _connected(faces, np.arange(len(faces)), parts.astype(np.int64) * 2 + side)


def _connected(faces: np.ndarray, among: np.ndarray, group: np.ndarray) -> list[np.ndarray]:
    """The faces ``among`` in pieces that share edges and the number of their ``group``."""
    first, second = _neighbours(faces[among])
    same = group[first] == group[second]
    links = (np.ones(int(same.sum())), (first[same], second[same]))
    graph = scipy.sparse.coo_matrix(links, shape=(len(among), len(among)))
    count, label = connected_components(graph, directed=False)
    return [among[label == piece] for piece in range(count)]


def _halves(points: np.ndarray, faces: np.ndarray, piece: np.ndarray) -> list[np.ndarray]:
    """A piece that does not unroll (closed, or with a handle) cut across its longest side."""
    centres = points[faces[piece]].mean(1)
    axis = np.ptp(centres, axis=0).argmax()
    return _connected(faces, piece, (centres[:, axis] > np.median(centres[:, axis])).astype(np.int64))


def _neighbours(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of faces that share an edge."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    order = np.lexsort(edges.T)
    twin = (edges[order[1:]] == edges[order[:-1]]).all(1)
    return order[:-1][twin] // 3, order[1:][twin] // 3


def _local(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertex ids (N,) and corners (C, 3) among them; a vertex where a piece only touches itself comes twice.

    Corners belong together where their faces share an edge at that vertex.
    """
    first, second = _neighbours(faces)
    flat = faces.ravel()
    links = []
    for corner in range(3):
        for other in range(3):
            same = faces[first, corner] == faces[second, other]
            links.append(np.stack((first[same] * 3 + corner, second[same] * 3 + other)))
    rows, columns = np.concatenate(links, axis=1)
    graph = scipy.sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(flat), len(flat)))
    count, label = connected_components(graph, directed=False)
    vertices = np.empty(count, np.int64)
    vertices[label] = flat
    return vertices, label.reshape(-1, 3).astype(np.int64)


def _upright(flat: np.ndarray, fineness: float) -> np.ndarray:
    """A flat piece (N, 2) with its longest direction upright and its lower left corner at zero."""
    centred = flat - flat.mean(0)
    axes = np.linalg.eigh(centred.T @ centred)[1]
    axes *= np.sign(np.linalg.det(axes)) ** np.arange(2)  # turned, not mirrored
    turned = centred @ axes
    return (turned - turned.min(0)) * fineness


def _pack(charts: list[Chart], num_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """All charts in rows, highest first, as large as they fit into the unit square."""
    charts = sorted(charts, key=lambda chart: (-chart.flat[:, 1].max(), chart.faces[0]))
    sizes = np.array([chart.flat.max(0) for chart in charts])
    scale = 0.98 / max(sizes.max(), np.sqrt(sizes.prod(1).sum()))
    while (places := _rows(sizes * scale + 2 * MARGIN)) is None:
        scale *= SHRINK
    faces_uv, start = np.empty((num_faces, 3), np.int64), 0
    for chart in charts:
        faces_uv[chart.faces] = chart.corners + start
        start += len(chart.flat)
    pieces = [chart.flat * scale + place + MARGIN for chart, place in zip(charts, places, strict=True)]
    return np.concatenate(pieces), faces_uv


def _rows(sizes: np.ndarray) -> list[tuple[float, float]] | None:
    """Lower left corners of boxes (width, height) sorted by height, row on row; None if they overflow."""
    places, x, y, height = [], 0.0, 0.0, 0.0
    for width, tall in sizes:
        if x + width > 1:
            x, y, height = 0.0, y + height, 0.0
        if width > 1 or y + tall > 1:
            return None
        places.append((x, y))
        x, height = x + width, max(height, tall)
    return places
