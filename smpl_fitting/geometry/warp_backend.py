"""Rasterization by NVIDIA Warp on the CPU and on CUDA devices."""

from __future__ import annotations

import math

import torch
import warp as wp
from torch import Tensor

# Warp greets on standard output, which may belong to a protocol. Before 1.13 the setting had another name.
if hasattr(wp.config, "log_level"):
    wp.config.log_level = wp.LOG_WARNING
else:
    wp.config.quiet = True

from smpl_fitting.geometry import warp_kernels as kernels  # noqa: E402  (quiet first)
from smpl_fitting.geometry.settings import PackedFaces, RasterSettings  # noqa: E402

wp.init()

# On a GPU a face's rows are shared out among this many threads, so that one large face does not hold up all;
# on the CPU Warp runs the threads one after another.
_STRIPS_ON_CUDA = 16


def rasterize_faces(faces: PackedFaces, settings: RasterSettings) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Discrete rasterization; nothing is recorded for gradients.

    Returns:
        pix_to_face int64 ``(N, H, W, K)`` in rows of ``faces``, zbuf ``(N, H, W, K)``, bary_coords
        ``(N, H, W, K, 3)`` and dists ``(N, H, W, K)``; -1 where nothing is hit.
    """
    height, width = settings.image_size
    layers = settings.faces_per_pixel
    device = faces.vertices.device
    pixels = faces.mesh_count * height * width
    face_vertices = faces.vertices.detach().float().contiguous()

    nearest = torch.full((layers, pixels), torch.iinfo(torch.int64).max, dtype=torch.int64, device=device)
    shape = (faces.mesh_count, height, width, layers)
    pix_to_face = torch.empty(shape, dtype=torch.int64, device=device)
    zbuf = torch.empty(shape, device=device)
    bary_coords = torch.empty((*shape, 3), device=device)
    dists = torch.empty(shape, device=device)

    vertices_wp = wp.from_torch(face_vertices, dtype=wp.vec3)
    settings_wp = _to_warp(settings)
    on_cuda = device.type == "cuda"
    strips = _STRIPS_ON_CUDA if on_cuda else 1
    # Torch's current stream, so that Warp waits for torch and torch for Warp.
    stream = wp.stream_from_torch(torch.cuda.current_stream(device)) if on_cuda else None
    where = {"device": wp.device_from_torch(device), "stream": stream}
    previous = torch.full((pixels,), -1, dtype=torch.int64, device=device)
    for layer in range(layers):
        wp.launch(
            kernels.find_faces,
            dim=(face_vertices.shape[0], strips),
            inputs=[
                vertices_wp,
                wp.from_torch(faces.mesh_index.int()),
                wp.from_torch(faces.sibling.int()),
                wp.from_torch(previous),
                settings_wp,
                strips,
            ],
            outputs=[wp.from_torch(nearest[layer])],
            **where,
        )
        previous = nearest[layer]
    wp.launch(
        kernels.describe_hits,
        dim=(pixels, layers),
        inputs=[vertices_wp, wp.from_torch(nearest), settings_wp],
        outputs=[
            wp.from_torch(pix_to_face.view(pixels, layers)),
            wp.from_torch(zbuf.view(pixels, layers)),
            wp.from_torch(bary_coords.view(pixels, layers, 3), dtype=wp.vec3),
            wp.from_torch(dists.view(pixels, layers)),
        ],
        **where,
    )
    return pix_to_face, zbuf, bary_coords, dists


def _to_warp(settings: RasterSettings) -> kernels.Settings:
    height, width = settings.image_size
    half_height, half_width = settings.half_ranges
    values = kernels.Settings()
    values.height = height
    values.width = width
    values.half_height = half_height
    values.half_width = half_width
    values.blur_radius = settings.blur_radius
    values.margin = math.sqrt(settings.blur_radius)
    values.perspective_correct = settings.perspective_correct
    values.clip_barycentric_coords = settings.clip_barycentric_coords
    values.cull_backfaces = settings.cull_backfaces
    return values
