"""Clothes of known thickness are found again from outlines alone."""

import numpy as np
import pytest
import torch

from smpl_fitting.body import PART_NAMES
from smpl_fitting.clothing import Outline, clothed, fit_clothing
from smpl_fitting.geometry import axis_angle_to_matrix, rasterize, vertex_normals
from smpl_fitting.landmarks import JOINT
from smpl_fitting.motion import Motion
from smpl_fitting.quality import silhouette_iou
from smpl_fitting.world import body_vertices, camera_to_world, default_intrinsics, frame_camera

THICKNESS = 0.04  # metres


def standing(body, yaw):
    """A one-frame motion of somebody 4 m away, arms half lifted, turned by ``yaw`` radians."""
    pose = torch.zeros(1, 24, 3)
    pose[0, JOINT["left_shoulder"], 2], pose[0, JOINT["right_shoulder"], 2] = -0.7, 0.7
    rotations = axis_angle_to_matrix(pose)
    facing = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    rotations[:, 0] = facing @ axis_angle_to_matrix(torch.tensor([[0.0, yaw, 0.0]]))
    betas = torch.zeros(body.num_betas)
    poses, trans, R, t, _ = camera_to_world(body, betas, rotations, torch.tensor([[0.0, 0.1, 4.0]]))
    size = (720, 540)
    return Motion(
        poses.numpy(),
        trans.numpy(),
        betas.numpy(),
        fps=30,
        camera_K=default_intrinsics(size)[None].numpy(),
        camera_R=R[None].numpy(),
        camera_t=t[None].numpy(),
        image_size=size,
    )


def vertices_of(body, name):
    faces = body.faces[body.part_labels == PART_NAMES.index(name)]
    return torch.unique(faces)


@pytest.fixture(scope="module")
def coat(body):
    """A coat of known thickness on trunk and upper arms: offsets (V,) along the rest normals."""
    thick = torch.zeros(body.num_vertices)
    for name in ("torso", "left_upper_arm", "right_upper_arm"):
        thick[vertices_of(body, name)] = THICKNESS
    return thick


def photograph(body, motion):
    drawn = rasterize(body_vertices(body, motion, [0])[0], body.faces, frame_camera(motion, 0)).mask
    return Outline(motion, drawn.float().numpy())


def test_a_coat_of_known_thickness_is_found(body, coat):
    normals = vertex_normals(body.v_template, body.faces)
    dressed = clothed(body, coat[:, None] * normals)
    photos = [photograph(dressed, standing(body, yaw)) for yaw in (0.0, 1.2)]
    found = fit_clothing(body, photos)
    unseen = standing(body, 2.2)
    truth = photograph(dressed, unseen).mask
    assert silhouette_iou(unseen, body, 0, truth) < 0.93
    assert silhouette_iou(unseen, clothed(body, found), 0, truth) > 0.955
    along = (found * normals).sum(-1)
    assert along[vertices_of(body, "torso")].median() == pytest.approx(THICKNESS, abs=0.012)
    assert found[vertices_of(body, "left_hand")].norm(dim=-1).max() < 0.002
    assert found[vertices_of(body, "left_shin")].norm(dim=-1).mean() < 0.006


def test_a_body_that_fits_already_gets_no_clothes(body):
    found = fit_clothing(body, [photograph(body, standing(body, 0.3))])
    assert found.norm(dim=-1).quantile(0.95) < 0.006  # a pixel is 4.5 mm there


def test_an_empty_mask_and_a_body_out_of_the_picture_change_nothing(body):
    motion = standing(body, 0.0)
    empty = Outline(motion, np.zeros(motion.image_size, np.float32))
    assert fit_clothing(body, [empty]).abs().max() < 0.035
    away = standing(body, 0.0)
    away.camera_t[:] = [100.0, 0.0, 4.0]
    assert fit_clothing(body, [Outline(away, np.zeros(away.image_size, np.float32))]).abs().max() < 1e-6


def test_clothes_leave_joints_and_landmarks_where_they_are(body, coat):
    dressed = clothed(body, coat[:, None] * vertex_normals(body.v_template, body.faces))
    betas, poses, trans = torch.zeros(body.num_betas), torch.zeros(1, 72), torch.zeros(1, 3)
    torch.testing.assert_close(dressed.joints(betas, poses, trans), body.joints(betas, poses, trans))
    torch.testing.assert_close(dressed.landmarks(betas, poses, trans), body.landmarks(betas, poses, trans))
    moved = dressed(betas, poses, trans).vertices - body(betas, poses, trans).vertices
    torch.testing.assert_close(moved[0].norm(dim=-1), coat, atol=1e-5, rtol=0)
