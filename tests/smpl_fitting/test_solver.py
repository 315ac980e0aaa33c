"""The second-order solver: its derivatives against differences, its banded solution against a dense one."""

import numpy as np
import pytest
import torch

from smpl_fitting import solver
from smpl_fitting.checkpoint import Checkpoint
from smpl_fitting.geometry import axis_angle_to_matrix, matrix_to_axis_angle
from smpl_fitting.landmarks import BONES
from smpl_fitting.lifting import bone_directions
from smpl_fitting.normal_equations import NormalEquations
from smpl_fitting.objective import Objective
from smpl_fitting.observations import Observations, Parameters
from smpl_fitting.priors import inverse_right_jacobian
from smpl_fitting.silhouette import gather_silhouettes


@pytest.fixture
def random_problem(body):
    """Three frames of a random pose, and random observations: every term is at work."""
    torch.manual_seed(0)
    rotations = axis_angle_to_matrix(0.3 * torch.randn(3, body.num_joints, 3))
    rotations[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ rotations[:, 0]
    parameters = Parameters(
        rotations, torch.randn(3, 3) * 0.2 + torch.tensor([0, 0, 4.0]), 0.5 * torch.randn(body.num_betas)
    )
    mask = torch.zeros(700, 900)
    mask[150:650, 350:550] = 1
    seen = Observations(
        keypoints=torch.rand(3, 33, 2) * 800,
        weights=torch.ones(3, 33),
        world=torch.zeros(3, 33, 3),
        directions=torch.nn.functional.normalize(torch.randn(3, len(BONES), 3), dim=-1),
        direction_weights=10 * torch.rand(3, len(BONES)),
        heights=torch.full((3,), 500.0),
        K=torch.tensor([[1000.0, 0, 450], [0, 1000, 350], [0, 0, 1]]).expand(3, 3, 3),
        frame_time=1 / 30,
        silhouettes=gather_silhouettes({1: (mask.numpy(), np.array([0, 0, 900, 700]))}, (700, 900)),
        contacts=torch.rand(3, 4),
        stature=1.7,
    )
    return seen, parameters


@pytest.mark.parametrize(
    "term",
    ["landmarks", "bones", "pose", "limits", "smooth", "contacts", "silhouette", "shape"],
)
def test_gradients_are_the_energies_slopes(body, random_problem, term):
    seen, parameters = random_problem
    sample = torch.arange(0, body.num_vertices, 40)
    objective = Objective(body, seen, sample, outlier=1.0)
    others = frozenset(objective.linearize(parameters).energies) - {term}
    objective = Objective(body, seen, sample, outlier=1.0, without=others)
    equations = objective.linearize(parameters).equations
    torch.manual_seed(1)
    step, shape_step = torch.randn(3, objective.unknowns), torch.randn(body.num_betas)
    if term in ("smooth", "contacts"):  # their small part of the shape is neglected
        shape_step = 0 * shape_step

    def energy(size: float) -> float:
        moved = objective.moved(parameters, size * step, size * shape_step)
        return float(objective.linearize(moved).energies[term].double())

    # the outline's distance field has kinks: a shorter way
    way = 1e-4 if term == "silhouette" else 1e-3
    slope = (energy(way) - energy(-way)) / (2 * way)
    gradient = (equations.gradient * step).sum() + (equations.shared_gradient * shape_step).sum()
    assert float(gradient) == pytest.approx(slope, rel=0.03, abs=0.5)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7])
def test_the_banded_solution_is_the_dense_one(frames):
    torch.manual_seed(frames)
    unknowns, shared, rows = 6, 3, 9
    equations = NormalEquations(frames, unknowns, shared)
    size = frames * unknowns + shared
    dense, slope = torch.zeros(size, size), torch.zeros(size)

    def own(frame: int) -> slice:
        return slice(frame * unknowns, (frame + 1) * unknowns)

    def add_dense(jacobian, residual):
        dense.add_(jacobian.T @ jacobian)
        slope.add_(jacobian.T @ residual)

    residuals = torch.randn(frames, rows)
    jacobians = torch.randn(frames, rows, unknowns), torch.randn(frames, rows, shared)
    equations.add(residuals, *jacobians)
    for frame in range(frames):
        wide = torch.zeros(rows, size)
        wide[:, own(frame)], wide[:, frames * unknowns :] = jacobians[0][frame], jacobians[1][frame]
        add_dense(wide, residuals[frame])
    for stencil in ((-1.0, 1.0), (1.0, -2.0, 1.0)):
        count = max(frames + 1 - len(stencil), 0)
        residuals, weights = torch.randn(count, rows), torch.rand(count, rows)
        jacobian = torch.randn(frames, rows, unknowns)
        equations.add_difference(residuals, jacobian, weights, stencil)
        for frame in range(count):
            wide = torch.zeros(rows, size)
            for offset, share in enumerate(stencil):
                wide[:, own(frame + offset)] = share * weights[frame][:, None] * jacobian[frame + offset]
            add_dense(wide, residuals[frame])
    step, shape_step = equations.solve(0.1)
    dense += torch.diag(0.1 * dense.diagonal() + 1e-6)
    expected = -torch.linalg.solve(dense.double(), slope.double()).float()
    torch.testing.assert_close(torch.cat((step.flatten(), shape_step)), expected, atol=1e-4, rtol=1e-3)


