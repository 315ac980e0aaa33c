"""The lifter's answers: the same of a person anywhere in the picture, mirrored for one in a mirror, over time."""

import dataclasses

import numpy as np
import pytest
import torch

from smpl_fitting import lifting
from smpl_fitting.landmarks import BONES, LANDMARK
from smpl_fitting.lifting import MIRROR, REACH, bone_directions, frames_around, lift, mirrored


@pytest.fixture
def seen():
    """Landmarks of an upright person in three frames with a little noise, and those in space."""
    rng = np.random.default_rng(0)
    world = torch.from_numpy(rng.normal(0, 0.05, (3, 33, 3))).float()
    for name, index in LANDMARK.items():
        side = 0.15 * (name.startswith("left") - name.startswith("right"))
        height = {"nose": -0.6, "shoulder": -0.45, "elbow": -0.2, "wrist": 0.0, "knee": 0.45, "ankle": 0.85}
        world[:, index] += torch.tensor([side, next((h for n, h in height.items() if n in name), 0.0), 0.0])
    keypoints = torch.cat((world[..., :2] * 200 + 300, world[..., 2:] * 200, torch.ones(3, 33, 1)), -1)
    return keypoints, world


AROUND = frames_around(np.ones(3, bool), 10.0)


def test_place_and_size_in_the_picture_do_not_matter(seen):
    keypoints, world = seen
    here = lift(keypoints, world, AROUND)
    moved = keypoints.clone()
    moved[..., :2] += 170
    there = lift(moved, world, AROUND)
    assert torch.allclose(here.directions, there.directions, atol=1e-3)
    assert torch.allclose(here.offsets, there.offsets, atol=0.05)
    larger = keypoints.clone()
    larger[..., :3] *= 3
    assert torch.allclose(here.directions, lift(larger, world, AROUND).directions, atol=1e-3)
    assert torch.allclose(3 * here.offsets, lift(larger, world, AROUND).offsets, atol=0.1)


def test_a_mirror_shows_the_mirrored_answer(seen):
    here, there = lift(*seen, AROUND), lift(*mirrored(*seen), AROUND)
    over = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(here.points, there.points[:, MIRROR] * over, atol=1e-4)
    assert torch.allclose(here.pixel_spreads, there.pixel_spreads[:, MIRROR], rtol=1e-3)
    assert torch.allclose(here.offsets, there.offsets[:, MIRROR] * over[:2], atol=1e-2)


def test_other_frames_are_read_where_they_are_told(seen):
    alone = frames_around(np.ones(1, bool), 10.0)
    together, apart = lift(*seen, AROUND), lift(*seen, frames_around(np.ones(3, bool), 10.0, cuts=(1, 2)))
    for row in range(3):
        by_itself = lift(*(one[row : row + 1] for one in seen), alone)
        assert torch.allclose(apart.directions[row], by_itself.directions[0], atol=1e-5)
    assert not torch.allclose(together.directions, apart.directions, atol=1e-3)


def test_long_clips_in_pieces(seen, monkeypatch):
    keypoints, world = (one.repeat(30, *[1] * (one.ndim - 1)) for one in seen)
    keypoints = keypoints + torch.randn(keypoints.shape, generator=torch.Generator().manual_seed(1))
    around = frames_around(np.arange(90) % 17 > 0, 20.0, cuts=(40,))
    whole = lift(keypoints, world, around)
    monkeypatch.setattr(lifting, "CHUNK", 13)
    pieces = lift(keypoints, world, around)
    for field in dataclasses.fields(whole):
        torch.testing.assert_close(
            getattr(pieces, field.name), getattr(whole, field.name), atol=1e-4, rtol=1e-4
        )


def test_frames_around_keep_their_time_their_shot_and_to_whom_was_found():
    found = np.ones(60, bool)
    found[33] = False
    around = frames_around(found, 30.0, cuts=np.array([40]))
    assert around.shape == (60, 2 * REACH + 1)
    steps = torch.arange(-REACH, REACH + 1) * 3
    expected = 30 + steps
    expected[(expected == 33) | (expected >= 40)] = -1
    assert torch.equal(around[30], expected)
    assert around[0, :REACH].eq(-1).all() and around[40, :REACH].eq(-1).all()
    assert torch.equal(frames_around(found[:5], 4.0)[2, REACH - 2 : REACH + 3], torch.arange(5))


def test_bone_directions_are_unit_vectors_along_the_bones():
    points = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 33, 3))).float()
    start, end = BONES[4]
    bone = points[0, end] - points[0, start]
    assert torch.allclose(bone_directions(points)[0, 4], bone / bone.norm())
