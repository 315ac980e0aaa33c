"""Cutting faces at the near plane, so that those partly behind the camera can be rasterized.

Parts and their winding follow PyTorch3D: a face with two corners behind the plane keeps one smaller triangle,
a face with one corner behind it keeps a quadrilateral, which becomes two *siblings*.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smpl_fitting.geometry.settings import PackedFaces

# Corners of the parts of a face, by what is left of it, as numbers of the points of `_points`.
_WHOLE, _FIRST_HALF, _SECOND_HALF, _TIP = range(4)
_PART_CORNERS = ((0, 1, 2), (3, 1, 4), (4, 1, 2), (3, 4, 0))


@dataclass(frozen=True)
class ClippedFaces:
    """Faces in front of the near plane and the way back to those they were cut from.

    Attributes:
        faces: what is left, F' faces.
        original: ``(F',)`` int64, the face that each was cut from.
        corner_weights: ``(F', 3, 3)``, row k the barycentrics of the part's corner k in the whole face.
    """

    faces: PackedFaces
    original: Tensor
    corner_weights: Tensor

    def restore(self, pix_to_face: Tensor, bary_coords: Tensor) -> tuple[Tensor, Tensor]:
        """Hits on the parts as hits on the faces they were cut from.

        Args:
            pix_to_face: ``(N, H, W, K)`` rows of ``faces``, -1 where nothing is hit.
            bary_coords: ``(N, H, W, K, 3)``.
        """
        hit = pix_to_face >= 0
        part = pix_to_face[hit]
        bary, weights = bary_coords[hit], self.corner_weights[part]
        whole = bary[:, :1] * weights[:, 0] + bary[:, 1:2] * weights[:, 1] + bary[:, 2:] * weights[:, 2]
        return pix_to_face.index_put((hit,), self.original[part]), bary_coords.index_put((hit,), whole)


def clip_faces(faces: PackedFaces, z_clip_value: float, perspective_correct: bool) -> ClippedFaces | None:
    """Cut faces at ``z = z_clip_value``; differentiable in the vertices.

    Args:
        faces: corners with x and y in NDC and z in metres.
        z_clip_value: depth of the plane, above 0.
        perspective_correct: whether x and y were divided by z, so that they are not linear along an edge.

    Returns:
        ``None`` when no corner lies behind the plane.
    """
    behind = faces.vertices[..., 2] < z_clip_value
    if not bool(behind.any()):
        return None
    device = behind.device
    count = behind.sum(-1)
    parts = torch.tensor([1, 2, 1, 0], device=device)[count]
    original = torch.repeat_interleave(torch.arange(len(parts), device=device), parts)
    # The second half of a face follows the first.
    second = torch.zeros_like(original, dtype=torch.bool)
    second[1:] = original[1:] == original[:-1]
    kind = torch.tensor([_WHOLE, _FIRST_HALF, _TIP], device=device)[count[original]]
    kind = kind.masked_fill(second, _SECOND_HALF)
    corners = torch.tensor(_PART_CORNERS, device=device)[kind][..., None].expand(-1, -1, 3)

    points, weights = _points(faces.vertices, behind, z_clip_value, perspective_correct)
    sibling = torch.full_like(original, -1)
    later = second.nonzero()[:, 0]
    sibling[later], sibling[later - 1] = later - 1, later
    return ClippedFaces(
        faces=PackedFaces(
            vertices=points[original].gather(1, corners),
            mesh_index=faces.mesh_index[original],
            sibling=sibling,
            mesh_count=faces.mesh_count,
        ),
        original=original,
        corner_weights=weights[original].gather(1, corners),
    )


def _points(
    vertices: Tensor, behind: Tensor, z_clip_value: float, perspective_correct: bool
) -> tuple[Tensor, Tensor]:
    """The five points that a part may have for corners, and their barycentrics, both ``(F, 5, 3)``.

    Points 0, 1, 2 are the corner that is alone on its side of the plane and the two that follow it (the
    corners as they are in a face that is not cut); points 3 and 4 are where the edges 0-1 and 0-2 meet the
    plane.
    """
    alone = torch.where((behind.sum(-1) == 1)[:, None], behind, ~behind).int().argmax(-1)
    order = (alone[:, None] + torch.arange(3, device=alone.device)) % 3
    corners = vertices.gather(1, order[..., None].expand(-1, -1, 3))
    weights = torch.eye(3, dtype=vertices.dtype, device=vertices.device)[order]

    def crossing(k: int) -> tuple[Tensor, Tensor]:
        start, end = corners[:, 0], corners[:, k]
        span = start[:, 2:] - end[:, 2:]
        # Faces that are not cut may have no span; their crossings are not used.
        t = (start[:, 2:] - z_clip_value) / torch.where(span == 0, torch.ones_like(span), span)
        point = start * (1 - t) + end * t
        if perspective_correct:
            in_space = start[:, :2] * start[:, 2:] * (1 - t) + end[:, :2] * end[:, 2:] * t
            point = torch.cat([in_space / z_clip_value, point[:, 2:]], dim=-1)
        return point, weights[:, 0] * (1 - t) + weights[:, k] * t

    point3, weights3 = crossing(1)
    point4, weights4 = crossing(2)
    return (
        torch.cat([corners, point3[:, None], point4[:, None]], dim=1),
        torch.cat([weights, weights3[:, None], weights4[:, None]], dim=1),
    )
