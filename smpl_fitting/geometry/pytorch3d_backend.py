"""Rasterization by PyTorch3D's own extension."""

from __future__ import annotations

import math

import torch
from pytorch3d import _C

from smpl_fitting.geometry.settings import PackedFaces, RasterOutput, RasterSettings


def rasterize_faces(faces: PackedFaces, settings: RasterSettings) -> RasterOutput:
    """Hits of ``faces``, numbered as they come; nothing is recorded for gradients.

    The extension is called as ``pytorch3d.renderer.mesh.rasterize_meshes`` calls it, with faces that are
    packed already, since a mesh object cannot carry the parts of faces cut at the near plane.
    """
    counts = torch.bincount(faces.mesh_index, minlength=faces.mesh_count)
    face_vertices = faces.vertices.detach().float().contiguous()
    return _C.rasterize_meshes(
        face_vertices,
        counts.cumsum(0) - counts,
        counts,
        faces.sibling,
        settings.image_size,
        settings.blur_radius,
        settings.faces_per_pixel,
        _bin_size(settings.image_size) if face_vertices.is_cuda else 0,
        max(int(counts.max()), 1),  # room for all faces in every bin, so that none is lost
        settings.perspective_correct,
        settings.clip_barycentric_coords,
        settings.cull_backfaces,
    )


def _bin_size(image_size: tuple[int, int]) -> int:
    """Side in pixels of the bins that faces are sorted into on a GPU, PyTorch3D's own choice."""
    largest = max(image_size)
    return 8 if largest <= 64 else 2 ** max(math.ceil(math.log2(largest)) - 4, 4)
