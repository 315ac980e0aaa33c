"""Which source pixel a target pixel comes from, carried along the body surface.

The 3D flow of Liquid Warping GAN (Liu et al., ICCV 2019, eq. 1) and iPERCore: both pictures show the same mesh,
so a target pixel inside face f with barycentrics w shows the surface point ``sum_k w_k v_k``, and T(p) is where
the source camera sees that same point on the source's mesh. Pixels are (x, y), pixel centres at .5.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from smpl_fitting.geometry import Camera, Fragments, rasterize, vertex_normals

OFF_GRID = -1.0e4
"""Both coordinates of T(p) where there is no body: outside every picture, and still finite."""

DEPTH_TOLERANCE = 0.012
"""Metres. A point this far behind the nearest surface still counts as seen: on the open body the rasterized
depth of a pixel and of a point inside it differ by less than this unless another limb lies between."""


@dataclass(frozen=True)
class SourceSight:
    """What one source camera sees of a body.

    Attributes:
        vertices: (V, 3) world, metres.
        camera: of the source picture.
        fragments: the rasterized source fit.
        visible: (V,) bool, depth-tested.
        trust: (V,) in [0, 1], ``visible * cos(normal, view)``.
    """

    vertices: Tensor
    camera: Camera
    fragments: Fragments
    visible: Tensor
    trust: Tensor


def source_sight(vertices: Tensor, faces: Tensor, camera: Camera) -> SourceSight:
    """Rasterize a source fit and say which vertices it shows, and how squarely.

    Args:
        vertices: (V, 3) world metres. faces: (F, 3). camera: of the source picture.
    """
    fragments = rasterize(vertices, faces, camera)
    visible = depth_test(vertices, camera, fragments.depth)
    trust = visible * facing(vertices, vertex_normals(vertices, faces), camera)
    return SourceSight(vertices, camera, fragments, visible, trust)


def facing(points: Tensor, normals: Tensor, camera: Camera) -> Tensor:
    """Cosine between the outward normal and the direction to the camera, 0 where it faces away. (N,) from (N, 3)."""
    centre = -camera.R.T @ camera.t
    view = functional.normalize(centre - points, dim=-1)
    return (functional.normalize(normals, dim=-1) * view).sum(-1).clamp(min=0.0)


def depth_test(
    points: Tensor, camera: Camera, body_depth: Tensor, tolerance: float = DEPTH_TOLERANCE
) -> Tensor:
    """Whether the camera sees each surface point. (N, 3) world -> (N,) bool.

    ``body_depth``: (H, W) metres of the body at the pixels' centres, infinite where there is none.
    The farthest depth of the body in the four pixels around the point decides, so that a slanted surface does not
    hide itself; a point whose four pixels are all background lies on the silhouette's very edge and is seen.
    """
    pixels, depth = camera.project(points)
    height, width = body_depth.shape
    inside = (pixels[:, 0] >= 0) & (pixels[:, 0] < width) & (pixels[:, 1] >= 0) & (pixels[:, 1] < height)
    left = torch.floor(pixels - 0.5).nan_to_num(0.0).clamp(-1, max(height, width)).long()
    nearest = torch.full_like(depth, -torch.inf)
    for dx in (0, 1):
        for dy in (0, 1):
            column = (left[:, 0] + dx).clamp(0, width - 1)
            row = (left[:, 1] + dy).clamp(0, height - 1)
            here = body_depth[row, column]
            nearest = torch.maximum(nearest, torch.where(here.isinf(), -torch.inf, here))
    nearest = torch.where(nearest.isinf(), torch.inf, nearest)
    return inside & (depth > 0) & (depth <= nearest + tolerance)


def surface_points(fragments: Fragments, faces: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor]:
    """The surface point of every covered pixel on another pose of the mesh.

    Returns:
        (H, W) bool of covered pixels, and (P, 3), the points of those pixels in row-major order.
    """
    covered = fragments.pix_to_face >= 0
    corners = vertices[faces[fragments.pix_to_face[covered]]]
    return covered, (fragments.bary[covered][..., None] * corners).sum(-2)


def transfer_map(fragments: Fragments, faces: Tensor, vertices: Tensor, camera: Camera) -> Tensor:
    """T(p): for each target pixel, the pixel of the source picture that shows the same surface point.

    The papers interpolate the projected vertices; here the interpolated point is projected, which differs by the
    perspective within one face only and is exact for the perspective-correct barycentrics of the rasterizer.

    Args:
        fragments: the rasterized *target*. faces: (F, 3).
        vertices: (V, 3) of the *source* pose. camera: the source's.

    Returns:
        (H, W, 2) source pixels, :data:`OFF_GRID` where there is no body. Visibility is not looked at.
    """
    covered, points = surface_points(fragments, faces, vertices)
    pixels, depth = camera.project(points)
    flow = torch.full((*covered.shape, 2), OFF_GRID, dtype=pixels.dtype, device=pixels.device)
    flow[covered] = torch.where((depth > 0)[:, None], pixels, torch.full_like(pixels, OFF_GRID))
    return flow


def body_flow(
    vertices: Tensor, camera: Camera, previous_vertices: Tensor, previous_camera: Camera, faces: Tensor
) -> Tensor:
    """Exact backward flow of the body between two moments.

    Returns:
        (H, W, 2): for each pixel of the present picture the pixel where the same surface point was before;
        :data:`OFF_GRID` where there is no body now, or where the point was hidden then.
    """
    now = rasterize(vertices, faces, camera)
    covered, points = surface_points(now, faces, previous_vertices)
    before = rasterize(previous_vertices, faces, previous_camera)
    seen = depth_test(points, previous_camera, before.depth)
    pixels, _ = previous_camera.project(points)
    flow = torch.full((*covered.shape, 2), OFF_GRID, dtype=pixels.dtype, device=pixels.device)
    flow[covered] = torch.where(seen[:, None], pixels, torch.full_like(pixels, OFF_GRID))
    return flow


def pixels_to_grid(pixels: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Pixels (..., 2) to the [-1, 1] of ``grid_sample(align_corners=False)``, whose pixel centres are at .5 too."""
    height, width = image_size
    return pixels * (2.0 / pixels.new_tensor((width, height))) - 1.0


def sample(image: Tensor, pixels: Tensor, mode: str = "bilinear", padding_mode: str = "border") -> Tensor:
    """Read an image (C, H, W) at pixels (..., 2) -> (..., C)."""
    grid = pixels_to_grid(pixels.reshape(1, 1, -1, 2), (image.shape[-2], image.shape[-1]))
    out = functional.grid_sample(image[None], grid, mode=mode, padding_mode=padding_mode, align_corners=False)
    return out[0, :, 0].T.reshape(*pixels.shape[:-1], image.shape[0])
