"""Rotations against mathutils and closed forms."""

import bpy  # noqa: F401, mathutils comes with it
import numpy as np
import pytest
from mathutils import Euler, Matrix, Quaternion, Vector

from blender_addon.retarget import rotations as r
from blender_addon.scene.conventions import axis_angle_to_matrix

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def walk(rng, count=400, step=0.15):
    """Rotations that wander far, a little each frame."""
    turns = axis_angle_to_matrix(rng.normal(0, step, (count, 3)))
    path = [np.eye(3)]
    for turn in turns:
        path.append(turn @ path[-1])
    return np.array(path)


@pytest.mark.parametrize("order", ORDERS)
def test_euler_angles_are_blenders_and_do_not_flip(order, rng):
    matrices = walk(rng)
    angles = r.matrix_to_euler(matrices, order)
    shown = np.array([Euler(tuple(a), order).to_matrix() for a in angles])
    assert np.abs(shown - matrices).max() < 1e-5
    assert np.allclose(r.euler_to_matrix(angles, order), matrices)
    # a triple may run fast near its pole, never jump by half a turn where the middle angle is far from it
    middle = np.abs(np.cos(angles[:, "XYZ".index(order[1])]))
    far = (middle[1:] > 0.5) & (middle[:-1] > 0.5)
    assert np.abs(np.diff(angles, axis=0))[far].max() < 1.2


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sign", [1, -1])
def test_euler_angles_in_gimbal_lock(order, sign):
    angles = np.zeros((60, 3))
    angles[:, "XYZ".index(order[0])] = 0.3
    angles[:, "XYZ".index(order[1])] = sign * np.minimum(np.linspace(1, 2.2, 60), np.pi / 2)
    angles[:, "XYZ".index(order[2])] = np.linspace(0, 1.5, 60)
    matrices = r.euler_to_matrix(angles, order)
    found = r.matrix_to_euler(matrices, order)
    assert np.allclose(r.euler_to_matrix(found, order), matrices, atol=1e-7)
    assert np.abs(np.diff(found, axis=0)).max() < 0.1


def test_axis_angle_channels(rng):
    matrices = np.concatenate([np.tile(np.eye(3), (3, 1, 1)), walk(rng)])
    values = r.matrix_to_axis_angle(matrices)
    shown = np.array([Matrix.Rotation(v[0], 3, Vector(v[1:])) for v in values])
    assert np.abs(shown - matrices).max() < 1e-5
    between = (values[1:] + values[:-1]) / 2  # what linear keys show half a frame on
    half = np.array([Matrix.Rotation(v[0], 3, Vector(v[1:]).normalized()) for v in between])
    assert np.degrees(r.angle_between(half, r.slerp(matrices[:-1], matrices[1:], 0.5))).max() < 12


def test_swing_is_the_shortest_turn(rng):
    a, b = r.normalized(rng.normal(size=(2, 50, 3)))
    turn = r.swing(a, b)
    assert np.allclose(r.rotate(turn, a), b)
    assert np.allclose(np.linalg.norm(r.log(turn), axis=-1), np.arccos(np.sum(a * b, -1)))
    assert np.allclose(r.rotate(r.swing(a, -a), a), -a)
    assert np.allclose(r.swing(a, a), np.eye(3))


def test_split_twist(rng):
    matrices, axis = walk(rng), r.normalized(rng.normal(size=3))
    turned, twist = r.split_twist(matrices, axis)
    assert np.allclose(turned @ twist, matrices)
    assert np.allclose(twist @ axis, axis)
    assert np.abs(r.log(turned) @ axis).max() < 1e-9


def test_slerp_and_log_are_mathutils(rng):
    a, b = walk(rng)[[10, 200]]
    q = [Quaternion(Matrix(m.tolist()).to_quaternion()) for m in (a, b)]
    if q[0].dot(q[1]) < 0:
        q[1].negate()
    assert np.allclose(r.slerp(a, b, 0.3), np.array(q[0].slerp(q[1], 0.3).to_matrix()), atol=1e-5)
    for vector in ([0.0, 0, 0], [1e-9, 0, 0], [3.14159, 0, 0], [0.3, -0.2, 0.5]):
        assert np.allclose(r.log(axis_angle_to_matrix(np.array(vector))), vector, atol=1e-8)


def test_nearest_rotation_takes_stretch_and_mirror_out(rng):
    R = walk(rng)[100]
    assert np.allclose(r.nearest_rotation(R @ np.diag([2.0, 2.0, 2.0])), R)
    assert np.allclose(np.linalg.det(r.nearest_rotation(R @ np.diag([-1.0, 1.0, 1.0]))), 1)
