"""Fit a range of a clip again, the person's shape and the cameras given."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.jobs._inputs import body_model, parameter
from neural.jobs._motions import read_own_motion
from neural.jobs._ranges import chosen_rows, widened
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError, NobodyFoundError

if TYPE_CHECKING:
    from smpl_fitting.body import BodyModel
    from smpl_fitting.detection import Detections
    from smpl_fitting.motion import Motion
    from smpl_fitting.observations import Parameters
    from smpl_fitting.progress import Progress
    from smpl_fitting.video import Footage

_MARGIN = 10  # frames beside the range that are fitted too: about as far as one frame's word is felt


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Fit some rows of a motion to their footage again.

    Params:
        motion: the motion file of a fit, with cameras and landmarks. frames: ``[first, last]`` rows.
        out: the motion file (``.npz``) to write, with those rows only.
        clip: optional, the footage; default: the motion's own ``source``.
        start: optional, a motion file with a row for each of the motion's, from whose poses the fit begins (what the
            artist has posed by hand); default: what the landmarks say.
        shape: optional betas of the body that ``start`` is of and that the result shall be of; default: the motion's.
        body: ``open``, ``open_h`` or a model file.

    Returns:
        ``motion`` (the file written) and ``frames``.

    Raises:
        LiquidMotionError: a file is missing or broken, the motion is no fit, has no such rows, or nobody is found.
    """
    from smpl_fitting.video import open_footage
    from smpl_fitting.world import with_shape

    out = Path(parameter(params, "out"))
    body = body_model(params, context)
    path = parameter(params, "motion")
    motion = read_own_motion(path, body)
    if not motion.has_cameras or motion.keypoints is None:
        raise LiquidMotionError(
            f"{path}: is no fit of footage (no cameras or landmarks); choose the fitted motion"
        )
    rows = chosen_rows(params, motion)
    start = None
    if params.get("start"):
        start = _same_rows(read_own_motion(params["start"], body), motion, params["start"])
        start = with_shape(start, body, motion.betas)
    footage = open_footage(Path(params.get("clip") or motion.source))
    wide, inside = widened(rows, _MARGIN, motion.frame_count)
    part = motion.select(wide)
    found = _detect(footage, part, context.progress.part("Finding the person", 0.0, 0.5))
    began = None if start is None else start.select(wide)
    fitted = _solve(part, found, body, began, context.progress.part("Fitting the body", 0.5, 1.0)).select(
        inside
    )
    if params.get("shape") is not None:
        fitted = with_shape(fitted, body, np.asarray(params["shape"], np.float32))
    fitted.save(out)
    return {"motion": out, "frames": fitted.frame_count}


def _same_rows(start: Motion, motion: Motion, path: str) -> Motion:
    if start.frame_count != motion.frame_count:
        raise LiquidMotionError(
            f"{path}: has {start.frame_count} rows, the fit {motion.frame_count}; the start needs a row for each"
        )
    return start


def _detect(footage: Footage, part: Motion, progress: Progress) -> Detections:
    """Look at the frames again, for the person who was fitted before."""
    from smpl_fitting.detection import detect

    frames = _footage_frames(footage, part)
    assert part.keypoints is not None
    seen = part.keypoints[..., 3].mean(1) * (1 if part.confidence is None else part.confidence)
    best = int(np.argmax(seen))
    low, high = part.keypoints[best, :, :2].min(0), part.keypoints[best, :, :2].max(0)
    size = np.array(footage.image_size[::-1])
    (x0, y0), (x1, y1) = np.clip(low, 0, size - 1), np.clip(high, 1, size)
    person = f"{x0:.0f},{y0:.0f},{x1:.0f},{y1:.0f}@{frames[best]}"
    found = detect(footage, frames=frames, person=person, progress=progress)
    if not found.found.any():
        raise NobodyFoundError(f"{footage.path}: nobody was found in frames {frames[0]} to {frames[-1]}")
    return found


