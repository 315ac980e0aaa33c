"""The benchmark's figures on movements whose figures are known."""

import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="needs pip's bpy: pip install 'liquid-motion[blender]'")

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

import _retarget_rig as yardsticks  # noqa: E402
import rigs  # noqa: E402

from blender_addon.retarget.matcher import match  # noqa: E402
from blender_addon.retarget.rig import read_skeleton  # noqa: E402
from blender_addon.scene.conventions import axis_angle_to_matrix  # noqa: E402

FRAMES = 20


def still(heads):
    """A body that keeps these places."""
    return yardsticks.Seen(
        {role: np.tile(place, (FRAMES, 1)).astype(float) for role, place in heads.items()},
        {role: np.tile(np.eye(3), (FRAMES, 1, 1)) for role in heads},
    )


@pytest.fixture
def body():
    places = rigs.landmarks()
    roles = [
        "hips",
        "head",
        *(f"{s}_{p}" for s in ("left", "right") for p in ["upper_arm", "lower_arm", "hand"]),
    ]
    roles += [f"{s}_{p}" for s in ("left", "right") for p in ["upper_leg", "lower_leg", "foot", "toes"]]
    return {role: places[role] for role in roles}


def test_direction_error(body):
    source = still(body)
    assert yardsticks.direction_error(still(body), source) == 0
    turned = {role: axis_angle_to_matrix([0, 0, 0.2]) @ place for role, place in body.items()}
    arms = [body[b] - body[a] for a, b in yardsticks.SEGMENTS]
    expected = np.mean(
        [np.degrees(np.arccos((a[2] ** 2 + np.cos(0.2) * (a[0] ** 2 + a[1] ** 2)) / (a @ a))) for a in arms]
    )
    assert yardsticks.direction_error(still(turned), source) == pytest.approx(expected, abs=1e-6)
    bigger = {role: 3 * place for role, place in body.items()}
    assert yardsticks.direction_error(still(bigger), source) < 1e-5


def test_flips(body):
    seen, turns = still(body), {role: np.zeros(FRAMES - 1) for role in body}
    assert yardsticks.flips(seen, turns) == 0
    seen.axes["left_hand"][7:] = axis_angle_to_matrix([0, 1.0, 0])
    assert yardsticks.flips(seen, turns) == 1
    turns["left_hand"][6] = 0.9
    assert yardsticks.flips(seen, turns) == 0
    seen.axes["head"][5] = axis_angle_to_matrix([0, 0.6, 0])  # there and back
    assert yardsticks.flips(seen, turns) == 2


def test_planted():
    """Resting, lifted and set down again: the lifted frames and those next to them do not count."""
    points = np.zeros((FRAMES, 4, 3))
    points[8:12, 0, 2] = 0.2
    points[:, 1, 0] = 0.01 * np.arange(FRAMES)  # slides at 0.3 m/s
    found = yardsticks.planted(points)
    assert found.shape == (FRAMES - 1, 4)
    assert found[:6, 0].all() and not found[6:13, 0].any() and found[13:, 0].all()
    assert not found[:, 1].any()
    assert found[:, 2].all()


def test_feet_steps(body):
    """The left foot turns about its ball, the right one slides."""
    seen = still(body)
    lines = {side: np.array([[0, 0, 0], [0, -0.1, 0], [0, -0.2, 0.0]]) for side in ("left", "right")}
    for frame in range(FRAMES):
        turn = axis_angle_to_matrix([0.1 * frame, 0, 0])
        seen.axes["left_foot"][frame] = turn
        seen.heads["left_foot"][frame] = -turn @ lines["left"][2]
        seen.heads["right_foot"][frame] = [0, 0.05 * frame, 0]
    rests = np.zeros((FRAMES - 1, 4), bool)
    rests[3, 0] = rests[4, 3] = True
    assert np.allclose(yardsticks.feet_steps(seen, lines, rests), [0, 0.05])


def test_soles_lie_on_the_ground():
    """Heel below the ankle and ball below the toes' joint, however the rig stands in its own space."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    for rig, down in ((rigs.build("unity"), -1), (rigs.rubbish("upside_down"), 1)):
        skeleton = read_skeleton(rig)
        shown = yardsticks.shown_bones(rig, match(skeleton))
        rest = yardsticks.rest_soles(skeleton, shown)
        seen = yardsticks.see(rig, shown, 1)
        points = yardsticks.soles(seen, rest)[0]
        assert np.allclose(points[:, 2], -down * 0.02, atol=1e-6)  # the toes' joint is the lowest
        assert np.allclose(points[0, :2], seen.heads["left_foot"][0, :2], atol=1e-6)
        assert np.allclose(points[3, :2], seen.heads["right_toes"][0, :2], atol=1e-6)


def test_see_reads_what_blender_shows():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    rig = rigs.build("unity")
    rig.location = (1, 2, 3)
    rig.scale = (2, 2, 2)
    bpy.context.view_layer.update()
    seen = yardsticks.see(rig, {"left_hand": "LeftHand"}, 2)
    expected = 2 * rigs.landmarks()["left_hand"] + [1, 2, 3]
    assert np.allclose(seen.heads["left_hand"], expected, atol=1e-5)
    axes = seen.axes["left_hand"]
    assert np.allclose(axes @ axes.swapaxes(1, 2), np.eye(3), atol=1e-6)
    assert seen.lowest is None
