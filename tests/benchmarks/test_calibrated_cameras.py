"""Calibrated cameras of the multi-view benchmark, against OpenCV's projection and made-up points."""

import cv2
import numpy as np
import pytest
from _cameras import CalibratedCamera, read_qca, triangulate
from scipy.spatial.transform import Rotation


def ring(count):
    """Cameras that look at the origin from all around."""
    cameras = []
    for number in range(count):
        R = (
            np.diag([1.0, -1.0, -1.0])
            @ Rotation.from_euler("yx", [360 / count * number, 10], degrees=True).as_matrix().T
        )
        K = np.array([[1600.0, 0.0, 540.0], [0.0, 1610.0, 960.0], [0.0, 0.0, 1.0]])
        bend = np.array([-0.05, 0.13, 6e-4, -4e-4])
        cameras.append(CalibratedCamera(f"cam{number}", K, bend, R, np.array([0.0, 0.1, 3.5])))
    return cameras


@pytest.fixture
def points():
    return np.random.default_rng(0).uniform(-0.6, 0.6, (40, 3))


def test_projection_is_opencvs(points):
    for camera in ring(3):
        turn = Rotation.from_matrix(camera.R).as_rotvec()
        expected = cv2.projectPoints(points, turn, camera.t, camera.K, camera.distortion)[0][:, 0]
        np.testing.assert_allclose(camera.project(points), expected, atol=1e-6)


def test_rays_undo_the_distortion(points):
    for camera in ring(2):
        seen = points @ camera.R.T + camera.t
        np.testing.assert_allclose(camera.rays(camera.project(points)), seen[:, :2] / seen[:, 2:], atol=1e-9)


def test_triangulation_finds_the_points(points):
    cameras = ring(4)
    pixels = np.stack([camera.project(points) for camera in cameras])
    np.testing.assert_allclose(triangulate(cameras, pixels, np.ones((4, 40))), points, atol=1e-6)


def test_one_camera_that_errs_is_outvoted(points):
    cameras = ring(4)
    pixels = np.stack([camera.project(points) for camera in cameras])
    pixels[1, :10] += 300.0
    np.testing.assert_allclose(triangulate(cameras, pixels, np.ones((4, 40))), points, atol=2e-3)


def test_a_joint_that_a_camera_does_not_see_has_no_say(points):
    cameras, weights = ring(4), np.ones((4, 40))
    pixels = np.stack([camera.project(points) for camera in cameras])
    pixels[2], weights[2] = 0.0, 0.0
    np.testing.assert_allclose(triangulate(cameras, pixels, weights), points, atol=1e-6)


def test_the_real_calibration_looks_at_one_place(shared):
    cameras = read_qca(shared("footage/pose2sim_single/p2s_Calib.qca.txt"))
    assert [camera.name for camera in cameras] == ["cam01", "cam02", "cam03", "cam04"]
    for camera in cameras:
        np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-6)
        assert 1600 < camera.K[0, 0] < 1700
    axes = np.array([camera.R[2] for camera in cameras])
    centres = np.array([-camera.R.T @ camera.t for camera in cameras])
    # the point nearest to all four axes is about a man's waist, and before every camera
    across = np.eye(3) - axes[:, :, None] * axes[:, None]
    middle = np.linalg.solve(across.sum(0), np.einsum("nij,nj->i", across, centres))
    assert 0.3 < middle[2] < 1.5
    assert all(2.0 < camera.depth(middle[None])[0] < 5.0 for camera in cameras)


def test_no_calibration_is_an_error(tmp_path):
    path = tmp_path / "x.qca.txt"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="not a Qualisys calibration"):
        read_qca(path)
