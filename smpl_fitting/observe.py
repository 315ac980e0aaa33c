"""From detections to what the solver is given: landmarks lifted into space, their weights, outlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from smpl_fitting.detection import Detections
from smpl_fitting.lifting import Lifted, extent, frames_around, lift
from smpl_fitting.objective import LANDMARK_SPREAD
from smpl_fitting.observations import PER_FRAME, Observations
from smpl_fitting.silhouette import Silhouettes, gather_silhouettes
from smpl_fitting.world import view_rotation

SILHOUETTE_FRAMES = 8  # outlines decide the shape, which is one for the clip: a few frames are enough
OUTLINE_TIME = 0.033  # seconds between the outlines that guide the motion
EXACT_SPREAD = 0.002  # of the height: landmarks that are the body's own
MOST_WEIGHT = 2.0  # of a landmark: none is seen much better than the others
LIFT_SMOOTHING = 0.05  # seconds (standard deviation)


def observe(detections: Detections, intrinsics: Tensor, fps: float | None) -> Observations:
    """What the solver needs of the detections: 3D landmarks in the camera's own axes, weights, outlines.

    intrinsics: (3, 3). fps: None for a photo.
    """
    keypoints = torch.as_tensor(detections.keypoints, dtype=torch.float32)
    found = torch.as_tensor(detections.confidence > 0)
    boxes = torch.as_tensor(detections.boxes, dtype=torch.float32)
    K = intrinsics.expand(len(keypoints), 3, 3)
    turn = view_rotation((boxes[:, :2] + boxes[:, 2:]) / 2, K)
    world = torch.as_tensor(detections.keypoints_world, dtype=torch.float32)
    lifted = lift(keypoints, world, frames_around(detections.found, fps or 1.0, detections.cuts))
    if fps is not None:
        lifted = _steady(lifted, detections.found, LIFT_SMOOTHING * fps)
    heights = person_heights(keypoints, found)
    points = keypoints[..., :2]
    weights = torch.full(keypoints.shape[:2], (LANDMARK_SPREAD / EXACT_SPREAD) ** 2)
    if not detections.exact:
        points = points + lifted.offsets
        spreads = lifted.pixel_spreads * extent(keypoints)[1][:, 0] / heights[:, None]
        weights = (LANDMARK_SPREAD / spreads).square().clamp_max(MOST_WEIGHT)
    return Observations(
        keypoints=points,
        weights=weights * found[:, None],
        world=torch.einsum("tij,tnj->tni", turn, lifted.points),
        directions=torch.einsum("tij,tbj->tbi", turn, lifted.directions),
        direction_weights=lifted.direction_spreads.pow(-2) * found[:, None],
        heights=heights,
        K=K,
        frame_time=None if fps is None else 1 / fps,
        silhouettes=_silhouettes(detections),
        cuts=tuple(int(cut) for cut in detections.cuts),
    )


def person_heights(keypoints: Tensor, found: Tensor) -> Tensor:
    """(T,) the person's standing height in pixels, from the extent of the landmarks; frames of one clip only.

    Where a crouch or a bend makes the extent small, 0.7 of the clip's 90th percentile stands in.

    Args:
        keypoints: (T, 33, 2 or more) pixels. found: (T,) bool, whether anybody was found.
    """
    points = keypoints[..., :2]
    extent = (points.amax(1) - points.amin(1)).amax(-1)
    if not bool(found.any()):
        return extent.clamp_min(1.0)
    typical = extent[found].quantile(0.9)
    # the factor takes the landmarks (eyes to soles) to the full stature
    return torch.where(found, torch.maximum(extent, 0.7 * typical), typical).clamp_min(1.0) * 1.08


def together(seen: Sequence[Observations]) -> Observations:
    """Separate photos as the frames of one problem."""
    outlines = [one.silhouettes for one in seen]
    rows = [i for i, shape in enumerate(outlines) if shape is not None]
    shapes = [shape for shape in outlines if shape is not None]
    joined = None
    if shapes:
        joined = Silhouettes(
            frames=torch.tensor(rows),
            fields=torch.cat([shape.fields for shape in shapes]),
            boxes=torch.cat([shape.boxes for shape in shapes]),
            contours=torch.cat([shape.contours for shape in shapes]),
        )
    columns = {name: torch.cat([getattr(one, name) for one in seen]) for name in PER_FRAME}
    return Observations(frame_time=None, silhouettes=joined, **columns)  # type: ignore[arg-type]


def _steady(lifted: Lifted, found: np.ndarray, sigma: float) -> Lifted:
    """What the lifter adds to the landmarks, smoothed over time (Gaussian, sigma in frames), over gaps too."""
    weight = found.astype(np.float64)
    share = np.maximum(ndimage.gaussian_filter1d(weight, sigma, mode="nearest"), 1e-9)
    nearest = ndimage.distance_transform_edt(~found, return_distances=False, return_indices=True)[0]

    def smooth(value: Tensor) -> Tensor:
        over = (-1, *[1] * (value.ndim - 1))
        blurred = ndimage.gaussian_filter1d(
            value.numpy() * weight.reshape(over), sigma, axis=0, mode="nearest"
        )
        near = np.where(share.reshape(over) > 0.05, blurred / share.reshape(over), value.numpy()[nearest])
        return torch.from_numpy(near).float()

    return Lifted(**{field.name: smooth(getattr(lifted, field.name)) for field in fields(lifted)})


def outlines(detections: Detections, fps: float, rows: range) -> Silhouettes | None:
    """Outlines of some rows, one every ``OUTLINE_TIME``, numbered from the first row."""
    step = max(1, round(OUTLINE_TIME * fps))
    seen = [row for row in rows[::step] if detections.confidence[row] > 0]
    return gather_silhouettes(
        {row - rows.start: detections.mask_patch(row) for row in seen}, detections.image_size
    )


def _silhouettes(detections: Detections) -> Silhouettes | None:
    """Outlines of the frames in which the person is seen best, spread over the clip."""
    visible = detections.confidence * detections.keypoints[..., 3].mean(-1)
    chosen = {
        int(part[np.argmax(visible[part])])
        for part in np.array_split(np.arange(len(visible)), min(SILHOUETTE_FRAMES, len(visible)))
    }
    seen = [row for row in sorted(chosen) if detections.confidence[row] > 0]
    return gather_silhouettes({row: detections.mask_patch(row) for row in seen}, detections.image_size)
