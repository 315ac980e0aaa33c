"""Rotations against scipy and closed forms."""

import math

import pytest
import torch
from scipy.spatial.transform import Rotation

from smpl_fitting.geometry import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    matrix_to_rotation_6d,
    quaternion_to_axis_angle,
    rotation_6d_to_matrix,
)

# None, tiny, on both sides of where the series begin, ordinary, and close to half a turn.
ANGLES = [0.0, 1e-12, 1e-6, 0.00999, 0.01001, 0.02001, 0.5, 2.0, math.pi - 1e-6]


def axis_angles(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    axes = torch.nn.functional.normalize(torch.randn(7, 3, generator=generator, dtype=dtype), dim=-1)
    axes = torch.cat([axes, torch.eye(3, dtype=dtype), -torch.eye(3, dtype=dtype)])
    return axes[:, None] * torch.tensor(ANGLES, dtype=dtype)[:, None]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-7), (torch.float64, 1e-15)])
def test_matrix_agrees_with_scipy(dtype, tolerance):
    vectors = axis_angles()
    expected = torch.from_numpy(Rotation.from_rotvec(vectors.reshape(-1, 3).numpy()).as_matrix())
    matrix = axis_angle_to_matrix(vectors.to(dtype))
    assert matrix.dtype == dtype
    torch.testing.assert_close(
        matrix.reshape(-1, 3, 3).double(), expected, atol=2 * tolerance, rtol=2 * tolerance
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-14)])
def test_axis_angle_comes_back(dtype, tolerance):
    vectors = axis_angles().to(dtype)
    # Single precision cannot hold pi - 1e-6 apart from its mirror image.
    vectors = vectors[:, :-1] if dtype == torch.float32 else vectors
    back = matrix_to_axis_angle(axis_angle_to_matrix(vectors))
    torch.testing.assert_close(back, vectors, atol=tolerance, rtol=tolerance)


def test_half_turn_keeps_angle_and_axis_up_to_sign():
    axes = torch.nn.functional.normalize(torch.randn(50, 3, dtype=torch.float64), dim=-1)
    matrix = 2 * axes[:, :, None] * axes[:, None, :] - torch.eye(3, dtype=torch.float64)
    back = matrix_to_axis_angle(matrix)
    sign = (back * axes).sum(-1, keepdim=True).sign()
    torch.testing.assert_close(back * sign, axes * math.pi)


def test_quaternions_agree_with_scipy():
    rotations = Rotation.random(200, random_state=1)
    expected = torch.from_numpy(rotations.as_quat(canonical=True)[:, [3, 0, 1, 2]].copy())
    torch.testing.assert_close(matrix_to_quaternion(torch.from_numpy(rotations.as_matrix())), expected)
    torch.testing.assert_close(
        quaternion_to_axis_angle(-expected), torch.from_numpy(rotations.as_rotvec().copy())
    )


def test_rotation_6d_is_the_first_two_rows():
    matrix = torch.from_numpy(Rotation.random(20, random_state=2).as_matrix())
    six = matrix_to_rotation_6d(matrix)
    torch.testing.assert_close(six, torch.cat([matrix[:, 0], matrix[:, 1]], dim=-1))
    torch.testing.assert_close(rotation_6d_to_matrix(six), matrix)


def test_any_two_vectors_make_a_rotation():
    matrix = rotation_6d_to_matrix(torch.randn(4, 5, 6, dtype=torch.float64))
    identity = torch.eye(3, dtype=torch.float64).expand(4, 5, 3, 3)
    torch.testing.assert_close(matrix @ matrix.transpose(-1, -2), identity)
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(4, 5, dtype=torch.float64))


def test_gradients():
    vectors = axis_angles().reshape(-1, 3)
    assert torch.autograd.gradcheck(axis_angle_to_matrix, vectors.clone().requires_grad_())
    # From half a turn no step is allowed: the smallest angle changes its axis there.
    inner = vectors[vectors.norm(dim=-1) < 3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: matrix_to_axis_angle(axis_angle_to_matrix(v)), inner)
    assert torch.autograd.gradcheck(
        rotation_6d_to_matrix, torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    )


def test_gradient_at_zero_is_that_of_the_cross_product():
    vector = torch.zeros(3, requires_grad=True)
    axis_angle_to_matrix(vector)[2, 1].backward()
    torch.testing.assert_close(vector.grad, torch.tensor([1.0, 0.0, 0.0]))


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (axis_angle_to_matrix, (4,)),
        (axis_angle_to_matrix, ()),
        (matrix_to_axis_angle, (3,)),
        (matrix_to_axis_angle, (3, 4)),
        (quaternion_to_axis_angle, (3,)),
        (matrix_to_rotation_6d, (6,)),
        (rotation_6d_to_matrix, (3, 3)),
    ],
)
def test_wrong_shapes_are_named(function, shape):
    with pytest.raises(ValueError, match="must have the shape"):
        function(torch.zeros(shape))


def test_empty_batches():
    assert axis_angle_to_matrix(torch.zeros(0, 3)).shape == (0, 3, 3)
    assert matrix_to_axis_angle(torch.zeros(0, 3, 3)).shape == (0, 3)
