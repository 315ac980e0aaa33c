"""The person's outline as a fitting target: a distance field outside the mask, and points along its edge."""

from __future__ import annotations

from collections.abc import Mapping
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


def outline(
    mask: np.ndarray, box: np.ndarray, image_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Distance field (S, S), its box (4,) and contour (CONTOUR_POINTS, 2), in pixels of the picture, of a mask.

    None where the mask holds no person. The largest connected part counts; edges that the picture's border
    cuts are no contour.

    Args:
        mask: (h, w) in [0, 1], of any resolution. box: x0, y0, x1, y1, the part of the picture that it covers.
        image_size: (height, width) of the picture.
    """
    solid = mask > 0.5
    labels, count = ndimage.label(solid)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    solid = labels == sizes.argmax()
    scale = (box[2:] - box[:2]) / solid.shape[::-1]  # pixels of the picture for one of the mask's
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    low = box[:2] + scale * (columns[0], rows[0])
    high = box[:2] + scale * (columns[-1] + 1, rows[-1] + 1)
    centre, half = (low + high) / 2, 0.65 * (high - low).max()
    step = 2 * half / FIELD_SIZE
    places = (centre - half)[:, None] + (np.arange(FIELD_SIZE) + 0.5) * step  # (2, S) x, y of the samples
    x, y = np.floor((places - box[:2, None]) / scale[:, None]).astype(int)
    inside = (places >= 0) & (places < np.array(image_size[::-1])[:, None])
    known = (inside[1] & (y >= 0) & (y < solid.shape[0]))[:, None]
    known = known & (inside[0] & (x >= 0) & (x < solid.shape[1]))
    crop = solid[np.clip(y, 0, solid.shape[0] - 1)][:, np.clip(x, 0, solid.shape[1] - 1)] & known
    field = ndimage.distance_transform_edt(~crop) * step
    edge = crop & ~ndimage.binary_erosion(crop)
    inner = (places >= 2) & (places < np.array(image_size[::-1])[:, None] - 2)
    points = np.argwhere(edge & inner[1][:, None] & inner[0])
    if len(points) < 16:
        return None
    chosen = points[np.linspace(0, len(points) - 1, CONTOUR_POINTS).round().astype(int)]
    contour = np.stack((places[0, chosen[:, 1]], places[1, chosen[:, 0]]), -1)
    return field, np.concatenate((centre - half, centre + half)), contour


def gather_silhouettes(
    masks: Mapping[int, tuple[np.ndarray, np.ndarray]], image_size: tuple[int, int]
) -> Silhouettes | None:
    """Outlines of the frames in ``masks`` (row of the clip -> mask and its box, see :func:`outline`); None if none
    holds a person."""
    found = {
        frame: shape for frame, mask in masks.items() if (shape := outline(*mask, image_size)) is not None
    }
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
