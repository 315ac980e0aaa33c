"""Optical flow of the body, exact, as Middlebury's ``.flo`` files and as their usual colour pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural.correspondence import surface_points
from smpl_fitting.files import atomic_path
from smpl_fitting.geometry import Camera, Fragments

UNKNOWN = 1e10
"""Middlebury's mark of pixels without flow: anything above 1e9."""
_MAGIC = 202021.25  # the file's first four bytes, which also tell the byte order


def forward_flow(seen: Fragments, faces: Tensor, following: Tensor, camera: Camera) -> np.ndarray:
    """(H, W, 2) float32 pixels, x right and y down: where each seen point goes until the next frame.

    Args:
        seen: the rasterized present frame. following: (V, 3) vertices of the next one, and its camera.

    Returns:
        :data:`UNKNOWN` where nobody is, and where the point goes behind the camera. A point that will be hidden
        has flow all the same.
    """
    covered, points = surface_points(seen, faces, following)
    pixels, depth = camera.project(points)
    rows, columns = covered.nonzero().unbind(1)
    moved = pixels - torch.stack([columns, rows], dim=1) - 0.5
    flow = torch.full((*covered.shape, 2), UNKNOWN)
    flow[covered] = torch.where((depth > 0)[:, None], moved, torch.tensor(UNKNOWN))
    return flow.numpy()


def no_flow(image_size: tuple[int, int]) -> np.ndarray:
    """That of a last frame: unknown everywhere."""
    return np.full((*image_size, 2), UNKNOWN, np.float32)


def write_flo(path: Path, flow: np.ndarray) -> None:
    """Write (H, W, 2) in Middlebury's format (Baker et al. 2011): magic, width, height, then u, v by rows."""
    height, width = flow.shape[:2]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.array([_MAGIC], "<f4").tofile(file)
        np.array([width, height], "<i4").tofile(file)
        flow.astype("<f4").tofile(file)


def flow_picture(flow: np.ndarray, largest: float) -> np.ndarray:
    """(H, W, 3) uint8: the direction as hue, the speed as saturation up to ``largest`` pixels; black where unknown."""
    import matplotlib.colors

    known = np.abs(flow).max(-1) < 1e9
    x, y = np.where(known[..., None], flow, 0.0).transpose(2, 0, 1)
    hue = (np.arctan2(-y, -x) / (2 * np.pi)) % 1.0
    strength = np.clip(np.hypot(x, y) / max(largest, 1e-6), 0, 1)
    colour = matplotlib.colors.hsv_to_rgb(np.stack([hue, strength, np.ones_like(hue)], axis=-1))
    return np.where(known[..., None], np.rint(255 * colour), 0).astype(np.uint8)
