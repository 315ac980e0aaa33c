import dataclasses
import math

import numpy as np
import pytest
import torch
from painted import body_pose, level_camera

from neural.camera_strategy import STRATEGIES, plan_cameras
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion

FRAMES = 40


def motion(camera, trans, poses=None, fps=30.0):
    count = len(trans)
    poses = body_pose().expand(count, -1) if poses is None else poses
    return Motion(
        poses=poses.numpy(),
        trans=np.asarray(trans, np.float32),
        betas=np.zeros(10, np.float32),
        fps=fps,
        camera_K=camera.K.expand(count, 3, 3).numpy(),
        camera_R=camera.R.expand(count, 3, 3).numpy(),
        camera_t=camera.t.expand(count, 3).numpy(),
        image_size=camera.image_size,
    )


def pitched(camera, degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[1.0, 0, 0], [0, c, -s], [0, s, c]])
    return Camera(camera.K, turn @ camera.R, turn @ camera.t, camera.image_size)


def orbit(camera, degrees):
    """The camera carried round the world's vertical."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    back = torch.tensor([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return Camera(camera.K, camera.R @ back, camera.t, camera.image_size)


@pytest.fixture
def source():
    return motion(level_camera((480, 320), distance=3.0), [[0.2, 0.0, 1.0]])


@pytest.fixture
def driving():
    """Somebody walks a metre to the camera's right and a little nearer, seen from further off."""
    steps = np.linspace(0, 1, FRAMES)
    trans = np.stack([steps - 0.5, -0.4 * steps, np.full(FRAMES, 0.95)], 1)
    return motion(level_camera((360, 640), distance=6.0, focal=1.5), trans)


def pelvis(body, motion):
    return body.shaped(torch.zeros(10))[1][0] + torch.as_tensor(motion.trans)


def seen(plan, body, driving):
    points = pelvis(body, driving)
    return torch.stack([camera.R @ p + camera.t for camera, p in zip(plan.cameras, points, strict=True)])


def test_source_keeps_the_framing(open_body, source, driving):
    plan = plan_cameras("source", open_body, source, driving)
    home = level_camera((480, 320), distance=3.0)
    expected = home.R @ pelvis(open_body, source)[0] + home.t
    torch.testing.assert_close(seen(plan, open_body, driving), expected.expand(FRAMES, 3), atol=1e-4, rtol=0)
    assert plan.image_size == (480, 320) and plan.background == "source" and len(plan.cameras) == FRAMES
    torch.testing.assert_close(plan.cameras[3].K, home.K)


def test_copy_is_the_driving_camera(open_body, source, driving):
    plan = plan_cameras("copy", open_body, source, driving)
    assert plan.image_size == (360, 640) and plan.background == "driving"
    for row in (0, 20, 39):
        np.testing.assert_allclose(plan.cameras[row].t, driving.camera_t[row])
        np.testing.assert_allclose(plan.cameras[row].K, driving.camera_K[row])


def test_smooth_moves_about_home_as_the_driving_does(open_body, driving):
    # far enough for the head at any distance, so that no nearness is given up
    wide = motion(level_camera((480, 960), distance=8.0), [[0.2, 0.0, 1.0]])
    places = seen(plan_cameras("smooth", open_body, wide, driving), open_body, driving).numpy()
    home = seen(plan_cameras("source", open_body, wide, driving), open_body, driving)[0].numpy()
    assert (places[0, 0] + places[-1, 0]) / 2 == pytest.approx(home[0], abs=0.01)
    assert places[-1, 0] - places[0, 0] == pytest.approx(1.0, abs=0.06)  # a metre to the right
    # the pelvis is as high over the floor as the driving's, and y points down
    assert places[:, 1] == pytest.approx(home[1] + 0.05, abs=1e-3)
    ratio = (6.0 - 0.4) / 6.0  # iPERCore: the ratio of the scales
    assert places[-1, 2] / places[0, 2] == pytest.approx(ratio, abs=0.01)


def test_smooth_stays_in_a_narrow_picture(open_body, source, driving):
    plan = plan_cameras("smooth", open_body, source, driving)
    pixels = torch.stack(
        [c.project(p)[0] for c, p in zip(plan.cameras, pelvis(open_body, driving), strict=True)]
    )
    assert (pixels[:, 0] > 0).all() and (pixels[:, 0] < 320).all()


