"""Cutting faces at the near plane, so that those partly behind the camera can be rasterized.

Case names and winding follow PyTorch3D: a face with two corners behind the plane keeps one smaller triangle, a
face with one corner behind it keeps a quadrilateral, cut into two *siblings*.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smpl_fitting.geometry.settings import PackedFaces


@dataclass(frozen=True)
class ClippedFaces:
    """Faces in front of the near plane and the way back to those they were cut from.

    Attributes:
        faces: what is left, F' faces.
        original: ``(F',)`` int64, the face that each was cut from.
        to_original: ``(F', 3, 3)``; ``to_original[f] @ bary`` turns barycentrics of the part into those of
            the whole.
    """

    faces: PackedFaces
    original: Tensor
    to_original: Tensor

    def restore(self, pix_to_face: Tensor, bary_coords: Tensor) -> tuple[Tensor, Tensor]:
        """Hits on the parts as hits on the faces they were cut from.

        Args:
            pix_to_face: ``(N, H, W, K)`` rows of ``faces``, -1 where nothing is hit.
            bary_coords: ``(N, H, W, K, 3)``.
        """
        hit = pix_to_face >= 0
        part = pix_to_face[hit]
        pix_to_face = pix_to_face.masked_scatter(hit, self.original[part])
        whole = (self.to_original[part] @ bary_coords[hit][..., None])[..., 0]
        return pix_to_face, bary_coords.index_put((hit,), whole)


def clip_faces(faces: PackedFaces, z_clip_value: float, perspective_correct: bool) -> ClippedFaces | None:
    """Cut faces at ``z = z_clip_value``; differentiable in the vertices.

    Args:
        faces: corners with x and y in NDC, already divided by depth, and z in metres.
        z_clip_value: depth of the plane, above 0.
        perspective_correct: whether x and y were divided by z, so that a straight line in them is not one in z.

    Returns:
        ``None`` when no corner lies behind the plane.
    """
    behind = faces.vertices[..., 2] < z_clip_value
    count = behind.sum(-1)
    if not bool(behind.any()):
        return None
    parts = torch.tensor([1, 2, 1, 0], device=count.device)[count]
    original = torch.repeat_interleave(torch.arange(len(parts), device=parts.device), parts)
    first = torch.ones_like(original, dtype=torch.bool)
    first[1:] = original[1:] != original[:-1]
    second = ~first

    weights = _corner_weights(faces.vertices, behind, z_clip_value)[original]
    # (F', 3 corners of the part, 3 weights of the whole's corners)
    one, two = (count == 1)[original], (count == 2)[original]
    corners = torch.eye(3, dtype=weights.dtype, device=weights.device).expand(len(original), 3, 3)
    corners = _choose(one & first, weights[:, [3, 1, 4]], corners)
    corners = _choose(one & second, weights[:, [4, 1, 2]], corners)
    corners = _choose(two, weights[:, [3, 4, 0]], corners)

    vertices = faces.vertices[original]
    cut = _interpolate(corners, vertices, perspective_correct)
    vertices = _choose(one | two, cut, vertices)

    sibling = torch.full_like(original, -1)
    sibling[second.nonzero()[:, 0]] = second.nonzero()[:, 0] - 1
    sibling[second.nonzero()[:, 0] - 1] = second.nonzero()[:, 0]
    return ClippedFaces(
        faces=PackedFaces(vertices, faces.mesh_index[original], sibling, faces.mesh_count),
        original=original,
        to_original=corners.transpose(1, 2),
    )


def _corner_weights(vertices: Tensor, behind: Tensor, z_clip_value: float) -> Tensor:
    """The points a part may have for corners, as weights ``(F, 5, 3)`` of the face's own corners.

    Points 0, 1, 2 are the corner that is alone on its side of the plane and the two that follow it; points 3
    and 4 are where the edges 0-1 and 0-2 meet the plane.
    """
    alone = torch.where((behind.sum(-1) == 1)[:, None], behind, ~behind).int().argmax(-1)
    order = (alone[:, None] + torch.arange(3, device=alone.device)) % 3
    z = vertices[..., 2].gather(1, order)
    basis = torch.eye(3, dtype=vertices.dtype, device=vertices.device)[order]

    def crossing(k: int) -> Tensor:
        span = z[:, 0] - z[:, k]
        t = (z[:, 0] - z_clip_value) / torch.where(span == 0, torch.ones_like(span), span)
        return basis[:, 0] * (1 - t)[:, None] + basis[:, k] * t[:, None]

    return torch.stack([basis[:, 0], basis[:, 1], basis[:, 2], crossing(1), crossing(2)], dim=1)


def _interpolate(corners: Tensor, vertices: Tensor, perspective_correct: bool) -> Tensor:
    """``(F', 3, 3)`` positions of the weighted corners; weights are linear in space, not in the picture."""
    z = corners @ vertices[..., 2:]
    if perspective_correct:
        xy = corners @ (vertices[..., :2] * vertices[..., 2:]) / z
    else:
        xy = corners @ vertices[..., :2]
    return torch.cat([xy, z], dim=-1)


def _choose(mask: Tensor, chosen: Tensor, other: Tensor) -> Tensor:
    return torch.where(mask[:, None, None], chosen, other)
