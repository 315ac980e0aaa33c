"""What a rasterizer backend is given: packed faces and the settings of one call."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RasterOutput = tuple[Tensor, Tensor, Tensor, Tensor]
"""pix_to_face int64 ``(N, H, W, K)``, zbuf ``(N, H, W, K)``, bary_coords ``(N, H, W, K, 3)`` and dists
``(N, H, W, K)``; -1 where nothing is hit."""


@dataclass(frozen=True)
class RasterSettings:
    """The keyword arguments of ``rasterize_meshes``; sizes are (height, width), distances NDC."""

    image_size: tuple[int, int]
    blur_radius: float = 0.0
    faces_per_pixel: int = 1
    perspective_correct: bool = True
    clip_barycentric_coords: bool = False
    cull_backfaces: bool = False

    @property
    def half_ranges(self) -> tuple[float, float]:
        """Half the NDC height and width of the picture: 1 along the shorter side."""
        height, width = self.image_size
        return max(1.0, height / width), max(1.0, width / height)

    def pixel_axes(self, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
        """NDC of the pixel centres: x ``(W,)`` of the columns and y ``(H,)`` of the rows, both falling."""
        axes = []
        for size, half_range in zip(self.image_size, self.half_ranges, strict=True):
            index = torch.arange(size - 1, -1, -1, dtype=dtype, device=device)
            half = torch.tensor(half_range, dtype=dtype, device=device)
            axes.append(-half + (2 * half * index + half) / size)
        return axes[1], axes[0]


@dataclass(frozen=True)
class PackedFaces:
    """The faces of a batch of meshes, one after another.

    Attributes:
        vertices: ``(F, 3, 3)`` corners in NDC.
        mesh_index: ``(F,)`` int64, the mesh (and so the picture) of each face, not decreasing.
        sibling: ``(F,)`` int64, the other half of a face that was cut in two at the near plane, else -1.
        mesh_count: number of meshes, those without faces included.
    """

    vertices: Tensor
    mesh_index: Tensor
    sibling: Tensor
    mesh_count: int


def pack_faces(verts: list[Tensor], faces: list[Tensor]) -> PackedFaces:
    """Gather the corners of all faces of a batch; differentiable in ``verts``."""
    device = verts[0].device
    counts = torch.tensor([f.shape[0] for f in faces], device=device)
    corners = torch.cat(
        [v[f.to(device=device, dtype=torch.int64)] for v, f in zip(verts, faces, strict=True)]
    )
    return PackedFaces(
        vertices=corners,
        mesh_index=torch.repeat_interleave(torch.arange(len(faces), device=device), counts),
        sibling=torch.full((corners.shape[0],), -1, dtype=torch.int64, device=device),
        mesh_count=len(faces),
    )


def background(mesh_count: int, settings: RasterSettings, device: torch.device) -> RasterOutput:
    """The outputs of a rasterization that hits nothing: -1 everywhere."""
    shape = (mesh_count, *settings.image_size, settings.faces_per_pixel)
    return (
        torch.full(shape, -1, dtype=torch.int64, device=device),
        torch.full(shape, -1.0, device=device),
        torch.full((*shape, 3), -1.0, device=device),
        torch.full(shape, -1.0, device=device),
    )
