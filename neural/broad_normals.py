"""Normals of a body's broad shape, without the relief of its mesh.

The template's lips, lids and ears lie a few millimetres beside the person's own, and her folds it does not have at
all: lit by them, a photo would get dashes of light where there is nothing. What is broader than a few centimetres is
hers.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from neural.correspondence import depth_test
from neural.surface import Surface
from smpl_fitting.body.names import PART_NAMES
from smpl_fitting.geometry import Camera, rasterize, vertex_normals

_CELL = 0.012  # metres on the rest pose: patches of the mesh that are taken together first
_OWN = 0.5  # how much a vertex' own normal says of which side it is on, against the mean of all around it
_SPREAD, _REACH = 0.015, 0.032  # of the Gaussian over patches, and where it ends


# From where a head is looked at: before, aside, between, above.
_EYES = ((0.0, 0.0, 1.0), (0.7, 0.0, 0.714), (-0.7, 0.0, 0.714), (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0),
         (0.0, 0.0, -1.0))  # fmt: skip
_DISTANCE, _PIXELS, _TOLERANCE = 2.0, 256, 0.002  # metres, a side, metres
_K = torch.tensor([[1000.0, 0, 128], [0, 1000.0, 128], [0, 0, 1]])  # half a metre of the head's surroundings


class BroadNormals:
    """Means of the normals around each vertex, by area, over what lies near and faces the same side at rest."""

    def __init__(self, surface: Surface) -> None:
        self._faces = surface.faces
        rest = surface.rest.numpy()
        normals = vertex_normals(surface.rest, surface.faces).numpy()
        hidden = _inside_the_head(surface)
        self._area = torch.from_numpy(np.where(hidden, 1e-9, _areas(surface)).astype(np.float32))[:, None]
        self._patch, count = _patches(rest, normals)
        area = self._area.numpy()
        middle = _summed(rest * area, self._patch, count) / _summed(area, self._patch, count)
        facing = _summed(normals * area, self._patch, count)
        near = cKDTree(rest).sparse_distance_matrix(cKDTree(middle), _REACH, output_type="coo_matrix")
        own = np.arange(len(rest)), self._patch.numpy()  # its own patch counts, however far its middle is
        row, column = np.concatenate([near.row, own[0]]), np.concatenate([near.col, own[1]])
        away = np.concatenate([near.data, np.zeros(len(rest))])
        weight = np.exp(-(away**2) / (2 * _SPREAD**2)).astype(np.float32)
        shape = (len(rest), count)
        # what lies in the mouth goes with the face around it; of a finger's two sides each keeps to its own
        totals = np.hstack([facing, _summed(area, self._patch, count)])
        around = sparse.csr_matrix((weight, (row, column)), shape=shape) @ totals
        outward = around[:, :3] / around[:, 3:] + np.where(hidden, 0.0, _OWN)[:, None] * normals
        alike = np.einsum("nc,nc->n", outward[row], facing[column]) > 0
        self._mean = sparse.csr_matrix((weight * alike, (row, column)), shape=shape)

    def of(self, vertices: Tensor) -> Tensor:
        """(V, 3) of unit length, of the posed mesh (V, 3)."""
        weighted = vertex_normals(vertices, self._faces) * self._area
        of_patch = torch.zeros(self._mean.shape[1], 3).index_add_(0, self._patch, weighted)
        return functional.normalize(torch.from_numpy(self._mean @ of_patch.numpy()), dim=-1)


def _inside_the_head(surface: Surface) -> np.ndarray:
    """(V,) bool: vertices of the head at rest that are seen from nowhere around it: mouth, eye sockets."""
    rest, head = surface.rest, torch.zeros(len(surface.rest), dtype=torch.bool)
    head[surface.faces[surface.part_labels == PART_NAMES.index("head")].reshape(-1)] = True
    if not bool(head.any()):
        return head.numpy()
    middle = (rest[head].amax(0) + rest[head].amin(0)) / 2
    seen = torch.zeros_like(head)
    for eye in _EYES:
        R = _looking(torch.tensor(eye))
        centre = middle + _DISTANCE * torch.tensor(eye)
        view = Camera(_K, R, -R @ centre, (_PIXELS, _PIXELS))
        seen |= depth_test(rest, view, rasterize(rest, surface.faces, view).depth, _TOLERANCE)
    return (head & ~seen).numpy()


def _looking(back: Tensor) -> Tensor:
    """(3, 3) rotation of a camera that looks along -back in the Y-up body's axes."""
    up = torch.tensor([0.0, 1.0, 0.0]) if abs(float(back[1])) < 0.9 else torch.tensor([0.0, 0.0, 1.0])
    right = functional.normalize(torch.linalg.cross(-back, up), dim=0)
    return torch.stack([right, torch.linalg.cross(-back, right), -back])


def _patches(rest: np.ndarray, normals: np.ndarray) -> tuple[Tensor, int]:
    """Number (V,) of each vertex's patch, and how many there are: one cell of space, one side of what is in it."""
    side = np.abs(normals).argmax(1)
    turned = np.take_along_axis(normals, side[:, None], axis=1)[:, 0] > 0
    key = np.column_stack([np.floor(rest / _CELL).astype(np.int64), side, turned])
    unique, patch = np.unique(key, axis=0, return_inverse=True)
    return torch.from_numpy(patch.reshape(-1)), len(unique)


def _summed(values: np.ndarray, patch: Tensor, count: int) -> np.ndarray:
    """(count, C) sums of values (V, C) over patches."""
    given = torch.from_numpy(np.ascontiguousarray(values))
    return torch.zeros(count, given.shape[1], dtype=given.dtype).index_add_(0, patch, given).numpy()


def _areas(surface: Surface) -> np.ndarray:
    """(V,) a third of the faces around each vertex, square metres."""
    corners = surface.rest[surface.faces]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1) / 6
    share = area[:, None].expand(-1, 3).reshape(-1)
    area = torch.zeros(len(surface.rest)).index_add_(0, surface.faces.reshape(-1), share)
    return area.clamp(min=1e-9).numpy()