def test_smooth_takes_out_jitter_and_keeps_a_jump(open_body, source):
    rng = np.random.default_rng(0)
    times = np.arange(FRAMES) / 30
    height = np.where((times > 0.4) & (times < 0.9), 1.2 * np.sin((times - 0.4) / 0.5 * np.pi) * 0.4, 0)
    trans = np.stack([0.02 * rng.standard_normal(FRAMES), np.zeros(FRAMES), 1 + height], 1)
    camera = level_camera((360, 640), distance=6.0)
    driving = motion(camera, trans)
    places = seen(plan_cameras("smooth", open_body, source, driving), open_body, driving).numpy()
    assert places[:, 0].std() < 0.5 * trans[:, 0].std()
    rise = places[0, 1] - places[:, 1].min()
    assert rise == pytest.approx(0.48, abs=0.06)  # y points down


def test_the_view_is_from_where_the_driving_camera_stands(open_body, source, driving):
    aside = orbit(level_camera((360, 640), distance=6.0), 70.0)
    turned = dataclasses.replace(
        driving, camera_R=aside.R.expand(FRAMES, 3, 3).numpy(), camera_t=aside.t.expand(FRAMES, 3).numpy()
    )
    for strategy in ("source", "smooth", "follow"):
        plan = plan_cameras(strategy, open_body, source, turned)
        torch.testing.assert_close(plan.cameras[0].R, aside.R, atol=1e-5, rtol=0)


def test_pitch_and_roll_are_the_sources(open_body, driving):
    looking_down = pitched(level_camera((480, 320), distance=3.0), 12.0)
    source = motion(looking_down, [[0.0, 0.0, 1.0]])
    plan = plan_cameras("source", open_body, source, driving)
    up = plan.cameras[0].R @ torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(up, looking_down.R @ torch.tensor([0.0, 0.0, 1.0]), atol=1e-5, rtol=0)


def test_a_jump_goes_up_in_a_pitched_source(open_body, driving):
    source = motion(pitched(level_camera((480, 320), distance=3.0), 12.0), [[0.0, 0.0, 1.0]])
    trans = np.zeros((FRAMES, 3))
    trans[:, 2] = 1 + 0.3 * (np.arange(FRAMES) > 20)
    jumping = dataclasses.replace(driving, trans=trans.astype(np.float32))
    plan = plan_cameras("smooth", open_body, source, jumping)
    places = seen(plan, open_body, jumping)
    moved = places[-1] - places[0]
    up = plan.cameras[0].R @ torch.tensor([0.0, 0.0, 1.0])
    assert moved[0].abs() < 1e-3
    assert moved[1] == pytest.approx(0.3 * float(up[1]), abs=0.02)


def test_follow_keeps_the_person_in_the_middle_and_in_the_picture(open_body, source, driving):
    plan = plan_cameras("follow", open_body, source, driving)
    assert plan.background == "none"
    poses = torch.as_tensor(driving.poses)
    bodies = open_body(torch.zeros(10), poses, torch.as_tensor(driving.trans)).vertices
    for row in (0, 20, 39):
        pixels, depth = plan.cameras[row].project(bodies[row])
        low, high = pixels.amin(0), pixels.amax(0)
        assert (low > 0).all() and high[0] < 320 and high[1] < 480 and (depth > 0).all()
        assert abs(float(low[1] + high[1]) / 2 - 240) < 25
        assert abs(float(low[0] + high[0]) / 2 - 160) < 40  # the camera lags at the ends of the way
        assert 0.5 < float(high[1] - low[1]) / 480 < 0.9


def test_one_frame_is_enough(open_body, source):
    still = motion(level_camera((360, 640), distance=6.0), [[0.0, 0.0, 1.0]])
    for strategy in STRATEGIES:
        assert len(plan_cameras(strategy, open_body, source, still).cameras) == 1


def test_errors(open_body, source, driving):
    with pytest.raises(LiquidMotionError, match="choose one of smooth, source, copy, follow"):
        plan_cameras("dolly", open_body, source, driving)
    blind = dataclasses.replace(driving, camera_K=None, camera_R=None, camera_t=None)
    for pair in ((source, blind), (dataclasses.replace(source, camera_K=None), driving)):
        with pytest.raises(LiquidMotionError, match="has no cameras"):
            plan_cameras("smooth", open_body, *pair)
