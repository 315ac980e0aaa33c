"""The script that makes the embedded body, on a smaller crowd."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("anny")
SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="module")
def scripts():
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


@pytest.mark.slow
def test_a_small_crowd_gives_nearly_the_shipped_body(scripts, body):
    """anny's first construction alone takes up to two minutes."""
    from build_open_body import at_rest, build
    from open_body.fingers import build_fingers
    from open_body.people import sample_crowd

    from smpl_fitting.body import load_body
    from smpl_fitting.body.open_body import unpack, with_fingers

    crowd = sample_crowd(160, seed=5)
    small = unpack(build(crowd))
    for mine, shipped in zip(small.faces.view(-1, 6).tolist(), body.faces.view(-1, 6).tolist(), strict=True):
        assert set(mine) == set(shipped)  # which diagonal of a square quad is the shorter is chance
    for name in ("uv", "hm08_index", "mirror"):
        assert np.array_equal(getattr(small, name), getattr(body, name)), name
    assert np.allclose(small.weights, body.weights, atol=1e-6)
    assert (small.v_template - body.v_template).norm(dim=1).max() < 0.03
    assert (small.J_template - body.J_template).norm(dim=1).max() < 0.03
    assert (small.soles(torch.zeros(10), torch.zeros(1, 72))[..., 1] < -1.1).all()
    assert (small.part_labels == body.part_labels).float().mean() > 0.999
    with_hands, shipped_hands = (
        with_fingers(body, build_fingers(body, crowd, *at_rest(crowd)[:2])),
        load_body("open_h"),
    )
    assert torch.equal(with_hands.weights, shipped_hands.weights)
    assert (with_hands.J_template - shipped_hands.J_template).norm(dim=1).max() < 1e-3


def test_swings_turn_one_direction_into_the_other(scripts):
    from open_body.rig import swing

    source = np.random.default_rng(0).normal(size=(50, 3))
    target = np.array([0.2, -0.9, 0.4])
    turned = np.einsum("nij,nj->ni", swing(source, target), source)
    cosine = turned @ target / np.linalg.norm(turned, axis=1) / np.linalg.norm(target)
    assert np.allclose(cosine, 1)
    assert np.allclose(np.linalg.det(swing(source, target)), 1)


def test_landmark_weights_follow_a_point_that_a_few_vertices_span(scripts):
    from open_body.landmarks import WIDTH, follow

    rng = np.random.default_rng(1)
    rest = rng.normal(0, 0.1, (1000, 3))
    posed = rest @ rng.normal(0, 1, (40, 3, 3)) + rng.normal(0, 1, (40, 1, 3))  # any affine moves
    ids, weights = follow(posed, posed[:, [3, 500]].mean(1), rest - rest[[3, 500]].mean(0))
    assert len(ids) == WIDTH and abs(weights.sum() - 1) < 1e-9
    reached = np.einsum("k,nkc->nc", weights, posed[:, ids])
    assert np.linalg.norm(reached - posed[:, [3, 500]].mean(1), axis=1).max() < 0.01
