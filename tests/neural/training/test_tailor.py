"""Clothes cut at random: where they end, what they hide, and that they stay on."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from neural.training import tailor
from neural.training.hm08 import BODY_VERTICES, hm08_weights, rest_body
from neural.training.people import TAILORED, make_person, random_person_spec
from smpl_fitting.body.names import JOINT_NAMES

SEEDS = range(12)


@pytest.fixture(scope="module")
def body(open_body):
    pytest.importorskip("anny")
    return rest_body(dict(random_person_spec(3).phenotype), open_body)


@pytest.fixture(scope="module")
def weights(open_body):
    return hm08_weights(open_body)


@pytest.fixture(scope="module")
def wardrobe(shared):
    pytest.importorskip("anny", reason="needs the package anny, which shapes the people")
    return shared("assets/makehuman_cc0")


def shown(part):
    """Rest positions of points on a part whose texel is opaque."""
    size = part.material.texture.shape[0]
    middle = part.uv[part.faces_uv].mean(1)
    column, row = (middle * [size, -size] + [0, size]).astype(int).clip(0, size - 1).T
    texture = part.material.texture
    opaque = texture[row, column, 3] > 127 if texture.shape[2] == 4 else np.ones(len(row), bool)
    return part.rest[part.faces[opaque]].mean(1)


def test_a_sleeve_and_a_leg_end_where_they_are_cut(body, weights):
    cut = tailor._Cut(sleeve=0.5, hem=0.1)
    cloth = tailor._random_cloth(np.random.default_rng(1))
    part = tailor._over_skin(body, weights, cut, cloth, 0.004, np.random.default_rng(1), "shirt")
    at = shown(part)
    elbow, wrist = (body.joints[JOINT_NAMES.index(f"left_{name}")][0] for name in ("elbow", "wrist"))
    shoulder = body.joints[JOINT_NAMES.index("left_shoulder")][0]
    end = np.abs(at[:, 0]).max()
    assert abs(end - (shoulder + 0.5 * (wrist - shoulder))) < 0.03 and elbow - 0.1 < end < wrist
    assert at[:, 1].min() > body.joints[JOINT_NAMES.index("left_hip")][1] - 0.02


def test_nobody_goes_without(body, weights):
    """Hips and chest are covered, heads, hands and feet are not, whatever is drawn."""
    for seed in SEEDS:
        parts = tailor.tailored(body, weights, "female" if seed % 2 else "male", np.random.default_rng(seed))
        at = np.concatenate([shown(part) for part in parts])
        hip, chest = (body.joints[JOINT_NAMES.index(name)][1] for name in ("left_hip", "spine3"))
        for height in (hip, chest):
            beside = at[np.abs(at[:, 1] - height) < 0.03]
            assert beside[:, 2].max() > 0.03 and beside[:, 2].min() < 0.0, seed
        assert at[:, 1].max() < body.joints[JOINT_NAMES.index("head")][1]
        assert np.abs(at[:, 0]).max() < np.abs(body.rest[:, 0]).max() - 0.1


def test_clothes_lie_close_to_the_skin_and_outside(body, weights):
    skin = body.rest[:BODY_VERTICES]
    for part in tailor.tailored(body, weights, "male", np.random.default_rng(4)):
        distance, _ = cKDTree(skin).query(part.rest)
        assert np.median(distance) > 0.003 and distance.max() < 0.08
        assert np.allclose(part.weights.sum(1), 1, atol=1e-4)
        for height in np.arange(*np.quantile(part.rest[:, 1], (0.3, 0.7)), 0.05):
            ours, bare = (points[np.abs(points[:, 1] - height) < 0.02] for points in (part.rest, skin))
            trunk = np.abs(bare[:, 0]) < 0.25  # the arms are stretched out
            assert ours[:, 2].max() > bare[trunk, 2].max() and ours[:, 2].min() < bare[trunk, 2].min()


def test_people_differ_and_come_back_alike(wardrobe, open_body):
    spec = replace(random_person_spec(5), outfit=TAILORED)
    first, second = (make_person(spec, wardrobe, open_body) for _ in range(2))
    other = make_person(replace(spec, seed=6), wardrobe, open_body)

    def outfit(person):
        return [part for part in person.parts if part.kind == "outfit"]

    for one, same in zip(outfit(first), outfit(second), strict=True):
        assert np.array_equal(one.rest, same.rest)
        assert np.array_equal(one.material.texture, same.material.texture)
    assert outfit(other)[0].rest.shape != outfit(first)[0].rest.shape
