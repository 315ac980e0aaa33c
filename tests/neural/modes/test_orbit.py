import dataclasses

import numpy as np
import pytest
import torch
from painted import SIZE, body_pose, level_camera

from neural.modes.orbit import TURNTABLE_FPS, around, bullet_time, circled_motion, turntable
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.motion import Motion
from smpl_fitting.world import body_vertices, frame_camera


@pytest.fixture(scope="module")
def motion():
    """Six frames of spreading arms before a standing camera, 10 a second."""
    camera, count = level_camera(), 6
    return Motion(
        poses=torch.cat([body_pose(arms=0.9 - 0.1 * i) for i in range(count)]).numpy(),
        trans=np.zeros((count, 3), np.float32),
        betas=np.zeros(10, np.float32),
        fps=10.0,
        camera_K=camera.K.expand(count, 3, 3).numpy(),
        camera_R=camera.R.expand(count, 3, 3).numpy(),
        camera_t=camera.t.expand(count, 3).numpy(),
        image_size=SIZE,
        times=np.arange(count) / 10,
    )


@pytest.mark.parametrize("degrees", [0.0, 30.0, -90.0, 180.0, 540.0])
def test_a_camera_goes_round_on_a_level_circle(degrees):
    camera, centre = level_camera(), torch.tensor([0.1, -0.2, 0.3])
    moved = around(camera, centre, degrees)
    assert torch.allclose(moved.R @ moved.R.T, torch.eye(3), atol=1e-6)
    assert torch.allclose(moved.project(centre)[0], camera.project(centre)[0], atol=1e-3)
    from_centre, to = camera.centre - centre, moved.centre - centre
    assert to[2] == pytest.approx(float(from_centre[2]), abs=1e-5)
    angle = np.degrees(np.arctan2(to[1], to[0]) - np.arctan2(from_centre[1], from_centre[0]))
    assert (angle - degrees + 180) % 360 - 180 == pytest.approx(
        0, abs=1e-3
    )  # counter-clockwise seen from above


def test_turntable_begins_as_the_source_and_closes(subject, open_body):
    moved, plan = turntable(subject, open_body, seconds=0.4)
    assert moved.frame_count == len(plan.cameras) == round(0.4 * TURNTABLE_FPS) == 12
    first = subject.cameras[0]
    assert torch.allclose(plan.cameras[0].centre, first.centre, atol=1e-4)
    turns = [float(np.degrees(np.arccos(np.clip((c.R[2] * first.R[2]).sum(), -1, 1)))) for c in plan.cameras]
    assert turns[6] == pytest.approx(180, abs=0.1)
    np.testing.assert_allclose(turns[1], 30, atol=0.1)
    np.testing.assert_allclose(turns[-1], 30, atol=0.1)  # the first view does not come twice
    assert (moved.poses == moved.poses[0]).all()
    _, half = turntable(subject, open_body, seconds=0.4, degrees=-90)
    assert torch.allclose(half.cameras[-1].R, around(first, torch.zeros(3), -90).R, atol=1e-5)


def test_bullet_time_plays_freezes_and_goes_on(subject, open_body, motion):
    moved, plan = bullet_time(subject, motion, open_body, moment=0.2, seconds=0.4, cam_strategy="copy")
    assert moved.frame_count == len(plan.cameras) == 6 + 4
    played = [0, 1, 2, 2, 2, 2, 2, 3, 4, 5]
    np.testing.assert_allclose(moved.poses, motion.poses[played], atol=1e-6)
    for row in (0, 1, 2, 3, 7, 9):  # the circle begins where the camera stands
        assert torch.allclose(plan.cameras[row].centre, level_camera().centre, atol=1e-4)
    assert (plan.cameras[5].centre - level_camera().centre).norm() > 5  # behind the person, 4 m off
    # the file's cameras are the plan's
    assert torch.allclose(frame_camera(moved, 5).R, plan.cameras[5].R)
    # the person stays in the middle of the picture
    vertices = body_vertices(subject.dress(open_body), moved, [5])[0]
    pixels, depth = plan.cameras[5].project(vertices)
    assert (depth > 0).all() and abs(float(pixels[:, 0].mean()) - SIZE[1] / 2) < 25


def test_circling_while_the_motion_plays(subject, open_body, motion):
    moved, plan = circled_motion(subject, motion, open_body, 360.0, "copy")
    np.testing.assert_allclose(moved.poses, motion.poses, atol=1e-6)
    assert torch.allclose(plan.cameras[3].R[2], -plan.cameras[0].R[2], atol=1e-4)


def test_bad_choices(subject, open_body, motion):
    for moment in (-0.1, 0.6):
        with pytest.raises(LiquidMotionError, match="0 to 0.50 s"):
            bullet_time(subject, motion, open_body, moment, 1.0)
    for seconds in (0.0, -1.0, float("nan"), 1e6):
        with pytest.raises(LiquidMotionError, match="seconds of circling"):
            turntable(subject, open_body, seconds)
    with pytest.raises(LiquidMotionError, match="body model"):
        turntable(dataclasses.replace(subject, model="smpl"), open_body, 1.0)