def test_the_logarithm_moves_as_its_jacobian_says():
    torch.manual_seed(0)
    angles = torch.randn(50, 3, dtype=torch.float64)
    turns = 1e-6 * torch.randn(50, 3, dtype=torch.float64)
    after = matrix_to_axis_angle(axis_angle_to_matrix(angles) @ axis_angle_to_matrix(turns))
    predicted = (inverse_right_jacobian(angles.float()).double() @ turns[..., None])[..., 0]
    near = angles.norm(dim=-1) < 3.0
    torch.testing.assert_close((after - angles)[near], predicted[near], atol=2e-9, rtol=1e-3)


def test_windows_join_without_a_seam(body, walk, monkeypatch):
    """A clip solved in windows is the clip solved at once."""
    seen, betas = walk
    whole = solver.solve_motion(body, seen, betas)
    monkeypatch.setattr(solver, "WINDOW", 50)
    pieces = solver.solve_motion(body, seen, betas)
    joints = [body.joints(betas, found.rotations, found.trans) for found in (whole, pieces)]
    assert (joints[0] - joints[1]).norm(dim=-1).max() < 5e-4


def test_a_killed_fit_goes_on_where_it_stopped(body, walk, monkeypatch, tmp_path):
    seen, betas = walk
    monkeypatch.setattr(solver, "WINDOW", 50)
    whole = solver.solve_motion(body, seen, betas, checkpoint=Checkpoint(tmp_path))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3
    (tmp_path / names[1]).write_bytes(b"half written")
    (tmp_path / names[2]).unlink()
    again = solver.solve_motion(body, seen, betas, checkpoint=Checkpoint(tmp_path))
    torch.testing.assert_close(again.rotations, whole.rotations, atol=0, rtol=0)
    torch.testing.assert_close(again.trans, whole.trans, atol=0, rtol=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    solver.solve_motion(body, seen, betas + 0.1, checkpoint=Checkpoint(tmp_path))
    assert len(list(tmp_path.iterdir())) == 6  # another shape's windows are others


@pytest.fixture
def walk(body):
    """150 frames of a body that walks to and fro, seen with some noise."""
    torch.manual_seed(0)
    phase = torch.linspace(0, 20, 150)
    pose = torch.zeros(150, body.num_joints, 3)
    for joint, sign in ((1, 1), (2, -1)):
        pose[:, joint, 0] = -0.4 * sign * torch.sin(phase)
        pose[:, joint + 3, 0] = 0.4 + 0.3 * sign * torch.cos(phase)
        pose[:, joint + 15, 2] = -1.2 * sign
    rotations = axis_angle_to_matrix(pose)
    rotations[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ rotations[:, 0]
    trans = torch.stack([0.5 * torch.sin(phase / 5), 0 * phase, 4 + 0 * phase], -1)
    betas = torch.zeros(body.num_betas)
    points = body.landmarks(betas, rotations, trans)
    K = torch.tensor([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]]).expand(150, 3, 3)
    pixels = torch.einsum("tij,tnj->tni", K, points)
    seen = Observations(
        keypoints=pixels[..., :2] / pixels[..., 2:] + torch.randn(150, 33, 2),
        weights=torch.ones(150, 33),
        world=points,
        directions=bone_directions(points + 0.02 * torch.randn(150, 33, 3)),
        direction_weights=torch.full((150, len(BONES)), 50.0),
        heights=torch.full((150,), 430.0),
        K=K,
        frame_time=1 / 30,
    )
    return seen, betas
