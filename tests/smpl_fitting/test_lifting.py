"""The lifter's answers: the same of a person anywhere in the picture, mirrored for one in a mirror."""

import numpy as np
import pytest
import torch

from smpl_fitting.landmarks import BONES, LANDMARK
from smpl_fitting.lifting import MIRROR, bone_directions, lift, mirrored


@pytest.fixture
def seen():
    """Landmarks of three upright people with a little noise, and those in space."""
    rng = np.random.default_rng(0)
    world = torch.from_numpy(rng.normal(0, 0.05, (3, 33, 3))).float()
    for name, index in LANDMARK.items():
        side = 0.15 * (name.startswith("left") - name.startswith("right"))
        height = {"nose": -0.6, "shoulder": -0.45, "elbow": -0.2, "wrist": 0.0, "knee": 0.45, "ankle": 0.85}
        world[:, index] += torch.tensor([side, next((h for n, h in height.items() if n in name), 0.0), 0.0])
    keypoints = torch.cat((world[..., :2] * 200 + 300, world[..., 2:] * 200, torch.ones(3, 33, 1)), -1)
    return keypoints, world


def test_place_and_size_in_the_picture_do_not_matter(seen):
    keypoints, world = seen
    here = lift(keypoints, world)
    moved = keypoints.clone()
    moved[..., :2] += 170
    there = lift(moved, world)
    assert torch.allclose(here.directions, there.directions, atol=1e-3)
    assert torch.allclose(here.offsets, there.offsets, atol=0.05)
    larger = keypoints.clone()
    larger[..., :3] *= 3
    assert torch.allclose(here.directions, lift(larger, world).directions, atol=1e-3)
    assert torch.allclose(3 * here.offsets, lift(larger, world).offsets, atol=0.1)


def test_a_mirror_shows_the_mirrored_answer(seen):
    here, there = lift(*seen), lift(*mirrored(*seen))
    over = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(here.points, there.points[:, MIRROR] * over, atol=1e-4)
    assert torch.allclose(here.pixel_spreads, there.pixel_spreads[:, MIRROR], rtol=1e-3)
    assert torch.allclose(here.offsets, there.offsets[:, MIRROR] * over[:2], atol=1e-2)


def test_bone_directions_are_unit_vectors_along_the_bones():
    points = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 33, 3))).float()
    start, end = BONES[4]
    bone = points[0, end] - points[0, start]
    assert torch.allclose(bone_directions(points)[0, 4], bone / bone.norm())
