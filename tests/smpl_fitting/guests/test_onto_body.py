"""Guests on the open body, and as the start of a fit."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from tool_files import FRAMES, SIZE, UPRIGHT, camera_joints, gvhmr_content, world_joints

from smpl_fitting.body import load_body
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests import as_initial, read_motion, to_open
from smpl_fitting.motion import Motion


@pytest.fixture(scope="module")
def guest(walk_smplx, tmp_path_factory):
    path = tmp_path_factory.mktemp("guest") / "hmr4d_results.pt"
    torch.save(gvhmr_content(walk_smplx), path)
    return read_motion(path, body=walk_smplx.body)


@pytest.fixture(scope="module")
def other_body(walk_smplx):
    """Stands for a licensed model that rests otherwise: longer legs, arms that hang a little."""
    joints = walk_smplx.body.J_template.clone()
    joints[[4, 5, 7, 8, 10, 11]] += torch.tensor([0, -0.1, 0])
    joints[[7, 8, 10, 11]] += torch.tensor([0, -0.08, 0])
    for elbow, wrist, hand in ((18, 20, 22), (19, 21, 23)):
        joints[[elbow, wrist, hand]] += torch.tensor([0.0, -0.05, 0.01])
        joints[[wrist, hand]] += torch.tensor([0.0, -0.06, 0.0])
    return dataclasses.replace(
        walk_smplx.body, J_template=joints, J_shapedirs=walk_smplx.body.J_shapedirs * 0
    )


def test_without_the_model_rotations_and_path_stay(guest, walk_smplx):
    unknown = to_open(dataclasses.replace(guest))
    assert (unknown.model, unknown.poses.shape) == ("open", (FRAMES, 72))
    np.testing.assert_array_equal(unknown.poses[:, :66], guest.poses[:, :66])
    assert not unknown.betas.any()
    np.testing.assert_allclose(np.diff(unknown.trans, axis=0), np.diff(guest.trans, axis=0), atol=1e-5)
    assert unknown.camera_R is guest.camera_R


def test_with_the_model_limbs_point_where_they_pointed(guest, other_body):
    opened = to_open(guest, other_body)
    ours, theirs = world_joints(opened, load_body("open")), world_joints(guest, other_body)
    for start, end in ((1, 4), (4, 7), (2, 5), (5, 8), (16, 18), (18, 20), (17, 19), (19, 21)):
        first, second = ours[:, end] - ours[:, start], theirs[:, end] - theirs[:, start]
        cosine = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
        assert np.rad2deg(np.arccos(np.clip(cosine, -1, 1))).max() < 0.1
    legs = [
        np.linalg.norm(j[:, 4] - j[:, 1], axis=1) + np.linalg.norm(j[:, 7] - j[:, 4], axis=1)
        for j in (ours, theirs)
    ]
    ratio = legs[0].mean() / legs[1].mean()
    assert ratio < 0.9
    np.testing.assert_allclose(ours[:, [1, 2]].mean(1), ratio * theirs[:, [1, 2]].mean(1), atol=2e-3)


def test_fingers_go_to_the_body_that_has_them():
    rng = np.random.default_rng(0)
    motion = Motion(rng.normal(0, 0.2, (3, 165)), np.zeros((3, 3)), np.zeros(10), 30.0, model="smplx")
    opened = to_open(motion, model="open_h")
    assert opened.poses.shape == (3, 156)
    np.testing.assert_allclose(opened.poses[:, 66:], motion.poses[:, 75:], rtol=1e-6)
    assert not to_open(motion).poses[:, 66:].any()
    same = to_open(opened, model="open_h")
    assert same is opened
    back = to_open(opened)  # and from open_h to open the person stays where they are
    np.testing.assert_allclose(back.poses[:, :66], opened.poses[:, :66], atol=1e-5)


def test_as_initial_is_what_the_camera_saw(guest, walk_smplx):
    """On the very model, at the very frames and camera: the movement in camera axes, exactly."""
    start = as_initial(guest, walk_smplx.body, guest.times, walk_smplx.K, SIZE)
    np.testing.assert_allclose(start.rotations[:, 0], walk_smplx.root_cam, atol=1e-5)
    np.testing.assert_allclose(start.rotations[:, 1:22], walk_smplx.local[:, 1:22], atol=1e-5)
    poses = Rotation.from_matrix(start.rotations.reshape(-1, 3, 3)).as_rotvec().reshape(FRAMES, -1)
    joints = walk_smplx.body.joints(
        torch.tensor(start.betas), torch.tensor(poses).float(), torch.tensor(start.trans).float()
    )
    np.testing.assert_allclose(joints, walk_smplx.joints_cam(), atol=1e-4)


def test_as_initial_on_the_open_body_keeps_the_pelvis_in_the_picture(guest, walk_smplx):
    body = load_body("open")
    start = as_initial(guest, body, guest.times, walk_smplx.K, SIZE)
    pelvis = start.trans + body.J_template[0].numpy()
    np.testing.assert_allclose(pelvis, walk_smplx.pelvis_cam, atol=0.05)  # the mean body's place of it


def test_as_initial_resamples_by_time(guest, walk_smplx):
    """A clip of 60 frames a second from a guest of 30: every other frame is the guest's own."""
    times = np.arange(2 * FRAMES - 1) / 60
    K = np.repeat(walk_smplx.K[:1], len(times), axis=0)
    fine = as_initial(guest, walk_smplx.body, times, K, SIZE)
    own = as_initial(guest, walk_smplx.body, guest.times, walk_smplx.K, SIZE)
    np.testing.assert_allclose(fine.rotations[::2], own.rotations, atol=1e-6)
    np.testing.assert_allclose(fine.trans[::2], own.trans, atol=1e-5)
    middle = Rotation.from_matrix(own.rotations[0, 4]).inv() * Rotation.from_matrix(own.rotations[1, 4])
    half = Rotation.from_matrix(own.rotations[0, 4]).inv() * Rotation.from_matrix(fine.rotations[1, 4])
    np.testing.assert_allclose(2 * half.as_rotvec(), middle.as_rotvec(), atol=1e-6)


