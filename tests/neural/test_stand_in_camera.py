import dataclasses

import numpy as np
import pytest
import torch
from painted import SIZE, body_pose

from neural.stand_in_camera import with_stand_in_camera
from neural.transfer import plan_transfer
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.motion import Motion
from smpl_fitting.world import body_vertices, frame_camera


def captured(yaws, step=0.0):
    """Somebody who turns by these degrees, moving ``step`` metres a frame along x; no camera saw it."""
    poses = torch.cat([body_pose(yaw) for yaw in yaws]).numpy()
    trans = np.zeros((len(yaws), 3), np.float32)
    trans[:, 0] = step * np.arange(len(yaws)) + 3.0
    return Motion(poses=poses, trans=trans, betas=np.zeros(10, np.float32), fps=30.0)


@pytest.mark.parametrize("yaw", [0.0, 50.0, -130.0, 180.0])
def test_it_stands_before_the_person(subject, open_body, yaw):
    motion = with_stand_in_camera(captured([yaw] * 3), open_body, subject.motion)
    camera, before = frame_camera(motion, 1), subject.cameras[0]
    assert torch.allclose(camera.R @ camera.R.T, torch.eye(3), atol=1e-6) and torch.det(camera.R) > 0
    assert camera.R[1].tolist() == [0, 0, -1]  # level
    vertices = body_vertices(open_body, motion, [1])[0]
    pixels, depth = camera.project(vertices)
    nose, neck = (vertices[open_body.landmark_vertices[k]].mean(0) for k in (0, 11))
    assert camera.project(nose)[1] < camera.project(neck)[1]  # turned to the camera
    middle = (pixels.amax(0) + pixels.amin(0)) / 2
    assert (middle - torch.tensor([SIZE[1] / 2, SIZE[0] / 2])).abs().max() < 40
    assert abs(float(depth.mean()) - float(before.project(subject.vertices[0])[1].mean())) < 0.2
    assert torch.equal(camera.K, before.K) and motion.image_size == before.image_size


def test_the_whole_way_is_aimed_at(subject, open_body):
    motion = with_stand_in_camera(captured([0.0] * 5, step=0.2), open_body, subject.motion)
    left, right = (
        frame_camera(motion, row).project(body_vertices(open_body, motion, [row])[0])[0][:, 0].mean()
        for row in (0, 4)
    )
    assert float(left + right) / 2 == pytest.approx(SIZE[1] / 2, abs=3) and right - left > 50


def test_turning_round_and_round_is_filmed_from_the_beginning(subject, open_body):
    around = with_stand_in_camera(captured([0.0, 90.0, 180.0, 270.0]), open_body, subject.motion)
    still = with_stand_in_camera(captured([0.0]), open_body, subject.motion)
    np.testing.assert_allclose(around.camera_R[0], still.camera_R[0], atol=1e-6)


@pytest.mark.parametrize("strategy", ["smooth", "source", "copy", "follow"])
def test_a_transfer_needs_no_filmed_motion(subject, open_body, strategy):
    moved, plan = plan_transfer(subject, captured([30.0] * 3), open_body, strategy)
    pixels, _ = plan.cameras[0].project(body_vertices(open_body, moved, [0])[0])
    inside = (pixels >= 0).all(1) & (pixels < torch.tensor([SIZE[1], SIZE[0]])).all(1)
    assert inside.float().mean() > 0.95


def test_a_source_without_camera_is_refused(subject, open_body):
    blind = dataclasses.replace(subject.motion, camera_K=None, camera_R=None, camera_t=None)
    with pytest.raises(LiquidMotionError, match="no cameras"):
        with_stand_in_camera(captured([0.0]), open_body, blind)
