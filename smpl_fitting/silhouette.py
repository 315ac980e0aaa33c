"""The person's outline as a fitting target: a distance field outside the mask, and points along its edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

CONTOUR_POINTS = 120
FIELD_SIZE = 256  # pixels of the crop's long side; a distance field needs no more


@dataclass(frozen=True)
class Silhouettes:
    """Outlines of F frames. Pixels are those of the whole picture."""

    frames: Tensor  # (F,) int64, rows of the clip
    fields: Tensor  # (F, 1, S, S) distance to the mask in pixels, 0 inside
    boxes: Tensor  # (F, 4) x0, y0, x1, y1: the part of the picture that a field covers
    contours: Tensor  # (F, CONTOUR_POINTS, 2) pixels on the mask's edge

    def distance(self, pixels: Tensor) -> Tensor:
        """Distance in pixels (F, N) from points (F, N, 2) to the mask, 0 inside."""
        low, high = self.boxes[:, None, :2], self.boxes[:, None, 2:]
        grid = 2 * (pixels - low) / (high - low) - 1
        inside = torch.nn.functional.grid_sample(
            self.fields, grid[:, None], padding_mode="border", align_corners=False
        )[:, 0, 0]
        # beyond the field the way to its border adds to the border's own value
        return inside + (pixels - pixels.clamp(low, high)).norm(dim=-1)

    def distance_and_slope(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`distance` and its derivative (F, N, 2)."""
        with torch.enable_grad():
            free = pixels.detach().requires_grad_(True)
            distance = self.distance(free)
            [slope] = torch.autograd.grad(distance.sum(), free)
        return distance.detach(), slope


def outline(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Distance field (S, S), its box (4,) and contour (CONTOUR_POINTS, 2) of a mask (H, W) in [0, 1].

    None where the mask holds no person. The largest connected part counts; edges that the picture's border
    cuts are no contour.
    """
    solid = mask > 0.5
    labels, count = ndimage.label(solid)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    solid = labels == sizes.argmax()
    height, width = solid.shape
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    centre = np.array([columns[0] + columns[-1] + 1, rows[0] + rows[-1] + 1]) / 2
    half = 0.65 * max(columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
    box = np.array([*(centre - half), *(centre + half)])
    step = 2 * half / FIELD_SIZE
    sample = (np.arange(FIELD_SIZE) + 0.5) * step
    x, y = np.floor(box[0] + sample).astype(int), np.floor(box[1] + sample).astype(int)
    valid = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None]
    crop = solid[np.clip(y, 0, height - 1)][:, np.clip(x, 0, width - 1)] & valid
    field = ndimage.distance_transform_edt(~crop) * step
    edge = crop & ~ndimage.binary_erosion(crop)
    inner = ((y > 1) & (y < height - 2))[:, None] & ((x > 1) & (x < width - 2))[None]
    points = np.argwhere(edge & inner)
    if len(points) < 16:
        return None
    chosen = points[np.linspace(0, len(points) - 1, CONTOUR_POINTS).round().astype(int)]
    contour = box[:2] + (chosen[:, ::-1] + 0.5) * step
    return field, box, contour


def gather_silhouettes(masks: dict[int, np.ndarray]) -> Silhouettes | None:
    """Outlines of the frames in ``masks`` (row of the clip -> (H, W) in [0, 1]); None if none holds a person."""
    found = {frame: shape for frame, mask in masks.items() if (shape := outline(mask)) is not None}
    if not found:
        return None
    fields, boxes, contours = zip(*found.values(), strict=True)
    return Silhouettes(
        frames=torch.tensor(list(found)),
        fields=torch.tensor(np.stack(fields), dtype=torch.float32)[:, None],
        boxes=torch.tensor(np.stack(boxes), dtype=torch.float32),
        contours=torch.tensor(np.stack(contours), dtype=torch.float32),
    )


def surface_sample(vertices: Tensor, spacing: float = 0.03) -> Tensor:
    """Indices of vertices about ``spacing`` metres apart: one for each occupied cell of a grid."""
    cells = torch.floor(vertices / spacing).to(torch.int64)
    _, inverse = torch.unique(cells, dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(vertices))
    first.scatter_reduce_(0, inverse, torch.arange(len(vertices)), reduce="amin")
    return first
