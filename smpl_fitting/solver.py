"""Minimises the objective over all frames of a clip at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import matrix_to_rotation_6d
from smpl_fitting.initialise import poses_from_landmarks, translation_from_landmarks
from smpl_fitting.objective import Objective, Observations, Parameters, landmark_weights
from smpl_fitting.progress import Progress
from smpl_fitting.silhouette import surface_sample

ROUGH_STEPS, LANDMARK_STEPS, SILHOUETTE_STEPS = 150, 150, 120
ROUGH_OUTLIER = 0.3  # of the height: at first every landmark pulls, however far (graduated non-convexity)
POSE_RATE, TRANS_RATE, SHAPE_RATE = 0.02, 0.02, 0.05


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


def initial_parameters(body: BodyModel, seen: Observations) -> Parameters:
    """Pose in closed form from the 3D landmarks, place from the 2D ones, an average shape."""
    betas = torch.zeros(body.num_betas)
    still = torch.zeros(1, 3)
    identity = torch.eye(3).expand(1, body.num_joints, 3, 3)
    rest = body.landmarks(betas, identity, still)[0]
    rotations = torch.eye(3).expand(len(seen.world), body.num_joints, 3, 3).clone()
    rotations[:, :24] = poses_from_landmarks(seen.world, rest, body.parents)
    points = body.landmarks(betas, rotations, still.expand(len(rotations), 3))
    weights = landmark_weights() * seen.weights
    trans = translation_from_landmarks(points, seen.keypoints, weights, seen.K)
    trans = _fill_gaps(trans, seen.weights.sum(-1) > 0)
    return Parameters(matrix_to_rotation_6d(rotations), trans, betas)


def solve(body: BodyModel, seen: Observations, progress: Progress | None = None) -> Parameters:
    """Fit the body to what was seen: landmarks first, then the outlines as well where there are any.

    Raises:
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    with _one_thread():
        return _solve(body, seen, progress)


def _solve(body: BodyModel, seen: Observations, progress: Progress) -> Parameters:
    parameters = initial_parameters(body, seen)
    sample = surface_sample(body.v_template)
    landmarks_only = replace(seen, silhouettes=None)
    stages = [
        (Objective(body, landmarks_only, sample, ROUGH_OUTLIER), ROUGH_STEPS, 1.0),
        (Objective(body, landmarks_only, sample), LANDMARK_STEPS, 0.6),
    ]
    if seen.silhouettes is not None:
        stages.append((Objective(body, seen, sample), SILHOUETTE_STEPS, 0.5))
    total = sum(steps for _, steps, _ in stages)
    done = 0
    for objective, steps, rate in stages:
        part = progress.part("", done / total, (done + steps) / total)
        parameters = _descend(objective, parameters, steps, rate, part)
        done += steps
    return parameters


def _descend(
    objective: Objective, start: Parameters, steps: int, rate: float, progress: Progress
) -> Parameters:
    """Adam with a cosine-annealed rate; returns detached parameters."""
    free = [value.detach().clone().requires_grad_(True) for value in (start.pose, start.trans, start.betas)]
    rates = (POSE_RATE, TRANS_RATE, SHAPE_RATE)
    groups = [{"params": [value], "lr": rate * own} for value, own in zip(free, rates, strict=True)]
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=0.0)
    for step in range(steps):
        optimizer.zero_grad(set_to_none=True)
        objective.total(Parameters(*free)).backward()
        optimizer.step()
        schedule.step()
        progress.update((step + 1) / steps)
    return Parameters(*(value.detach() for value in free))


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
