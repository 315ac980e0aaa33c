"""Rasterization of triangle meshes with PyTorch3D's contract, and of a body seen by a camera."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from smpl_fitting.geometry.backends import choose_backend
from smpl_fitting.geometry.camera import Camera
from smpl_fitting.geometry.clipping import clip_faces
from smpl_fitting.geometry.fragments import describe_hits
from smpl_fitting.geometry.settings import RasterOutput, RasterSettings, background, pack_faces

# Faces are cut this far in front of the camera (metres): closer, nothing is in focus or of interest.
_NEAR_PLANE = 0.01
# Pixels of a batch are numbered by 32-bit integers.
_MOST_PIXELS = 2**31 - 1


@dataclass(frozen=True)
class Fragments:
    """What each pixel of one picture sees of one mesh.

    Attributes:
        pix_to_face: ``(H, W)`` int64 face number, -1 where there is no mesh.
        bary: ``(H, W, 3)`` perspective-correct barycentrics in that face, -1 where there is no mesh.
        depth: ``(H, W)`` metres along the camera's z, infinite where there is no mesh.
    """

    pix_to_face: Tensor
    bary: Tensor
    depth: Tensor

    @property
    def mask(self) -> Tensor:
        """``(H, W)`` bool, true where the mesh is seen."""
        return self.pix_to_face >= 0


def rasterize(
    vertices: Tensor, faces: Tensor, camera: Camera, backend: str | None = None, cull_backfaces: bool = False
) -> Fragments:
    """Rasterize one mesh as a camera sees it; faces that reach behind the camera are cut 1 cm in front of it.

    Args:
        vertices: ``(V, 3)`` world coordinates in metres. Where they require gradients, ``bary`` and ``depth``
            are differentiable.
        faces: ``(F, 3)`` vertex numbers, counter-clockwise seen from outside.
        camera: the view and the picture's size.
        backend: see :func:`rasterize_meshes`.
        cull_backfaces: leave out faces seen from inside.

    Raises:
        BackendError, ValueError: see :func:`rasterize_meshes`.
    """
    pix_to_face, zbuf, bary, _ = rasterize_meshes(
        [camera.to_ndc(vertices)],
        [faces],
        camera.image_size,
        cull_backfaces=cull_backfaces,
        z_clip_value=_NEAR_PLANE,
        backend=backend,
    )
    pix_to_face, bary = pix_to_face[0, ..., 0], bary[0, ..., 0, :]
    depth = zbuf[0, ..., 0].masked_fill(pix_to_face < 0, torch.inf)
    return Fragments(pix_to_face=pix_to_face, bary=bary, depth=depth)


def rasterize_meshes(
    verts: list[Tensor],
    faces: list[Tensor],
    image_size: tuple[int, int],
    blur_radius: float = 0.0,
    faces_per_pixel: int = 1,
    perspective_correct: bool = True,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_clip_value: float | None = None,
    backend: str | None = None,
) -> RasterOutput:
    """Rasterize a batch of meshes, each into a picture of its own, as ``pytorch3d.renderer.mesh`` does.

    A face reaches a pixel when all barycentrics of the pixel's centre are above 0, or when the centre is
    closer to it than the square root of ``blur_radius``. Faces without area, and without ``z_clip_value``
    also those with a corner at z < 1e-8, are left out. The nearest faces win, of equally near ones those with
    lower numbers. Of the two halves of a face cut at ``z_clip_value`` one stands for the face in a pixel: the
    one that the pixel lies in, or else the closer one; its distance is that to the half's edges.

    Args:
        verts: N tensors ``(V_n, 3)`` in PyTorch3D's NDC: x left, y up, the picture's shorter side spanning
            [-1, 1], z the depth in metres. Where they require gradients, zbuf, bary_coords and dists are
            differentiable. Which face a pixel sees is always decided in single precision.
        faces: N integer tensors ``(F_n, 3)``.
        image_size: (height, width) in pixels.
        blur_radius: squared NDC distance up to which faces are drawn beyond their edges.
        faces_per_pixel: K, how many faces to keep per pixel.
        perspective_correct: whether barycentrics are those on the face in space or on its picture.
        clip_barycentric_coords: set negative barycentrics to 0 and scale the others to the sum 1.
        cull_backfaces: leave out faces that are clockwise in the picture.
        z_clip_value: cut faces at this depth in metres instead of leaving them out.
        backend: ``"pytorch3d"`` or ``"warp"``; ``None`` takes what works on the vertices' device.

    Returns:
        pix_to_face ``(N, H, W, K)`` int64, faces numbered over the whole batch; zbuf ``(N, H, W, K)`` metres;
        bary_coords ``(N, H, W, K, 3)``; dists ``(N, H, W, K)`` squared NDC distances to the face's nearest
        edge, negative inside. All are -1 where nothing is hit.

    Raises:
        BackendError: the backend, or every backend, fails its self-test.
        ValueError: a shape, size or number is wrong.
    """
    settings = RasterSettings(
        image_size=(int(image_size[0]), int(image_size[1])),
        # PyTorch3D's kernels take single precision; its square root is taken of the rounded value.
        blur_radius=ctypes.c_float(blur_radius).value,
        faces_per_pixel=faces_per_pixel,
        perspective_correct=perspective_correct,
        clip_barycentric_coords=clip_barycentric_coords,
        cull_backfaces=cull_backfaces,
    )
    _check(verts, faces, settings, z_clip_value)
    packed = pack_faces(verts, faces)
    clipped = None if z_clip_value is None else clip_faces(packed, z_clip_value, perspective_correct)
    if clipped is not None:
        packed = clipped.faces
    device = packed.vertices.device
    if packed.vertices.shape[0] == 0:
        pix_to_face, zbuf, bary_coords, dists = background(packed.mesh_count, settings, device)
    else:
        pix_to_face, zbuf, bary_coords, dists = choose_backend(device, backend)(packed, settings)
    if packed.vertices.requires_grad or packed.vertices.dtype != torch.float32:
        zbuf, bary_coords, dists = describe_hits(packed.vertices, pix_to_face, settings)
    if clipped is not None:
        pix_to_face, bary_coords = clipped.restore(pix_to_face, bary_coords)
    return pix_to_face, zbuf, bary_coords, dists


def _check(
    verts: list[Tensor], faces: list[Tensor], settings: RasterSettings, z_clip_value: float | None
) -> None:
    if len(verts) == 0 or len(verts) != len(faces):
        raise ValueError(f"verts and faces must be lists of equal length, got {len(verts)} and {len(faces)}")
    for n, (v, f) in enumerate(zip(verts, faces, strict=True)):
        if v.ndim != 2 or v.shape[1] != 3 or not v.is_floating_point():
            raise ValueError(f"verts[{n}] must be floats of the shape (V, 3), got {v.dtype} {tuple(v.shape)}")
        if f.ndim != 2 or f.shape[1] != 3 or f.is_floating_point() or f.is_complex() or f.dtype == torch.bool:
            raise ValueError(f"faces[{n}] must be integers (F, 3), got {f.dtype} {tuple(f.shape)}")
        if f.numel() and (int(f.min()) < 0 or int(f.max()) >= v.shape[0]):
            raise ValueError(f"faces[{n}] names vertices outside 0..{v.shape[0] - 1}")
    if min(settings.image_size) < 1 or settings.faces_per_pixel < 1:
        raise ValueError(
            f"image_size and faces_per_pixel must be at least 1, got {settings.image_size} and "
            f"{settings.faces_per_pixel}"
        )
    if len(verts) * math.prod(settings.image_size) > _MOST_PIXELS:
        raise ValueError(f"{len(verts)} pictures of {settings.image_size} are too many for one call")
    if not settings.blur_radius >= 0:
        raise ValueError(f"blur_radius must not be negative, got {settings.blur_radius}")
    if z_clip_value is not None and not z_clip_value > 0:
        raise ValueError(f"z_clip_value must be above 0, got {z_clip_value}")
