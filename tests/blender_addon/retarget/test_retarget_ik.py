"""Two-bone inverse kinematics against its definition."""

import numpy as np
import pytest

from blender_addon.retarget.ik import REACH, two_bone
from blender_addon.retarget.rotations import log, rotate

LEFT = np.array([1.0, 0, 0])


def leg(knee):
    """Hip, knee and ankle (1, 3) of a leg hanging down, its shin bent back by ``knee`` radians."""
    hip = np.array([[0.1, 0.0, 0.9]])
    joint = hip + [0, 0, -0.45]
    return hip, joint, joint + [[0, 0.4 * np.sin(knee), -0.4 * np.cos(knee)]]


def solved(points, goal):
    hip, knee, ankle = points
    upper, lower = two_bone(hip, knee, ankle, goal, np.broadcast_to(LEFT, goal.shape))
    joint = hip + rotate(upper, knee - hip)
    return upper, lower, joint, joint + rotate(lower, ankle - knee)


@pytest.mark.parametrize("knee", [0.0, 0.02, 0.5, 1.5])
def test_reaches_and_keeps_lengths(knee):
    rng = np.random.default_rng(1)
    points = [np.repeat(p, 100, 0) for p in leg(knee)]
    way = rng.normal(size=(100, 3))
    goal = points[0] + way / np.linalg.norm(way, axis=1, keepdims=True) * rng.uniform(0.1, 0.84, (100, 1))
    _, _, joint, end = solved(points, goal)
    assert np.abs(end - goal).max() < 1e-9
    assert np.allclose(np.linalg.norm(joint - points[0], axis=1), 0.45)


def test_a_straight_leg_bends_its_knee_forwards():
    goal = np.array([[0.1, 0.0, 0.25]])
    _, _, joint, _ = solved(leg(0.0), goal)
    assert joint[0, 1] < -0.1 and abs(joint[0, 0] - 0.1) < 1e-9


def test_a_goal_that_is_reached_changes_nothing():
    points = leg(0.7)
    upper, lower, *_ = solved(points, points[2])
    assert np.abs(log(upper)).max() < 1e-6 and np.abs(log(lower)).max() < 1e-6


def test_out_of_reach_points_there():
    points = leg(0.7)
    goal = points[0] + [[0.0, -2.0, -2.0]]
    *_, end = solved(points, goal)
    arm = (end - points[0])[0]
    assert np.isclose(np.linalg.norm(arm), 0.85 * REACH)
    assert np.allclose(arm / np.linalg.norm(arm), [0, -np.sqrt(0.5), -np.sqrt(0.5)])


def test_no_jump_through_straightness():
    """The knee goes from bent to straight and on: turns stay small from frame to frame."""
    points = [np.repeat(p, 200, 0) for p in leg(0.6)]
    distance = 0.83 + 0.018 * np.sin(np.linspace(0, 12, 200))
    goal = points[0] + distance[:, None] * np.array([0.0, 0.1, -0.995])
    upper, lower, *_ = solved(points, goal)
    for turns in (upper, lower):
        steps = np.linalg.norm(log(np.swapaxes(turns[:-1], -1, -2) @ turns[1:]), axis=-1)
        assert np.degrees(steps).max() < 5