def _footage_frames(footage: Footage, part: Motion) -> range:
    """Which frames of the footage the rows are of."""
    times = np.asarray(footage.times)
    if part.times is None:
        raise LiquidMotionError(
            f"{footage.path}: the motion does not say which frames it is of; fit the clip again"
        )
    nearest = np.abs(times[None] - part.times[:, None]).argmin(1)
    step = int(nearest[1] - nearest[0]) if len(nearest) > 1 else 1
    frames = range(int(nearest[0]), int(nearest[-1]) + 1, max(step, 1))
    if len(frames) != part.frame_count or np.abs(times[list(frames)] - part.times).max() > 0.5 / footage.fps:
        raise LiquidMotionError(f"{footage.path}: is not the clip that was fitted; choose that one")
    return frames


def _solve(
    part: Motion, found: Detections, body: BodyModel, start: Motion | None, progress: Progress
) -> Motion:
    """The rows fitted again, in the motion's own world."""
    import torch

    from smpl_fitting.body.layouts import without_fingers
    from smpl_fitting.geometry import matrix_to_axis_angle
    from smpl_fitting.observe import observe, outlines
    from smpl_fitting.solver import refine_motion, solve_motion

    limbs = without_fingers(body)
    K = torch.as_tensor(part.camera_K, dtype=torch.float32)
    betas = torch.as_tensor(part.betas, dtype=torch.float32)
    seen = dataclasses.replace(observe(found, K[0], part.fps), K=K)
    begin = None if start is None else _in_camera(start, part, limbs)
    solution = solve_motion(limbs, seen, betas, begin, progress.part("", 0.0, 0.6))
    if part.contacts is not None:
        seen = dataclasses.replace(seen, contacts=torch.as_tensor(part.contacts, dtype=torch.float32))
    drawn = partial(outlines, found, part.fps)
    solution = refine_motion(limbs, seen, solution, drawn, progress.part("", 0.6, 1.0))
    R, t = (torch.as_tensor(value, dtype=torch.float32) for value in (part.camera_R, part.camera_t))
    rest = limbs.shaped(betas)[1][0]
    pelvis = ((rest + solution.trans - t)[:, None] @ R)[:, 0]
    turned = torch.cat([(R.mT @ solution.rotations[:, 0])[:, None], solution.rotations[:, 1:]], 1)
    solved = matrix_to_axis_angle(turned).flatten(1).numpy()
    poses = part.poses.copy()
    kept = (
        poses.shape[1] if poses.shape[1] == solved.shape[1] else 66
    )  # of a body with fingers: all but its hands
    poses[:, :kept] = solved[:, :kept]
    return dataclasses.replace(
        part,
        poses=poses,
        trans=(pelvis - rest).numpy(),
        keypoints=found.keypoints.astype(np.float32),
        keypoints_world=found.keypoints_world.astype(np.float32),
        confidence=found.confidence.astype(np.float32),
    )


def _in_camera(start: Motion, part: Motion, limbs: BodyModel) -> Parameters:
    """The start as the solver's parameters, seen from the fit's cameras."""
    import torch

    from smpl_fitting.geometry import axis_angle_to_matrix
    from smpl_fitting.observations import Parameters

    R, t = (torch.as_tensor(value, dtype=torch.float32) for value in (part.camera_R, part.camera_t))
    betas = torch.as_tensor(part.betas, dtype=torch.float32)
    poses = torch.zeros(start.frame_count, 3 * limbs.num_joints)
    given = torch.as_tensor(start.poses, dtype=torch.float32)
    kept = poses.shape[1] if given.shape[1] == poses.shape[1] else 66
    poses[:, :kept] = given[:, :kept]
    rotations = axis_angle_to_matrix(poses.view(len(poses), -1, 3))
    rest = limbs.shaped(betas)[1][0]
    pelvis = rest + torch.as_tensor(start.trans, dtype=torch.float32)
    turned = torch.cat([(R @ rotations[:, 0])[:, None], rotations[:, 1:]], 1)
    return Parameters(turned, (R @ pelvis[..., None])[..., 0] + t - rest, betas)
