"""The body's surface as the pixel side of the work sees it: a mesh with texture coordinates, and its atlas."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy import ndimage
from torch import Tensor

from smpl_fitting.geometry import rasterize_meshes


@dataclass(frozen=True)
class Surface:
    """A textured mesh in its rest pose.

    Attributes:
        rest: (V, 3) metres, Y-up, facing +Z.
        faces: (F, 3) int64, counter-clockwise from outside.
        uv: (U, 2) in [0, 1], v up. faces_uv: (F, 3) int64 into ``uv``.
        part_labels: (F,) uint8, the body part of each face.
    """

    rest: Tensor
    faces: Tensor
    uv: Tensor
    faces_uv: Tensor
    part_labels: Tensor


@dataclass(frozen=True)
class Atlas:
    """Which surface point each texel shows.

    Attributes:
        size: the atlas has size x size texels, row 0 at v = 1 as in a picture file.
        texels: (N,) flat row-major numbers of the texels whose centre lies inside a face.
        face: (N,) int64. bary: (N, 3).
        nearest: (size * size,) for every texel, the nearest of the N: what the texels outside the islands
            copy, so that neither bilinear reading nor smaller levels of the texture reach the void.
    """

    size: int
    texels: Tensor
    face: Tensor
    bary: Tensor
    nearest: Tensor

    def points(self, vertices: Tensor, faces: Tensor) -> Tensor:
        """(N, C) attributes (V, C) of the vertices at the texels."""
        corners = vertices[faces[self.face]]
        return (self.bary[..., None] * corners).sum(1)

    def picture(self, values: Tensor, padded: bool = True) -> Tensor:
        """Values (N, C) of the texels as a picture (C, size, size); outside the islands copied, or 0."""
        if padded:
            flat = values[self.nearest]
        else:
            flat = values.new_zeros(self.size * self.size, values.shape[1])
            flat[self.texels] = values
        return flat.T.reshape(-1, self.size, self.size)

    def gather(self, picture: Tensor) -> Tensor:
        """(N, C), the texels of a picture (C, size, size)."""
        return picture.reshape(picture.shape[0], -1)[:, self.texels].T


def build_atlas(surface: Surface, size: int) -> Atlas:
    """Rasterize the UV layout."""
    # NDC: x to the left, y up, the square spans [-1, 1]; any depth in front will do.
    flat = torch.cat(
        [1 - 2 * surface.uv[:, :1], 2 * surface.uv[:, 1:] - 1, torch.ones(len(surface.uv), 1)], dim=1
    ).float()
    pix_to_face, _, bary, _ = rasterize_meshes([flat], [surface.faces_uv], (size, size))
    face, bary = pix_to_face[0, ..., 0], bary[0, ..., 0, :]
    covered = face >= 0
    texels = covered.flatten().nonzero()[:, 0]
    number = torch.full((size * size,), -1, dtype=torch.int64)
    number[texels] = torch.arange(len(texels))
    rows, columns = ndimage.distance_transform_edt(
        ~covered.numpy(), return_distances=False, return_indices=True
    )
    nearest = number[torch.from_numpy(rows).long() * size + torch.from_numpy(columns).long()]
    return Atlas(size, texels, face[covered], bary[covered], nearest.flatten())


def uv_to_pixels(uv: Tensor, size: int) -> Tensor:
    """Texture coordinates (..., 2), v up, to atlas pixels (x, y), centres at .5."""
    return torch.stack([uv[..., 0], 1.0 - uv[..., 1]], dim=-1) * size


@dataclass(frozen=True)
class Refined:
    """A surface cut finer, in the same place.

    Attributes:
        surface: the finer one.
        parents: for each round of cutting, (V', 2): the two vertices whose mean each new vertex is.
    """

    surface: Surface
    parents: tuple[Tensor, ...]

    def lift(self, values: Tensor) -> Tensor:
        """Values (V, C) of the first surface's vertices at the finer one's."""
        for pair in self.parents:
            values = values[pair].mean(1)
        return values


def refine(surface: Surface, vertex_count: int) -> Refined:
    """Cut every face into four at the middles of its edges until there are ``vertex_count`` vertices or more."""
    rounds = []
    while len(surface.rest) < vertex_count:
        faces, parents = _split(surface.faces, len(surface.rest))
        faces_uv, uv_parents = _split(surface.faces_uv, len(surface.uv))
        surface = Surface(
            rest=surface.rest[parents].mean(1),
            faces=faces,
            uv=surface.uv[uv_parents].mean(1),
            faces_uv=faces_uv,
            part_labels=surface.part_labels.repeat_interleave(4),
        )
        rounds.append(parents)
    return Refined(surface, tuple(rounds))


def _split(faces: Tensor, count: int) -> tuple[Tensor, Tensor]:
    edges = torch.stack([faces, faces.roll(-1, 1)], dim=-1).reshape(-1, 2)  # ab, bc, ca of each face
    unique, where = edges.sort(1).values.unique(dim=0, return_inverse=True)
    middle = count + where.reshape(-1, 3)
    a, b, c = faces.T
    ab, bc, ca = middle.T
    cut = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    finer = torch.stack([torch.stack(face, dim=-1) for face in cut], dim=1).reshape(-1, 3)
    old = torch.arange(count)[:, None].expand(-1, 2)
    return finer, torch.cat([old, unique])
