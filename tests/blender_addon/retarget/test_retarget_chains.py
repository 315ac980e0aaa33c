"""Turning shared out over chains and twist bones."""

import numpy as np
import pytest

from blender_addon.retarget.chains import resample_chain, share_twist
from blender_addon.retarget.rotations import about_axis, angle_between

X, Z = np.array([1.0, 0, 0]), np.array([0.0, 0, 1])


def turn(axis, degrees):
    return about_axis(axis, np.radians(degrees))[None]


def shares(count):
    return np.arange(1, count + 1) / count


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("others", [1, 2, 3, 4, 6])
def test_ends_turn_alike(count, others):
    deltas = np.stack([turn(X, 10 + 20 * k) for k in range(count)], 1)
    found = resample_chain(turn(X, 10), deltas, shares(count), shares(others))
    assert found.shape == (1, others, 3, 3)
    assert np.allclose(found[:, -1], deltas[:, -1])
    back = resample_chain(turn(X, 10), found, shares(others), shares(count))
    assert np.allclose(back[:, -1], deltas[:, -1])


def test_one_bone_bends_four_evenly():
    found = resample_chain(turn(X, 0), turn(X, 80)[:, None], shares(1), shares(4))
    assert np.allclose(found[0], np.concatenate([turn(X, angle) for angle in (20, 40, 60, 80)]))


def test_arc_length_decides():
    deltas = np.stack([turn(X, 0), turn(X, 60)], 1)  # straight half, then bent
    found = resample_chain(turn(X, 0), deltas, np.array([0.5, 1.0]), np.array([0.25, 0.75, 1.0]))
    assert np.allclose(found[0], np.concatenate([turn(X, angle) for angle in (0, 30, 60)]))


def test_equal_chains_are_copied_bone_by_bone():
    deltas = np.stack([turn(X, 5), turn(Z, 50), turn(X, 20)], 1)
    found = resample_chain(turn(X, 0), deltas, np.array([0.1, 0.2, 1.0]), np.array([0.5, 0.9, 1.0]))
    assert np.array_equal(found, deltas)


def test_twist_is_shared_and_swing_is_not():
    base, delta = turn(X, 0), turn(Z, 90) @ turn(X, 60)  # along X: 90 degrees of swing, 60 of twist
    found = share_twist(base, delta, X, np.array([0.0, 0.5, 1.0]))[0]
    assert np.allclose(found[0], turn(Z, 90))
    assert np.allclose(found[2], delta[0])
    assert np.isclose(np.degrees(angle_between(found[0], found[1])), 30)
    assert np.allclose(found @ X, delta[0] @ X), "all point where the segment does"