def test_as_initial_through_another_lens(guest, walk_smplx):
    """Twice the focal length and a picture half as large: the pelvis is on the same spot, and as large."""
    size = (SIZE[0] // 2, SIZE[1] // 2)
    K = walk_smplx.K.copy()
    K[:, 0, 0] *= 2
    K[:, 1, 1] *= 2
    K[:, :2, 2] = np.array(size)[::-1] / 2 + 7
    own = as_initial(guest, walk_smplx.body, guest.times, walk_smplx.K, SIZE)
    other = as_initial(guest, walk_smplx.body, guest.times, K, size)
    rest = walk_smplx.rest_pelvis
    spots = []
    for start, camera in ((own, walk_smplx.K), (other, K)):
        pelvis = start.trans + rest
        flat = np.einsum("tij,tj->ti", camera, pelvis)
        spots.append((flat[:, :2] / flat[:, 2:], camera[:, 0, 0] / pelvis[:, 2]))
    np.testing.assert_allclose(spots[1][0], spots[0][0] / 2, atol=0.05)
    np.testing.assert_allclose(spots[1][1], spots[0][1] / 2, rtol=1e-4)


def test_without_a_camera_only_the_pose_is_known(shared):
    motion = read_motion(shared("mocap/jumping_jacks.bvh"))
    body = load_body("open")
    K = np.tile(np.diag([900.0, 900.0, 1.0]), (50, 1, 1))
    start = as_initial(motion, body, np.arange(50) / 25, K, SIZE)
    assert start.trans is None
    down = start.rotations[:, 0, :, 1]  # the body's up in camera axes: y points down there
    assert (down[:, 1] < -0.8).all()


def test_as_initial_refuses_another_clip(guest, walk_smplx):
    with pytest.raises(MotionFileError, match=r"covers 0\.0 to 0\.4 s, the clip 9\.0"):
        as_initial(guest, walk_smplx.body, guest.times + 9, walk_smplx.K, SIZE)


def test_the_camera_stays_with_the_opened_motion(guest, walk_smplx):
    opened = to_open(guest)
    seen = camera_joints(opened, load_body("open"))
    np.testing.assert_allclose(seen[:, 0], walk_smplx.pelvis_cam, atol=0.1)
    assert np.allclose(UPRIGHT @ UPRIGHT.T, np.eye(3))
