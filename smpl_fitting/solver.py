"""Solves for the body in all frames at once: Levenberg-Marquardt steps on analytic Jacobians.

First the shape, from frames spread over the clip taken as photos of one person; then the motion, all frames together,
with the shape held.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.checkpoint import Checkpoint
from smpl_fitting.initialise import poses_from_landmarks, translation_from_landmarks
from smpl_fitting.objective import Objective, landmark_weights
from smpl_fitting.observations import PER_FRAME, Observations, Parameters
from smpl_fitting.progress import Progress
from smpl_fitting.silhouette import Silhouettes, surface_sample

ROUGH_OUTLIER = 0.3  # of the height: at first every landmark pulls, however far (graduated non-convexity)
ROUGH_STEPS, FINE_STEPS, LAST_STEPS = 8, 12, 6
ENOUGH = 1e-4  # share of the energy below which a step's gain ends the stage
DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-5, 1e4
SHAPE_FRAMES = 48
COARSE = 0.04  # metres between the points of the surface that are held to a moving outline
WINDOW, OVERLAP = 400, 40  # frames solved together, and how far windows reach into their neighbours


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread: the tensors are small, and threads that wait for each other took 20 times as long
    on a machine whose two cores were also busy with something else (0.25 s a step instead of 0.012 s)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def solve_photos(
    body: BodyModel,
    seen: Observations,
    progress: Progress | None = None,
    *,
    without: frozenset[str] = frozenset(),
) -> Parameters:
    """Fit photos of one person: a pose and a place each, one shape for all; landmarks first, then outlines too.

    Raises:
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    landmarks_only = replace(seen, silhouettes=None)
    with _one_thread(), torch.no_grad():
        parameters = initial_parameters(body, seen, torch.zeros(body.num_betas))
        rough = Objective(body, landmarks_only, outlier=ROUGH_OUTLIER, without=without)
        parameters = minimise(rough, parameters, ROUGH_STEPS, progress.part("", 0.0, 0.2))
        fine = Objective(body, landmarks_only, without=without)
        parameters = minimise(fine, parameters, FINE_STEPS, progress.part("", 0.2, 0.5))
        if seen.silhouettes is not None:
            outlined = Objective(body, seen, surface_sample(body.v_template), without=without)
            parameters = minimise(outlined, parameters, FINE_STEPS, progress.part("", 0.5, 1.0))
    return parameters


def solve_shape(
    body: BodyModel,
    seen: Observations,
    progress: Progress | None = None,
    *,
    without: frozenset[str] = frozenset(),
) -> Tensor:
    """(B,) betas of the person of a clip, from frames spread over it and taken as photos."""
    rows = _spread_frames(seen)
    photos = replace(seen.rows(rows), frame_time=None, contacts=None)
    if seen.silhouettes is not None:
        places = torch.searchsorted(rows, seen.silhouettes.frames)
        photos = replace(photos, silhouettes=replace(seen.silhouettes, frames=places))
    return solve_photos(body, photos, progress, without=without).betas


def solve_motion(
    body: BodyModel,
    seen: Observations,
    betas: Tensor,
    start: Parameters | None = None,
    progress: Progress | None = None,
    *,
    without: frozenset[str] = frozenset(),
    checkpoint: Checkpoint | None = None,
) -> Parameters:
    """Fit the motion of a clip, the shape given, from ``start`` where there is one.

    Long clips are solved in windows that overlap: what a frame says is felt over some ten frames around it, so
    the middles of the windows are those of the whole (see the tests).

    Raises:
        Cancelled: through ``progress``.
    """

    def solve(rows: slice, part: Progress) -> Parameters:
        view = _shot(seen, rows)
        begin = initial_parameters(body, view, betas) if start is None else start.rows(rows)
        rough = Objective(body, view, outlier=ROUGH_OUTLIER, shape=False, without=without)
        begin = minimise(rough, replace(begin, betas=betas), ROUGH_STEPS, part.part("", 0.0, 0.4))
        fine = Objective(body, view, shape=False, without=without)
        return minimise(fine, begin, FINE_STEPS, part.part("", 0.4, 1.0))

    return _in_windows("motion", seen, start, betas, solve, progress, checkpoint)


def refine_motion(
    body: BodyModel,
    seen: Observations,
    start: Parameters,
    outlines: Callable[[range], Silhouettes | None],
    progress: Progress | None = None,
    *,
    without: frozenset[str] = frozenset(),
    checkpoint: Checkpoint | None = None,
) -> Parameters:
    """Go on from a fit with all that it made known (contacts), and with outlines.

    Args:
        outlines: gives those of some rows, whose numbers count from the first of them.

    Raises:
        Cancelled: through ``progress``.
    """
    sample = surface_sample(body.v_template, COARSE)

    def solve(rows: slice, part: Progress) -> Parameters:
        view = replace(_shot(seen, rows), silhouettes=outlines(range(rows.start, rows.stop)))
        objective = Objective(body, view, sample, shape=False, without=without)
        return minimise(objective, start.rows(rows), LAST_STEPS, part)

    return _in_windows("refined", seen, start, start.betas, solve, progress, checkpoint)


