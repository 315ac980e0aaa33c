"""Rasterization by NVIDIA Warp on the CPU and on CUDA devices."""

from __future__ import annotations

import functools
import math
import os
import sys
import tempfile
import threading

import torch
import warp as wp

# Warp greets on standard output, which may belong to a protocol. Old versions name the setting `quiet`.
if hasattr(wp.config, "log_level"):
    wp.config.log_level = wp.LOG_WARNING
else:
    vars(wp.config)["quiet"] = True

from smpl_fitting.geometry import warp_kernels as kernels  # noqa: E402  (quiet first)
from smpl_fitting.geometry.settings import PackedFaces, RasterOutput, RasterSettings, background  # noqa: E402


def _start_warp() -> None:
    """Initialise Warp without the line on a missing NVIDIA driver that it writes to descriptor 2 itself."""
    try:
        stderr = os.dup(2)
    except OSError:  # a windowed program has no standard error to keep clean
        wp.init()
        return
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            wp.init()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        caught.seek(0)
        for line in caught.read().decode(errors="replace").splitlines():
            if "load the NVIDIA CUDA driver" not in line:
                print(line, file=sys.stderr)


_start_warp()

# On a GPU a face's rows, or a row's pixels, are shared out among this many threads, so that one large face
# does not hold up all. On the CPU Warp runs the threads one after another, and each costs some nanoseconds.
_STRIPS_ON_CUDA = 32
_LAUNCHING = threading.Lock()  # Warp keeps state of its own: one thread at a time loads and runs kernels


def rasterize_faces(faces: PackedFaces, settings: RasterSettings) -> RasterOutput:
    """Hits of ``faces``, numbered as they come; nothing is recorded for gradients."""
    layers = settings.faces_per_pixel
    device = faces.vertices.device
    pixels = faces.mesh_count * math.prod(settings.image_size)
    corners = wp.from_torch(faces.vertices.detach().float().contiguous(), dtype=wp.vec3)
    mesh_of_face = wp.from_torch(faces.mesh_index.int())
    sibling = wp.from_torch(faces.sibling.int())
    column_x, row_y = (wp.from_torch(axis) for axis in settings.pixel_axes(torch.float32, device))
    values = _to_warp(settings)

    on_cuda = device.type == "cuda"
    strips = _STRIPS_ON_CUDA if on_cuda else 1
    # Torch's current stream, so that Warp waits for torch and torch for Warp.
    stream = wp.stream_from_torch(torch.cuda.current_stream(device)) if on_cuda else None
    launch = functools.partial(_launch, device=wp.device_from_torch(device), stream=stream)

    nearest = torch.full((layers, pixels), kernels.NO_HIT_KEY, dtype=torch.int64, device=device)
    previous = torch.full((1,), -1, dtype=torch.int64, device=device).expand(pixels)
    for layer in nearest:
        launch(
            kernels.find_faces,
            dim=(corners.shape[0], strips),
            inputs=[
                corners,
                mesh_of_face,
                sibling,
                column_x,
                row_y,
                wp.from_torch(previous),
                values,
                strips,
            ],
            outputs=[wp.from_torch(layer)],
        )
        previous = layer

    output = background(faces.mesh_count, settings, device)
    pix_to_face, zbuf, bary_coords, dists = output
    launch(
        kernels.describe_hits,
        dim=(faces.mesh_count * settings.image_size[0], strips),
        inputs=[corners, column_x, row_y, wp.from_torch(nearest), values, strips],
        outputs=[
            wp.from_torch(pix_to_face.view(pixels, layers)),
            wp.from_torch(zbuf.view(pixels, layers)),
            wp.from_torch(bary_coords.view(pixels, layers, 3), dtype=wp.vec3),
            wp.from_torch(dists.view(pixels, layers)),
        ],
    )
    return output


def _launch(*arguments, **settings) -> None:
    with _LAUNCHING:
        wp.launch(*arguments, **settings)


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
