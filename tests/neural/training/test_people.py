"""Synthetic people: posing against the package's own skinning, dressing, floors, and the real wardrobe."""

import dataclasses

import numpy as np
import pytest
import torch
from dolls import doll, random_motion

from neural.training.dressing import tuck
from neural.training.people import (
    HELD_OUT_OUTFITS,
    HELD_OUT_SKINS,
    OUTFITS,
    SKINS,
    best_betas,
    make_person,
    pose_person,
    random_person_spec,
    stand_on_floor,
)
from neural.training.wardrobe import WardrobeError
from smpl_fitting.body import load_body


def test_posing_agrees_with_the_body_model():
    person, body = doll(), load_body("open")
    poses, trans = random_motion(3, 0)
    posed = pose_person(person, poses, trans)
    truth = body(
        torch.zeros(body.num_betas),
        torch.from_numpy(poses).float(),
        torch.from_numpy(trans).float(),
    )
    np.testing.assert_allclose(posed.body, truth.vertices.numpy(), atol=2e-5)
    np.testing.assert_allclose(posed.joints, truth.joints.numpy(), atol=2e-5)
    np.testing.assert_allclose(posed.parts[0], posed.body, atol=1e-6)


def test_best_betas_recover_a_known_shape():
    body = load_body("open")
    betas = np.linspace(-1.5, 1.5, body.num_betas)
    rest, _ = body.shaped(torch.from_numpy(betas).float())
    np.testing.assert_allclose(best_betas(rest.numpy(), body), betas, atol=1e-3)


def test_soles_rest_on_the_floor_and_leaps_leave_it():
    person = doll(("skin", "shoes"))
    poses, trans = np.zeros((90, 72)), np.zeros((90, 3))
    poses[:, 0] = np.pi / 2
    trans[:, 2] = 0.03 * np.sin(np.arange(90) / 15)  # a floor that drifts
    trans[40:50, 2] += 0.4  # a leap
    moved = stand_on_floor(person, poses, trans, 30.0)
    sole = pose_person(person, poses, moved).body[..., 2].min(1)
    standing = np.r_[0:36, 54:90]
    assert np.abs(sole[standing]).max() < 0.005
    assert sole[42:48].min() > 0.3


def test_tuck_pushes_the_inner_layer_below_the_outer_one():
    step = np.linspace(0.0, 0.1, 6)
    grid = np.stack(np.meshgrid(step, step, [0.0], indexing="ij"), axis=-1).reshape(-1, 3)
    corner = np.array([i * 6 + j for i in range(5) for j in range(5)])
    faces = np.concatenate(
        (
            np.stack((corner, corner + 6, corner + 7), axis=1),
            np.stack((corner, corner + 7, corner + 1), axis=1),
        )
    )
    poking, far = grid + (0, 0, 0.01), grid + (0, 0, 0.2)
    pushed = tuck(poking, faces, grid, faces)
    np.testing.assert_allclose(pushed[:, 2], -0.004, atol=1e-9)
    np.testing.assert_allclose(pushed[:, :2], grid[:, :2], atol=1e-9)
    np.testing.assert_array_equal(tuck(far, faces, grid, faces), far)
    below = grid - (0, 0, 0.01)
    np.testing.assert_array_equal(tuck(below, faces, grid, faces), below)


def test_random_specs_repeat_and_keep_the_held_out_lists_apart():
    seen = [random_person_spec(seed) for seed in range(60)]
    assert seen == [random_person_spec(seed) for seed in range(60)]
    assert {spec.gender for spec in seen} == {"female", "male"}
    assert not {spec.outfit for spec in seen} & set(HELD_OUT_OUTFITS)
    assert not {spec.skin for spec in seen} & set(HELD_OUT_SKINS)
    kept = [random_person_spec(seed, held_out=True) for seed in range(20)]
    assert {spec.outfit for spec in kept} <= set(HELD_OUT_OUTFITS)
    assert {spec.skin for spec in kept} <= set(HELD_OUT_SKINS)
    for spec in seen + kept:
        assert spec.outfit in OUTFITS[spec.gender]
        assert spec.skin in SKINS[spec.gender]


@pytest.fixture(scope="module")
def wardrobe(shared):
    pytest.importorskip("anny", reason="needs the package anny, which shapes the people")
    return shared("assets/makehuman_cc0")


@pytest.fixture(scope="module")
def person(wardrobe):
    return make_person(random_person_spec(1, gender="female"), wardrobe)


@pytest.mark.slow
def test_a_person_is_dressed_and_near_the_open_body(person):
    body = load_body("open")
    assert {part.kind for part in person.parts} == {"skin", "eyes", "lashes", "outfit", "shoes", "hair"}
    rest, joints = body.shaped(torch.from_numpy(person.betas).float())
    error = np.linalg.norm(rest.numpy() - person.body_rest, axis=1)
    assert error.mean() < 0.006
    assert np.linalg.norm(joints.numpy() - person.joints, axis=1).max() < 0.02
    assert 1.4 < np.ptp(person.body_rest[:, 1]) < 2.05
    for part in person.parts:
        np.testing.assert_allclose(part.weights.sum(1), 1.0, atol=1e-6)
        assert part.faces.max() < len(part.rest)


@pytest.mark.slow
def test_skin_does_not_reach_through_the_clothes(person):
    """Every visible skin vertex that lies along a cloth's normal lies below it, at rest as when it was fitted."""
    import trimesh

    parts = {part.kind: part for part in person.parts}
    skin, outfit = parts["skin"], parts["outfit"]
    cloth = trimesh.Trimesh(outfit.rest, outfit.faces, process=False)
    near, distance, face = trimesh.proximity.closest_point_naive(cloth, skin.rest[::4])
    height = np.einsum("vc,vc->v", skin.rest[::4] - near, cloth.face_normals[face])
    sideways = np.sqrt(np.maximum(distance**2 - height**2, 0))
    poking = (height > 0.001) & (height < 0.02) & (sideways < 0.001)
    assert poking.mean() < 0.01


@pytest.mark.slow
def test_the_same_spec_makes_the_same_person(person, wardrobe):
    again = make_person(person.spec, wardrobe)
    other = make_person(dataclasses.replace(random_person_spec(2), hair=person.spec.hair), wardrobe)
    for one, two in zip(person.parts, again.parts, strict=True):
        np.testing.assert_array_equal(one.rest, two.rest)
        if one.material.texture is not None:
            np.testing.assert_array_equal(one.material.texture, two.material.texture)
    assert np.abs(other.body_rest - person.body_rest).max() > 0.005


@pytest.mark.slow
def test_a_missing_garment_is_one_line(wardrobe):
    spec = dataclasses.replace(random_person_spec(1), skin="green")
    with pytest.raises(WardrobeError, match=r"green\.jpg"):
        make_person(spec, wardrobe)