def _shot(seen: Observations, rows: slice) -> Observations:
    return replace(seen.rows(rows), cuts=tuple(cut - rows.start for cut in seen.cuts))


def _in_windows(
    name: str,
    seen: Observations,
    start: Parameters | None,
    betas: Tensor,
    solve: Callable[[slice, Progress], Parameters],
    progress: Progress | None,
    checkpoint: Checkpoint | None,
) -> Parameters:
    """The clip from its windows, each kept under ``name`` and everything that its result depends on."""
    progress, checkpoint = progress or Progress(), checkpoint or Checkpoint(None)
    windows = list(_windows(len(seen.heights)))
    pieces = []
    for number, (rows, kept) in enumerate(windows):

        def make(rows: slice = rows, number: int = number) -> tuple[Tensor, Tensor]:
            part = progress.part("", number / len(windows), (number + 1) / len(windows))
            with _one_thread(), torch.no_grad():
                found = solve(rows, part)
            return found.rotations, found.trans

        given = [getattr(seen, field)[rows] for field in PER_FRAME] + [
            betas,
            repr((seen.frame_time, seen.cuts)),
        ]
        given += [] if seen.contacts is None else [seen.contacts[rows]]
        given += [] if start is None else [start.rotations[rows], start.trans[rows]]
        rotations, trans = checkpoint.tensors(f"{name}_{number:04d}", make, *given)
        inside = slice(kept.start - rows.start, kept.stop - rows.start)
        pieces.append(Parameters(rotations[inside], trans[inside], betas))
    return Parameters.join(pieces)


def _windows(frames: int) -> Iterator[tuple[slice, slice]]:
    """What is solved together, and which of it is kept."""
    count = max(1, math.ceil(frames / WINDOW))
    edges = [round(frames * k / count) for k in range(count + 1)]
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        yield slice(max(0, start - OVERLAP), min(frames, stop + OVERLAP)), slice(start, stop)


def minimise(objective: Objective, start: Parameters, steps: int, progress: Progress) -> Parameters:
    """Levenberg-Marquardt (Marquardt 1963): at most ``steps`` steps, fewer where they gain nothing more."""
    parameters, damping = start, DAMPING
    here = objective.linearize(parameters)
    for step in range(steps):
        try:
            trial = objective.moved(parameters, *here.equations.solve(damping))
        except torch.linalg.LinAlgError:  # not positive definite in single precision: a shorter step
            gain = 0.0
        else:
            there = objective.linearize(trial)
            gain = here.total - there.total
        if gain > 0:
            parameters, here = trial, there
            damping = max(damping / 5, LEAST_DAMPING)
            if gain < ENOUGH * there.total:
                break
        else:
            damping = damping * 10
            if damping > MOST_DAMPING:
                break
        progress.update((step + 1) / steps)
    progress.update(1.0)
    return parameters


def initial_parameters(body: BodyModel, seen: Observations, betas: Tensor) -> Parameters:
    """Pose in closed form from the 3D landmarks, place from the 2D ones."""
    still = torch.zeros(1, 3)
    identity = torch.eye(3).expand(1, body.num_joints, 3, 3)
    rest = body.landmarks(betas, identity, still)[0]
    rotations = torch.eye(3).expand(len(seen.world), body.num_joints, 3, 3).clone()
    rotations[:, :24] = poses_from_landmarks(seen.world, rest, body.parents)
    rotations[:, 22:] = torch.eye(3)  # hands as they are at rest: 22 and 23 are fingers in some models
    points = body.landmarks(betas, rotations, still.expand(len(rotations), 3))
    weights = landmark_weights() * seen.weights
    trans = translation_from_landmarks(points, seen.keypoints, weights, seen.K)
    trans = _fill_gaps(trans, seen.weights.sum(-1) > 0)
    return Parameters(rotations, trans, betas)


def _spread_frames(seen: Observations) -> Tensor:
    """Rows spread over the clip, the best seen of each stretch, with all that have outlines."""
    visible = seen.weights.mean(-1)
    parts = torch.arange(len(visible)).tensor_split(min(SHAPE_FRAMES, len(visible)))
    best = [int(part[visible[part].argmax()]) for part in parts]
    rows = {row for row in best if visible[row] > 0}
    if seen.silhouettes is not None:
        rows |= set(seen.silhouettes.frames.tolist())
    return torch.tensor(sorted(rows))


def _fill_gaps(values: Tensor, valid: Tensor) -> Tensor:
    """Linear interpolation of (T, C) rows where ``valid`` (T,) is false; the ends are held."""
    if bool(valid.all()) or not bool(valid.any()):
        return values
    known = torch.nonzero(valid)[:, 0]
    rows = torch.arange(len(values))
    after = torch.searchsorted(known, rows).clamp(max=len(known) - 1)
    before = (after - 1).clamp_min(0)
    low, high = known[before], known[after]
    share = ((rows - low) / (high - low).clamp_min(1)).clamp(0, 1)[:, None]
    filled = values[low] * (1 - share) + values[high] * share
    return torch.where(valid[:, None], values, filled)
