"""What a pixel sees of a face, in torch: the differentiable twin of the rasterizer kernel.

The formulas and their order are those of ``warp_kernels``, so the values agree bit for bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smpl_fitting.geometry.settings import RasterSettings

_EPSILON = 1e-8


def describe_hits(
    face_vertices: Tensor, pix_to_face: Tensor, settings: RasterSettings
) -> tuple[Tensor, Tensor, Tensor]:
    """Depth, barycentrics and signed squared distances of known hits, differentiable in the vertices.

    Args:
        face_vertices: ``(F, 3, 3)`` corners in NDC.
        pix_to_face: ``(N, H, W, K)`` int64, -1 where nothing is hit.
        settings: those of the rasterization that found the hits.

    Returns:
        zbuf ``(N, H, W, K)``, bary_coords ``(N, H, W, K, 3)`` and dists ``(N, H, W, K)``, -1 where nothing is
        hit.
    """
    hit = pix_to_face >= 0
    picture, row, column, layer = hit.nonzero(as_tuple=True)
    corners = face_vertices[pix_to_face[hit]]
    x, y = settings.pixel_axes(corners.dtype, corners.device)
    p = torch.stack([x[column], y[row]], dim=-1)
    bary = barycentrics(p, corners, settings.perspective_correct)
    inside = (bary > 0).all(-1)
    if settings.clip_barycentric_coords:
        bary = clip_barycentrics(bary)
    depth = _sum3(bary * corners[..., 2])
    distance = squared_distance(p, corners)
    distance = torch.where(inside, -distance, distance)

    index = (picture, row, column, layer)
    empty = torch.full(pix_to_face.shape, -1.0, dtype=corners.dtype, device=corners.device)
    return (
        empty.index_put(index, depth),
        empty[..., None].expand(*empty.shape, 3).index_put(index, bary),
        empty.index_put(index, distance),
    )


def barycentrics(p: Tensor, corners: Tensor, perspective_correct: bool) -> Tensor:
    """``(M, 3)`` barycentrics of points ``(M, 2)`` in triangles ``(M, 3, 3)``, all NDC."""
    v0, v1, v2 = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (_edge(v2, v0, v1).double() + _EPSILON).to(corners.dtype)
    weights = [_edge(p, v1, v2) / area, _edge(p, v2, v0) / area, _edge(p, v0, v1) / area]
    if perspective_correct:
        z0, z1, z2 = v0[:, 2], v1[:, 2], v2[:, 2]
        tops = [weights[0] * z1 * z2, weights[1] * z0 * z2, weights[2] * z0 * z1]
        # Beyond the horizon of the face's plane the sum is negative.
        total = (tops[0] + tops[1] + tops[2]).clamp(min=_EPSILON)
        weights = [top / total for top in tops]
    return torch.stack(weights, dim=-1)


def clip_barycentrics(bary: Tensor) -> Tensor:
    """Negative barycentrics ``(M, 3)`` set to 0 and the rest scaled to the sum 1."""
    positive = bary.clamp(min=0)
    return positive / _sum3(positive).clamp(min=1e-5)[:, None]


def squared_distance(p: Tensor, corners: Tensor) -> Tensor:
    """``(M,)`` squared distances of points ``(M, 2)`` to the nearest edge of triangles ``(M, 3, 3)``."""
    a, b, c = corners[:, 0, :2], corners[:, 1, :2], corners[:, 2, :2]
    nearest = torch.minimum(_squared_distance_to_segment(p, a, b), _squared_distance_to_segment(p, a, c))
    return torch.minimum(nearest, _squared_distance_to_segment(p, b, c))


def _squared_distance_to_segment(p: Tensor, a: Tensor, b: Tensor) -> Tensor:
    along_segment = b - a
    length = _sum2(along_segment * along_segment)
    point_like = length.double() <= _EPSILON
    length = torch.where(point_like, torch.ones_like(length), length)
    t = (_sum2(along_segment * (p - a)) / length).clamp(0, 1)
    to_segment = p - (a + t[:, None] * along_segment)
    to_end = p - b
    return torch.where(point_like, _sum2(to_end * to_end), _sum2(to_segment * to_segment))


def _edge(p: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return (p[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1]) - (p[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])


def _sum2(values: Tensor) -> Tensor:
    return values[:, 0] + values[:, 1]


def _sum3(values: Tensor) -> Tensor:
    """Left to right, which ``Tensor.sum`` does not promise."""
    return values[:, 0] + values[:, 1] + values[:, 2]
