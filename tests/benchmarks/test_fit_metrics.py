"""The benchmark's yardsticks, on motions whose error is known in closed form."""

import numpy as np
import pytest
from _fit_metrics import (
    JUDGED,
    Track,
    acceleration_error,
    centred,
    contact_f1,
    figures,
    foot_slide,
    jitter,
    joint_errors,
    procrustes,
    similarity,
    true_contacts,
)
from scipy.spatial.transform import Rotation

FPS = 30.0


@pytest.fixture
def track():
    rng = np.random.default_rng(0)
    return Track(rng.normal(size=(12, 24, 3)), rng.normal(size=(12, 50, 3)), rng.normal(size=(12, 4, 3)))


def moved(track, change):
    return Track(*(change(points) for points in (track.joints, track.vertices, track.soles)))


def test_a_perfect_fit_has_no_error(track):
    contact = np.ones((12, 4), bool)
    perfect = figures(track, track, contact, FPS)
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "acceleration_m_s2", "root_mm"):
        assert perfect[name] == pytest.approx(0.0, abs=1e-9)
    assert perfect["foot_slide_mm"] == perfect["true_foot_slide_mm"]


def test_a_shifted_fit_errs_in_its_root_alone(track):
    found = figures(moved(track, lambda p: p + [0.3, 0.0, 0.4]), track, np.ones((12, 4), bool), FPS)
    assert found["root_mm"] == pytest.approx(500.0)
    assert found["mpjpe_mm"] == pytest.approx(0.0, abs=1e-9)
    assert found["pve_mm"] == pytest.approx(0.0, abs=1e-9)


def test_a_larger_fit_is_forgiven_by_procrustes_only(track):
    found = figures(moved(track, lambda p: 1.1 * p), track, np.ones((12, 4), bool), FPS)
    expected = 100 * np.linalg.norm(centred(track.joints, track)[:, JUDGED], axis=-1).mean()
    assert found["mpjpe_mm"] == pytest.approx(expected)
    assert found["pa_mpjpe_mm"] == pytest.approx(0.0, abs=1e-9)


def test_the_similarity_of_each_frame_is_found():
    rng = np.random.default_rng(1)
    points, scale, shift = rng.normal(size=(5, 14, 3)), rng.uniform(0.5, 2.0, 5), rng.normal(size=(5, 3))
    turn = Rotation.random(5, random_state=2).as_matrix()
    target = scale[:, None, None] * points @ turn.transpose(0, 2, 1) + shift[:, None]
    found = similarity(points, target)
    for mine, true in zip(found, (scale, turn, shift), strict=True):
        np.testing.assert_allclose(mine, true, atol=1e-12)
    np.testing.assert_allclose(procrustes(points, target), target, atol=1e-12)


def test_procrustes_never_mirrors():
    points = np.random.default_rng(3).normal(size=(1, 14, 3))
    mirrored = points * [-1.0, 1.0, 1.0]
    assert np.linalg.det(similarity(points, mirrored)[1][0]) == pytest.approx(1.0)
    assert np.linalg.norm(procrustes(points, mirrored) - mirrored) > 1.0


def test_procrustes_is_the_least_squares(track):
    """No nearby similarity does better."""
    points, target = track.joints[:1, :14], track.joints[1:2, :14]
    best = ((procrustes(points, target) - target) ** 2).sum()
    scale, turn, shift = similarity(points, target)
    rng = np.random.default_rng(4)
    for _ in range(20):
        nudge = Rotation.from_rotvec(1e-2 * rng.normal(size=3)).as_matrix()
        other = (
            scale * (1 + 1e-2 * rng.normal()) * points @ (nudge @ turn[0]).T
            + shift
            + 1e-2 * rng.normal(size=3)
        )
        assert ((other - target) ** 2).sum() >= best


def test_joint_errors_are_by_frame(track):
    one_off = track.joints.copy()
    one_off[3, JUDGED[0]] += [0.0, 0.14, 0.0]
    errors = joint_errors(Track(one_off, track.vertices, track.soles), track)
    np.testing.assert_allclose(np.delete(errors, 3), 0.0, atol=1e-12)
    assert errors[3] == pytest.approx(0.01)


def test_acceleration_and_jerk_of_polynomials():
    seconds = np.arange(20)[:, None, None] / FPS
    still = np.zeros((20, 24, 3))
    falling = still - [0.0, 0.0, 0.5 * 9.81] * seconds**2
    assert acceleration_error(falling, still, FPS) == pytest.approx(9.81)
    assert jitter(falling, FPS) == pytest.approx(0.0, abs=1e-6)
    assert jitter(still + [1.0, 0.0, 0.0] * seconds**3, FPS) == pytest.approx(6.0)


def test_contacts_are_low_and_slow():
    soles = np.zeros((10, 4, 3))
    soles[:, 1, 0] = np.arange(10) * 0.2 / FPS  # slides along
    soles[:, 2, 2] = 0.3  # held up
    contact = true_contacts(soles, FPS)
    assert contact[:, [0, 3]].all() and not contact[:, [1, 2]].any()


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_foot_slide_is_told_at_30_frames_a_second(fps):
    soles = np.zeros((10, 4, 3))
    soles[:, 0, 0] = np.arange(10) * 0.09 / fps  # 9 cm/s
    contact = np.zeros((10, 4), bool)
    contact[:, 0] = True
    assert foot_slide(soles, contact, fps) == pytest.approx(3.0)
    assert np.isnan(foot_slide(soles, np.zeros((10, 4), bool), fps))


def test_contact_f1():
    true = np.zeros((4, 4), bool)
    true[:, 0] = True
    assert contact_f1(true.astype(float), true) == 1.0
    assert contact_f1(np.ones((4, 4)), true) == pytest.approx(2 * 4 / (16 + 4))
    assert np.isnan(contact_f1(np.ones((4, 4)), np.zeros((4, 4), bool)))
