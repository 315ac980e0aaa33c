"""Footage to motion: detect the person, solve for the body in all frames at once, place it in a Z-up world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.body.layouts import has_fingers, without_fingers
from smpl_fitting.checkpoint import Checkpoint
from smpl_fitting.contacts import foot_rays, foot_visibility
from smpl_fitting.detection import Detections, detect
from smpl_fitting.errors import NobodyFoundError
from smpl_fitting.hands import fit_hands_and_head
from smpl_fitting.lifting import Lifted, extent, lift
from smpl_fitting.motion import Motion
from smpl_fitting.objective import LANDMARK_SPREAD
from smpl_fitting.observations import PER_FRAME, Observations, Parameters
from smpl_fitting.progress import Progress
from smpl_fitting.silhouette import Silhouettes, gather_silhouettes
from smpl_fitting.solver import solve_motion, solve_photos, solve_shape
from smpl_fitting.video import Footage, open_footage
from smpl_fitting.world import camera_to_world, default_intrinsics, view_rotation

SILHOUETTE_FRAMES = 8  # outlines decide the shape, which is one for the clip: a few frames are enough
OUTLINE_TIME = 0.1  # seconds between the outlines that guide the motion
STILL_RATE = 30.0  # frames a second written for a photo, whose motion has one frame
MOST_WEIGHT = 2.0  # of a landmark: none is seen much better than the others
LIFT_SMOOTHING = 0.05  # seconds (standard deviation)


@dataclass(frozen=True)
class Fit:
    """A fitted clip: the motion and what the detector saw."""

    motion: Motion
    detections: Detections


def fit_clip(
    clip: str | Path | Footage,
    body: BodyModel,
    *,
    frames: range | None = None,
    focal: float | None = None,
    height: float | None = None,
    detections: Detections | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Fit the body to the person in a clip or photo; a body with fingers gets them, and its head, from a closer look.

    Args:
        frames: which frames to fit (all of them); the motion has one row for each.
        focal: focal length in pixels, when it is known.
        height: the person's stature in metres, without shoes, when it is known.
        detections: of these frames, where they are there already (of one of several people, say).
        checkpoint: a folder for what is finished, from which a killed fit goes on.

    Raises:
        FootageError: the footage cannot be read.
        NobodyFoundError: no person in any frame.
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    footage = clip if isinstance(clip, Footage) else open_footage(clip)
    begun = 0.0
    if detections is None:
        begun, finding = 0.5, progress.part("Finding the person", 0.0, 0.5)
        detections = detect(footage, frames=frames, checkpoint=checkpoint, progress=finding)
    if not (detections.confidence > 0).any():
        raise NobodyFoundError(f"{footage.path}: no person was found; use footage that shows the whole body")
    rows = np.arange(footage.frame_count) if frames is None else np.asarray(frames)
    motion = fit_detections(
        detections,
        body,
        fps=footage.fps / (frames.step if frames is not None else 1),
        focal=focal,
        height=height,
        times=np.asarray(footage.times)[rows],
        source=str(footage.path),
        checkpoint=checkpoint,
        progress=progress.part("Fitting the body", begun, 0.8 if has_fingers(body) else 1.0),
    )
    if has_fingers(body):
        looking = progress.part("Looking at hands and face", 0.8, 1.0)
        motion = fit_hands_and_head(motion, body, footage, detections, looking)
    return Fit(motion, detections)


def fit_stills(
    stills: Sequence[str | Path],
    body: BodyModel,
    *,
    focal: float | None = None,
    height: float | None = None,
    detections: Sequence[Detections] | None = None,
    progress: Progress | None = None,
) -> list[Fit]:
    """Fit photos of one person together: a pose and a camera each, one shape for all.

    Args:
        focal, height, detections: as in :func:`fit_clip`; the detections of each photo.

    Raises:
        FootageError, NobodyFoundError, Cancelled: as :func:`fit_clip`; nobody in any one photo is an error.
    """
    progress = progress or Progress()
    finding = progress.part("Finding the person", 0.0, 0.5)
    found = []
    for index, path in enumerate(stills):
        footage = open_footage(path)
        part = finding.part("", index / len(stills), (index + 1) / len(stills))
        found.append(detections[index] if detections else detect(footage, frames=range(1), progress=part))
        if found[-1].confidence[0] == 0:
            raise NobodyFoundError(f"{path}: no person was found; use a photo that shows the whole body")
    seen = [observe(one, default_intrinsics(one.image_size, focal), None) for one in found]
    together = replace(_together(seen), stature=height)
    limbs = without_fingers(body)
    solution = solve_photos(limbs, together, progress.part("Fitting the body", 0.5, 1.0))
    fits = []
    for index, (path, one) in enumerate(zip(stills, found, strict=True)):
        row = slice(index, index + 1)
        alone = solution.rows(row)
        motion = _motion(limbs, alone, one, seen[index].K, STILL_RATE, np.zeros(1), str(path))
        if has_fingers(body):
            motion = fit_hands_and_head(motion, body, open_footage(path), one)
        fits.append(Fit(motion, one))
    return fits


def _together(seen: list[Observations]) -> Observations:
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
    return Observations(
        **{name: torch.cat([getattr(one, name) for one in seen]) for name in PER_FRAME},
        frame_time=None,
        silhouettes=joined,
    )


def fit_detections(
    detections: Detections,
    body: BodyModel,
    *,
    fps: float,
    focal: float | None = None,
    height: float | None = None,
    times: np.ndarray | None = None,
    source: str = "",
    checkpoint: Path | None = None,
    without: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> Motion:
    """Fit the body to landmarks and masks that are already there; one row for each detected frame.

    Of a body with fingers its 24 joints are fitted: the motion's model is ``open`` or ``smpl``.

    Args:
        focal, height, checkpoint: as in :func:`fit_clip`.
        without: names of terms to leave out of the energy (see :mod:`smpl_fitting.objective`), for ablations.
    """
    progress = progress or Progress()
    body = without_fingers(body)
    seen = replace(observe(detections, default_intrinsics(detections.image_size, focal), fps), stature=height)
    kept = Checkpoint(checkpoint, body.v_template, detections.keypoints, repr((fps, focal, height, without)))

    def shape() -> tuple[Tensor]:
        return (solve_shape(body, seen, progress.part("", 0.0, 0.3), without=without),)

    [betas] = kept.tensors("shape", shape)
    solution = solve_motion(
        body, seen, betas, progress=progress.part("", 0.3, 0.7), without=without, checkpoint=kept
    )
    seen = replace(seen, contacts=torch.from_numpy(_place(body, solution, detections, seen.K, fps)[-1]))
    solution = solve_motion(
        body,
        seen,
        betas,
        solution,
        progress.part("", 0.7, 1.0),
        outlines=partial(_outlines, detections, max(1, round(OUTLINE_TIME * fps))),
        without=without,
        checkpoint=kept,
    )
    return _motion(body, solution, detections, seen.K, fps, times, source)


def _motion(
    body: BodyModel,
    solution: Parameters,
    detections: Detections,
    K: Tensor,
    fps: float,
    times: np.ndarray | None,
    source: str,
) -> Motion:
    poses, trans, R, t, contacts = _place(body, solution, detections, K, fps)
    count = len(poses)
    return Motion(
        poses=poses.numpy(),
        trans=trans.numpy(),
        betas=solution.betas.numpy(),
        fps=fps,
        model=body.name,
        gender=body.gender,
        camera_K=K.numpy(),
        camera_R=R.expand(count, 3, 3).numpy(),
        camera_t=t.expand(count, 3).numpy(),
        image_size=detections.image_size,
        keypoints=detections.keypoints.astype(np.float32),
        keypoints_world=detections.keypoints_world.astype(np.float32),
        confidence=detections.confidence.astype(np.float32),
        contacts=contacts,
        times=times,
        source=source,
    )


def _place(
    body: BodyModel, solution: Parameters, detections: Detections, K: Tensor, fps: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, np.ndarray]:
    """The solution in the world, and the contacts; see :func:`smpl_fitting.world.camera_to_world`."""
    seen = foot_visibility(detections.keypoints, detections.confidence, detections.image_size)
    return camera_to_world(
        body,
        solution.betas,
        solution.rotations,
        solution.trans,
        fps,
        confidence=seen,
        rays=foot_rays(detections.keypoints, K.numpy()),
        cuts=detections.cuts,
    )


def observe(detections: Detections, intrinsics: Tensor, fps: float | None) -> Observations:
    """What the solver needs of the detections: 3D landmarks in the camera's own axes, weights, outlines.

    intrinsics: (3, 3). fps: None for a photo.
    """
    keypoints = torch.as_tensor(detections.keypoints, dtype=torch.float32)
    found = torch.as_tensor(detections.confidence > 0)
    boxes = torch.as_tensor(detections.boxes, dtype=torch.float32)
    K = intrinsics.expand(len(keypoints), 3, 3)
    turn = view_rotation((boxes[:, :2] + boxes[:, 2:]) / 2, K)
    lifted = lift(keypoints, torch.as_tensor(detections.keypoints_world, dtype=torch.float32))
    if fps is not None:
        lifted = _steady(lifted, detections.found, LIFT_SMOOTHING * fps)
    heights = person_heights(keypoints, found)
    spreads = lifted.pixel_spreads * extent(keypoints)[1][:, 0] / heights[:, None]
    return Observations(
        keypoints=keypoints[..., :2] + lifted.offsets,
        weights=(LANDMARK_SPREAD / spreads).square().clamp_max(MOST_WEIGHT) * found[:, None],
        world=torch.einsum("tij,tnj->tni", turn, lifted.points),
        directions=torch.einsum("tij,tbj->tbi", turn, lifted.directions),
        direction_weights=lifted.direction_spreads.pow(-2) * found[:, None],
        heights=heights,
        K=K,
        frame_time=None if fps is None else 1 / fps,
        silhouettes=_silhouettes(detections),
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


def _outlines(detections: Detections, step: int, rows: range) -> Silhouettes | None:
    """Outlines of every ``step``-th of some rows, numbered from the first."""
    return gather_silhouettes(
        {row - rows.start: detections.mask(row) for row in rows[::step] if detections.confidence[row] > 0}
    )


def _silhouettes(detections: Detections) -> Silhouettes | None:
    """Outlines of the frames in which the person is seen best, spread over the clip."""
    visible = detections.confidence * detections.keypoints[..., 3].mean(-1)
    chosen = {
        int(part[np.argmax(visible[part])])
        for part in np.array_split(np.arange(len(visible)), min(SILHOUETTE_FRAMES, len(visible)))
    }
    return gather_silhouettes({i: detections.mask(i) for i in sorted(chosen) if detections.confidence[i] > 0})
