"""Closed-form starts: exact answers come back exactly."""

import pytest
import torch

from smpl_fitting.geometry import axis_angle_to_matrix
from smpl_fitting.initialise import kabsch, poses_from_landmarks, translation_from_landmarks
from smpl_fitting.landmarks import BONES, JOINT


def test_kabsch_finds_the_rotation_and_never_a_reflection():
    generator = torch.Generator().manual_seed(0)
    rest = torch.randn(5, 3, generator=generator)
    rotation = axis_angle_to_matrix(torch.randn(7, 3, generator=generator))
    observed = torch.einsum("tij,nj->tni", rotation, rest)
    torch.testing.assert_close(kabsch(rest, observed, torch.ones(5)), rotation, atol=1e-5, rtol=0)
    mirrored = observed * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.linalg.det(kabsch(rest, mirrored, torch.ones(5))) == pytest.approx([1.0] * 7, abs=1e-4)


def test_translation_is_exact_on_exact_projections():
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(4, 20, 3, generator=generator) * 0.4
    truth = torch.tensor([[0.1, -0.2, 3.0], [1.0, 0.5, 6.0], [-2.0, 0.0, 9.0], [0.0, 0.0, 2.5]])
    K = torch.tensor([[900.0, 0, 320], [0, 950.0, 240], [0, 0, 1]]).expand(4, 3, 3)
    moved = points + truth[:, None]
    pixels = torch.einsum("tij,tnj->tni", K, moved)
    pixels = pixels[..., :2] / pixels[..., 2:]
    found = translation_from_landmarks(points, pixels, torch.ones(4, 20), K)
    torch.testing.assert_close(found, truth, atol=2e-3, rtol=0)


def test_limbs_point_where_the_landmarks_say(body):
    """Random limb poses about the pose prior: every bone of the first guess is within a few degrees."""
    generator = torch.Generator().manual_seed(2)
    betas, still = torch.zeros(body.num_betas), torch.zeros(16, 3)
    pose = torch.zeros(16, 24, 3)
    pose[:, 0] = torch.randn(16, 3, generator=generator)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, JOINT[f"{side}_shoulder"], 2] = -sign * 1.5 * torch.rand(16, generator=generator)
        pose[:, JOINT[f"{side}_elbow"], 1] = -sign * (0.3 + 1.5 * torch.rand(16, generator=generator))
        pose[:, JOINT[f"{side}_hip"], 0] = -1.2 * torch.rand(16, generator=generator)
        pose[:, JOINT[f"{side}_knee"], 0] = 0.4 + 1.2 * torch.rand(16, generator=generator)
    world = body.landmarks(betas, axis_angle_to_matrix(pose), still)
    rest = body.landmarks(betas, torch.eye(3).expand(1, 24, 3, 3), still[:1])[0]
    found = body.landmarks(betas, poses_from_landmarks(world, rest, body.parents), still)
    bones = torch.tensor(BONES)

    def directions(points):
        vectors = points[:, bones[:, 1]] - points[:, bones[:, 0]]
        return vectors / vectors.norm(dim=-1, keepdim=True)

    cosine = (directions(found) * directions(world)).sum(-1).clamp(-1, 1)
    degrees = torch.rad2deg(torch.acos(cosine))
    assert degrees.mean() < 3
    assert degrees.quantile(0.95) < 12
