"""SMPL onto itself in another rest pose, rolled, scaled and placed anywhere: the same motion in the world."""

from dataclasses import replace

import numpy as np
import pytest
from moving import armature_of, degrees_apart, evaluated, other_rest, sine_clip

from blender_addon.retarget.apply import Job, retarget
from blender_addon.retarget.matcher import match
from blender_addon.retarget.options import Options
from blender_addon.retarget.rotations import about_axis
from blender_addon.retarget.solve import solve

A_POSE = {
    "left_shoulder": np.array([0.7, 0.0, -0.7]),
    "right_shoulder": np.array([-0.6, 0.1, -0.8]),
    "left_elbow": np.array([0.6, -0.4, -0.6]),
    "right_elbow": np.array([-0.5, -0.2, -0.8]),
    "left_hip": np.array([0.3, 0.0, -0.9]),
    "right_hip": np.array([-0.2, -0.2, -0.9]),
    "left_knee": np.array([0.2, 0.2, -0.9]),
    "left_ankle": np.array([0.2, -0.8, -0.4]),
    "spine2": np.array([0.0, 0.1, 0.9]),
}
PLACES = {
    "identity": np.eye(4),
    "turned": np.array([[0.0, -1, 0, 3], [1, 0, 0, -2], [0, 0, 1, 0.5], [0, 0, 0, 1]]),
    "y-up units of a centimetre": np.array(
        [[0.01, 0, 0, 0], [0, 0, -0.01, 0], [0, 0.01, 0, 0], [0, 0, 0, 1.0]]
    ),
    "tilted and large": None,
}


def place(name):
    if PLACES[name] is not None:
        return PLACES[name]
    world = np.eye(4)
    world[:3, :3] = 2.5 * about_axis(np.array([0.6, 0.0, 0.8]), np.array(1.1))
    world[:3, 3] = [1.0, 2.0, -3.0]
    return world


def disguised(skeleton, turns, world, seed=3):
    """The skeleton in another rest pose, rolled at random, in an object at ``world`` that leaves its size as it is."""
    roll = np.random.default_rng(seed).uniform(-np.pi, np.pi, len(skeleton.names))
    other = other_rest(skeleton, turns, roll)
    size = np.cbrt(np.linalg.det(world[:3, :3]))
    rest = other.rest.copy()
    rest[:, :3, 3] /= size
    other = replace(other, rest=rest, lengths=other.lengths / size, world=world)
    return other, about_axis(np.array([0.0, 1.0, 0.0]), roll)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("turns", [{}, A_POSE], ids=["same rest", "other rest"])
def test_same_motion_in_the_world(where, turns):
    clip = sine_clip()
    target, roll = disguised(clip.skeleton, turns, place(where))
    who = match(clip.skeleton)
    solution = solve(clip, who, target, who, Options(feet=False))
    rows = [clip.skeleton.index(name) for name in solution.bones]
    R = target.world[:3, :3] / np.cbrt(np.linalg.det(target.world[:3, :3]))
    assert degrees_apart(R @ solution.axes, clip.rotations[:, rows] @ roll[rows]).max() < 0.01
    heads = solution.heads @ target.world[:3, :3].T + target.world[:3, 3]
    assert np.abs(heads - clip.positions[:, rows]).max() < 1e-4


@pytest.mark.parametrize("where", PLACES)
def test_blender_shows_the_same_motion(where):
    clip = sine_clip(frames=12)
    target, roll = disguised(clip.skeleton, A_POSE, place(where))
    modes = ("QUATERNION", "XYZ", "ZYX", "AXIS_ANGLE", "YXZ")
    target = replace(target, rotation_modes=tuple(modes[k % 5] for k in range(len(target.names))))
    rig = armature_of(target)
    solution = retarget([Job(rig, replace(clip, fps=24.0), options=Options(feet=False))])[0].solution
    rows = [clip.skeleton.index(name) for name in solution.bones]
    for frame in (1, 5, 12):
        shown = evaluated(rig, frame, solution.bones, world=True)
        axes = shown[:, :3, :3] / np.linalg.norm(shown[:, :3, :3], axis=1, keepdims=True)
        assert degrees_apart(axes, clip.rotations[frame - 1, rows] @ roll[rows]).max() < 0.01
        assert np.abs(shown[:, :3, 3] - clip.positions[frame - 1, rows]).max() < 1e-4
    fcurves = {path for path, _ in _keyed(rig)}
    assert {path.rpartition(".")[2] for path in fcurves} == {
        "location",
        "rotation_quaternion",
        "rotation_euler",
        "rotation_axis_angle",
    }


def _keyed(rig):
    from blender_addon.scene.action import read_action

    return read_action(rig.animation_data.action)


def test_fingers_follow_too():
    clip = sine_clip(width=156)
    who = match(clip.skeleton)
    target, roll = disguised(clip.skeleton, A_POSE, place("turned"))
    solution = solve(clip, who, target, who, Options(feet=False))
    rows = [clip.skeleton.index(name) for name in solution.bones]
    assert len(rows) == 52
    assert (
        degrees_apart(target.world[:3, :3] @ solution.axes, clip.rotations[:, rows] @ roll[rows]).max() < 0.01
    )
