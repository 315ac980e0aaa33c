"""Rasterization by PyTorch3D's own extension."""

from __future__ import annotations

import torch
from pytorch3d import _C
from torch import Tensor

from smpl_fitting.geometry.settings import PackedFaces, RasterSettings

# PyTorch3D sorts faces into square bins on the GPU; it allows at most 21 along a side.
_LARGEST_BIN_COUNT = 21
_SMALLEST_BIN = 8


def rasterize_faces(faces: PackedFaces, settings: RasterSettings) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Discrete rasterization with the outputs of the Warp backend; nothing is recorded for gradients.

    ``_C`` is called with packed faces, as ``pytorch3d.renderer.mesh.rasterize_meshes`` does, since a mesh object
    cannot carry the parts of faces cut at the near plane.
    """
    counts = torch.bincount(faces.mesh_index, minlength=faces.mesh_count)
    face_vertices = faces.vertices.detach().float().contiguous()
    bin_size = 0
    if face_vertices.is_cuda:
        bin_size = max(_SMALLEST_BIN, -(-max(settings.image_size) // _LARGEST_BIN_COUNT))
    return _C.rasterize_meshes(
        face_vertices,
        counts.cumsum(0) - counts,
        counts,
        faces.sibling,
        settings.image_size,
        settings.blur_radius,
        settings.faces_per_pixel,
        bin_size,
        max(int(counts.max()), 1),
        settings.perspective_correct,
        settings.clip_barycentric_coords,
        settings.cull_backfaces,
    )
