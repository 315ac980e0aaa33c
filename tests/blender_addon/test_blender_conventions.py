"""Axes and rotations against Blender's own mathutils."""

import numpy as np
import pytest
import small_person

pytest.importorskip("bpy")
from mathutils import Matrix  # noqa: E402

from blender_addon.scene import conventions as c  # noqa: E402


@pytest.fixture
def rotations():
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 1.5, (50, 3))
    vectors[0] = 0
    vectors[1] = [1e-9, 0, 0]
    vectors[2:5] = np.pi * np.eye(3)  # half turns: the quaternion's w is 0
    return vectors


def test_camera_round_trip(rotations):
    R = c.axis_angle_to_matrix(rotations)
    t = np.random.default_rng(1).normal(0, 3, (50, 3))
    back = c.blender_to_opencv(c.opencv_to_blender(R, t))
    assert np.allclose(back[0], R, atol=1e-12)
    assert np.allclose(back[1], t, atol=1e-12)


def test_camera_by_hand():
    """OpenCV's camera at the origin looking along world +Y, level: Blender's turned up by a right angle."""
    R = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    matrix = c.opencv_to_blender(R, np.zeros(3))
    assert np.allclose(matrix, Matrix.Rotation(np.pi / 2, 4, "X"), atol=1e-7)


def test_scale_of_the_camera_object_is_left_out():
    matrix = np.array(Matrix.LocRotScale((1, 2, 3), None, (2, 3, 4)))
    R, t = c.blender_to_opencv(matrix)
    assert np.allclose(R, np.diag([1, -1, -1]))
    assert np.allclose(R.T @ -t, [1, 2, 3])


def test_body_axes():
    """Up stays up, and the body's front becomes Blender's front view."""
    assert np.allclose(c.y_up_to_z_up([[0, 1, 0], [0, 0, 1]]), [[0, 0, 1], [0, -1, 0]])
    points = np.random.default_rng(2).normal(size=(7, 3))
    assert np.allclose(c.z_up_to_y_up(c.y_up_to_z_up(points)), points)


def test_rotation_matrices(rotations):
    expected = [small_person.rotation(v) for v in rotations]
    assert np.allclose(c.axis_angle_to_matrix(rotations), expected, atol=1e-9)


def test_quaternions_turn_as_their_matrices_do(rotations):
    R = c.axis_angle_to_matrix(rotations)
    for quaternion, matrix in zip(c.matrix_to_quaternion(R), R, strict=True):
        expected = Matrix(matrix).to_quaternion()
        assert abs(abs(np.dot(quaternion, expected)) - 1) < 1e-6
        assert abs(np.linalg.norm(quaternion) - 1) < 1e-12


def test_quaternions_do_not_jump():
    angles = np.linspace(0, 5 * np.pi, 60)[:, None, None] * np.array([[[0, 0, 1.0]]])
    q = c.continuous_quaternions(c.matrix_to_quaternion(c.axis_angle_to_matrix(angles)))
    assert (np.sum(q[1:] * q[:-1], -1) > 0.9).all()
