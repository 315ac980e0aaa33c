"""Attributes of triangle meshes: normals, and values carried from vertices to pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from smpl_fitting.geometry.rasterize import Fragments


def face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals ``(*, F, 3)`` of faces ``(F, 3)``; outward where faces are counter-clockwise from outside.

    Args:
        vertices: ``(*, V, 3)``.
        faces: ``(F, 3)`` vertex numbers.

    Returns:
        zero for faces without area.
    """
    return torch.nn.functional.normalize(_scaled_face_normals(vertices, faces), dim=-1)


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals ``(*, V, 3)``: the mean of the adjoining faces' normals, weighted by their areas.

    Args:
        vertices: ``(*, V, 3)``.
        faces: ``(F, 3)`` vertex numbers.

    Returns:
        zero for vertices without faces.
    """
    normals = _scaled_face_normals(vertices, faces)
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total = total.index_add(-2, faces[:, corner].long(), normals)
    return torch.nn.functional.normalize(total, dim=-1)


def interpolate(fragments: Fragments, faces: Tensor, attributes: Tensor) -> Tensor:
    """Values of the vertices as the pixels see them, linear on each face; differentiable.

    Args:
        fragments: what ``rasterize`` returned for ``F`` faces.
        faces: ``(F, 3)`` rows of ``attributes`` for each face's corners: the mesh's own faces, or
            ``faces_uv`` with texture coordinates.
        attributes: ``(V, C)``.

    Returns:
        ``(H, W, C)``, 0 where there is no mesh.

    Raises:
        ValueError: attributes are not ``(V, C)``.
    """
    if attributes.ndim != 2:
        raise ValueError(f"attributes must have the shape (V, C), got {tuple(attributes.shape)}")
    seen = fragments.mask
    corners = attributes[faces.long()[fragments.pix_to_face[seen]]]
    values = (corners * fragments.bary[seen][..., None]).sum(-2)
    empty = values.new_zeros(*seen.shape, attributes.shape[1])
    return empty.index_put((seen,), values)


def _scaled_face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Normals as long as twice the face's area."""
    a, b, c = (vertices[..., faces[:, k].long(), :] for k in range(3))
    return torch.linalg.cross(b - a, c - a, dim=-1)
