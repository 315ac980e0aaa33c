"""One source picture with its fit, and how far each point of the body may trust it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from neural.correspondence import depth_test, facing, sample
from neural.hands import HANDS
from smpl_fitting.body.names import PART_NAMES
from smpl_fitting.geometry import Camera, Fragments, rasterize, vertex_normals
from smpl_fitting.motion import Motion

OPAQUE = (0.6, 0.95)  # share of a pixel that must be the person for it to be trusted
# All lengths in shares of the person's height in pixels. The fit is off by about half a percent of it; within that
# distance of an edge between limbs a pixel may show the other one. Outlines of masks are better (neural.matting).
MASK_MARGIN = (0.001, 0.004)
BEHIND_MARGIN = (0.006, 0.018)  # next to a limb that hides this surface: its shadow and its sleeve fall here
FRONT_MARGIN = (0.0015, 0.008)  # on the hiding limb itself, which is narrow: hands must keep their middle
HAND_MARGIN = (0.012, 0.03)  # around a hand, whose fingers the fit does not know, on parts it may lie over
DEPTH_STEP = 0.03  # metres between neighbouring pixels: no single surface seen usefully is as steep
ARMS_AND_HANDS = tuple(
    index for index, name in enumerate(PART_NAMES) if name.endswith(("hand", "forearm", "upper_arm"))
)
ANGLE_FLOOR = 0.12  # cosine below which a texel is a smear of a few pixels


@dataclass(frozen=True)
class SourceView:
    """A source picture and its fit.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) float32 in [0, 1], the person, to the pixel (:func:`neural.matting.refine_mask`).
        vertices: (V, 3) world metres, the fitted body.
        camera: of this picture, its image_size is (H, W).
        motion: the one row of the fit this view comes from.
    """

    image: np.ndarray
    mask: np.ndarray
    vertices: Tensor
    camera: Camera
    motion: Motion

    def __post_init__(self) -> None:
        size = self.camera.image_size
        if self.image.shape != (*size, 3) or self.image.dtype != np.uint8:
            raise ValueError(f"image is {self.image.dtype} {self.image.shape}, expected uint8 {(*size, 3)}")
        if self.mask.shape != size:
            raise ValueError(f"mask has shape {self.mask.shape}, expected {size}")
        if self.motion.frame_count != 1:
            raise ValueError(f"motion has {self.motion.frame_count} rows, expected the one of this view")


def person_height(fragments: Fragments) -> float:
    """The body's larger extent in the picture, pixels (at least 1)."""
    rows, columns = fragments.mask.any(1).nonzero(), fragments.mask.any(0).nonzero()
    if len(rows) == 0:
        return 1.0
    return float(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)


def pixel_trust(mask: np.ndarray, fragments: Fragments) -> Tensor:
    """(H, W) in [0, 1]: 0 where a pixel may show something else than the body's surface there.

    It falls towards the person's outline, on whose other side is background, and towards the edges of limbs in
    front of the body: there the fit's error decides whether a pixel shows the hand or the shorts behind it.
    """
    height = person_height(fragments)
    low, high = OPAQUE
    opaque = np.clip((mask - low) / (high - low), 0, 1).astype(np.float32)
    inside = opaque * _ramp(_depth_inside(mask > 0.5), MASK_MARGIN, height)
    depth = fragments.depth.numpy()
    step = _depth_steps(depth)
    if not step.any():
        return torch.from_numpy(inside)
    distance, (row, column) = ndimage.distance_transform_edt(~step, return_indices=True)
    near, far = _both_sides(depth)
    middle = 0.5 * (near[row, column] + far[row, column])
    on_front = depth < middle
    edge = np.where(on_front, _ramp(distance, FRONT_MARGIN, height), _ramp(distance, BEHIND_MARGIN, height))
    return torch.from_numpy((inside * edge).astype(np.float32))


def texel_trust(
    points: Tensor, normals: Tensor, view: SourceView, fragments: Fragments, pixels: Tensor
) -> Tensor:
    """(N,) in [0, 1]: visibility x cos(normal, view) x what :func:`pixel_trust` leaves.

    Args:
        points: (N, 3) of the surface in the view's pose, with unit ``normals``; ``pixels``: their (N, 2).
    """
    cosine = facing(points, normals, view.camera)
    angle = ((cosine - ANGLE_FLOOR) / (1 - ANGLE_FLOOR)).clamp(min=0.0)
    trusted = sample(pixel_trust(view.mask, fragments)[None], pixels)[:, 0]
    return depth_test(points, view.camera, fragments.depth) * angle * trusted


def away_from_hands(fragments: Fragments, part_labels: Tensor, part: Tensor, pixels: Tensor) -> Tensor:
    """(N,) in [0, 1]: 0 for texels of trunk, legs and head beside a hand in the picture, which may be that hand.

    Args:
        part_labels: (F,) of the rasterized faces. part: (N,) of the texels. pixels: their (N, 2).
    """
    labels = part_labels[fragments.pix_to_face.clamp(min=0)].long()
    hand = fragments.mask & torch.isin(labels, torch.tensor(HANDS))
    if not bool(hand.any()):
        return torch.ones(len(part))
    distance = ndimage.distance_transform_edt(~hand.numpy())
    away = torch.from_numpy(_ramp(distance, HAND_MARGIN, person_height(fragments)))
    share = sample(away[None], pixels)[:, 0]
    return torch.where(torch.isin(part.long(), torch.tensor(ARMS_AND_HANDS)), 1.0, share)


def view_fragments(
    view: SourceView, faces: Tensor, vertices: Tensor | None = None
) -> tuple[Fragments, Tensor]:
    """The rasterized fit of a view and its vertex normals (V, 3); ``vertices`` are those of a finer mesh."""
    vertices = view.vertices if vertices is None else vertices
    return rasterize(vertices, faces, view.camera), vertex_normals(vertices, faces)


def _depth_inside(mask: np.ndarray) -> np.ndarray:
    """Distance of each pixel of the mask to its outline; the picture's frame is no outline."""
    if mask.all():
        return np.full(mask.shape, np.inf)
    return ndimage.distance_transform_edt(mask)


def _ramp(distance: np.ndarray, margin: tuple[float, float], height: float) -> np.ndarray:
    low, high = margin[0] * height, margin[1] * height
    x = np.clip((distance - low) / max(high - low, 1e-6), 0.0, 1.0)
    return (x * x * (3.0 - 2.0 * x)).astype(np.float32)


def _depth_steps(depth: np.ndarray) -> np.ndarray:
    """Pixels of the body beside a jump in depth to another part of the body."""
    step = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        here, there = (np.moveaxis(depth, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        with np.errstate(invalid="ignore"):  # background minus background
            jump = np.isfinite(here) & np.isfinite(there) & (np.abs(here - there) > DEPTH_STEP)
        moved = np.moveaxis(step, axis, 0)
        moved[:-1] |= jump
        moved[1:] |= jump
    return step


def _both_sides(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest and farthest depth of the body in the 3 x 3 pixels around each pixel."""
    body = np.isfinite(depth)
    near = ndimage.minimum_filter(depth, 3)
    far = ndimage.maximum_filter(np.where(body, depth, -np.inf), 3)
    return near, far
