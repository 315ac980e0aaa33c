"""Footage to motion: detect the person, solve for the body in all frames at once, place it in a Z-up world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.body.layouts import has_fingers, without_fingers
from smpl_fitting.checkpoint import Checkpoint
from smpl_fitting.contacts import foot_rays, foot_visibility
from smpl_fitting.detection import Detections, detect
from smpl_fitting.errors import NobodyFoundError
from smpl_fitting.guests import as_initial
from smpl_fitting.hands import fit_hands_and_head
from smpl_fitting.motion import Motion
from smpl_fitting.observations import Observations, Parameters
from smpl_fitting.observe import observe, outlines, together
from smpl_fitting.progress import Progress
from smpl_fitting.solver import initial_parameters, refine_motion, solve_motion, solve_photos, solve_shape
from smpl_fitting.video import Footage, open_footage
from smpl_fitting.world import camera_to_world, default_intrinsics

STILL_RATE = 30.0  # frames a second written for a photo, whose motion has one frame


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
    start: Motion | None = None,
    detections: Detections | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Fit the body to the person in a clip or photo; a body with fingers gets them, and its head, from a closer look.

    Args:
        frames: which frames to fit (all of them); the motion has one row for each.
        focal: focal length in pixels, when it is known.
        height: the person's stature in metres, without shoes, when it is known.
        start: the same clip's motion by another tool (:mod:`smpl_fitting.guests`), which is refined.
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
        start=start,
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
    photos = replace(together(seen), stature=height)
    limbs = without_fingers(body)
    solution = solve_photos(limbs, photos, progress.part("Fitting the body", 0.5, 1.0))
    fits = []
    for index, (path, one) in enumerate(zip(stills, found, strict=True)):
        row = slice(index, index + 1)
        alone = solution.rows(row)
        motion = _motion(limbs, alone, one, seen[index].K, STILL_RATE, np.zeros(1), str(path))
        if has_fingers(body):
            motion = fit_hands_and_head(motion, body, open_footage(path), one)
        fits.append(Fit(motion, one))
    return fits


def fit_detections(
    detections: Detections,
    body: BodyModel,
    *,
    fps: float,
    focal: float | None = None,
    height: float | None = None,
    start: Motion | None = None,
    times: np.ndarray | None = None,
    source: str = "",
    checkpoint: Path | None = None,
    without: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> Motion:
    """Fit the body to landmarks and masks that are already there; one row for each detected frame.

    Of a body with fingers its 24 joints are fitted: the motion's model is ``open`` or ``smpl``.

    Args:
        focal, height, start, checkpoint: as in :func:`fit_clip`.
        without: names of terms to leave out of the energy (see :mod:`smpl_fitting.objective`), for ablations.
    """
    progress = progress or Progress()
    body = without_fingers(body)
    seen = replace(observe(detections, default_intrinsics(detections.image_size, focal), fps), stature=height)
    kept = Checkpoint(checkpoint, body.v_template, detections.keypoints, repr((fps, focal, height, without)))

    def shape() -> tuple[Tensor]:
        return (solve_shape(body, seen, progress.part("", 0.0, 0.3), without=without),)

    [betas] = kept.tensors("shape", shape)
    begin = (
        None if start is None else _from_guest(start, body, seen, betas, times, fps, detections.image_size)
    )
    solving = progress.part("", 0.3, 0.7)
    solution = solve_motion(body, seen, betas, begin, solving, without=without, checkpoint=kept)
    seen = replace(seen, contacts=torch.from_numpy(_place(body, solution, detections, seen.K, fps)[-1]))
    drawn, refining = partial(outlines, detections, fps), progress.part("", 0.7, 1.0)
    solution = refine_motion(body, seen, solution, drawn, refining, without=without, checkpoint=kept)
    return _motion(body, solution, detections, seen.K, fps, times, source)


def _from_guest(
    guest: Motion,
    body: BodyModel,
    seen: Observations,
    betas: Tensor,
    times: np.ndarray | None,
    fps: float,
    image_size: tuple[int, int],
) -> Parameters:
    """Where the fit begins: the guest's limbs; heading and place too, where it has cameras, else the picture's."""
    times = np.arange(len(seen.K)) / fps if times is None else times
    given = as_initial(guest, body, times, seen.K.numpy(), image_size)
    rotations = torch.as_tensor(given.rotations, dtype=torch.float32)
    if given.trans is not None:
        return Parameters(rotations, torch.as_tensor(given.trans, dtype=torch.float32), betas)
    pictured = initial_parameters(body, seen, betas)
    return Parameters(torch.cat((pictured.rotations[:, :1], rotations[:, 1:]), 1), pictured.trans, betas)


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
