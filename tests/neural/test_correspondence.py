import math

import numpy as np
import pytest
import torch

from neural.correspondence import (
    OFF_GRID,
    body_flow,
    depth_test,
    facing,
    pixels_to_grid,
    sample,
    source_sight,
    transfer_map,
)
from smpl_fitting.geometry import Camera, axis_angle_to_matrix, rasterize


def camera(size=(120, 160), focal=200.0):
    K = torch.tensor([[focal, 0, size[1] / 2], [0, focal, size[0] / 2], [0, 0, 1.0]])
    return Camera(K, torch.eye(3), torch.zeros(3), size)


def square(side=1.0, depth=3.0, cells=4):
    """A flat square that faces the camera, in ``cells`` x ``cells`` x 2 faces."""
    line = torch.linspace(-side / 2, side / 2, cells + 1)
    y, x = torch.meshgrid(line, line, indexing="ij")
    vertices = torch.stack([x, y, torch.full_like(x, depth)], dim=-1).reshape(-1, 3)
    faces = []
    for i in range(cells):
        for j in range(cells):
            a = i * (cells + 1) + j
            b, c, d = a + 1, a + cells + 1, a + cells + 2
            faces += [[a, c, b], [b, c, d]]  # y points down: counter-clockwise seen from the camera
    return vertices, torch.tensor(faces)


def centres(size):
    y, x = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    return torch.stack([x, y], dim=-1)


def test_same_pose_gives_the_identity():
    vertices, faces = square()
    view = camera()
    fragments = rasterize(vertices, faces, view)
    flow = transfer_map(fragments, faces, vertices, view)
    covered = fragments.mask
    assert covered.sum() > 4000
    torch.testing.assert_close(flow[covered], centres(view.image_size)[covered], atol=2e-3, rtol=0)
    assert (flow[~covered] == OFF_GRID).all()


def test_a_rigid_move_of_a_plane_gives_its_homography():
    """x_source ~ K (R + t n^T / d) K^-1 x_target for the plane n.x = d in the target (Hartley and Zisserman 13.1)."""
    vertices, faces = square()
    view = camera()
    R = axis_angle_to_matrix(torch.tensor([0.2, -0.5, 0.1]))
    t = torch.tensor([0.3, -0.1, 0.8])
    flow = transfer_map(rasterize(vertices, faces, view), faces, vertices @ R.T + t, view)
    normal, distance = torch.tensor([0.0, 0.0, 1.0]), 3.0
    homography = view.K @ (R + torch.outer(t, normal) / distance) @ torch.linalg.inv(view.K)
    points = torch.cat([centres(view.image_size), torch.ones(*view.image_size, 1)], dim=-1) @ homography.T
    covered = flow[..., 0] != OFF_GRID
    torch.testing.assert_close(flow[covered], (points[..., :2] / points[..., 2:])[covered], atol=5e-3, rtol=0)


def test_body_flow_of_a_shift_and_of_what_was_hidden():
    vertices, faces = square(side=0.5)
    view = camera()
    before = vertices - torch.tensor([0.15, 0.0, 0.0])
    flow = body_flow(vertices, view, before, view, faces)
    covered = flow[..., 0] != OFF_GRID
    moved = (flow - centres(view.image_size))[covered]
    expected = torch.tensor([-0.15 * 200 / 3, 0.0]).expand_as(moved)
    torch.testing.assert_close(moved, expected, atol=2e-3, rtol=0)

    wall, wall_faces = square(side=2.0, depth=2.0)
    wall = wall + torch.tensor(
        [0.013, 0.0041, 0.0]
    )  # so that no edge meets a pixel's centre, which is in no face
    both = torch.cat([vertices, wall])
    both_faces = torch.cat([faces, wall_faces + len(vertices)])
    aside = torch.cat([vertices, wall + torch.tensor([9.0, 0.0, 0.0])])
    hidden = body_flow(aside, view, both, view, both_faces)  # before, the wall stood in front
    assert (hidden == OFF_GRID).all()


def test_depth_test_sees_the_front_one_only():
    front, faces = square(side=0.5, depth=2.0)
    back, _ = square(side=1.0, depth=2.5)
    view = camera()
    fragments = rasterize(torch.cat([front, back]), torch.cat([faces, faces + len(front)]), view)
    assert depth_test(front, view, fragments.depth).all()
    seen = depth_test(back, view, fragments.depth).reshape(5, 5)
    expected = torch.ones(5, 5, dtype=torch.bool)
    expected[1:4, 1:4] = False  # the front square covers 0.625 m of the back one
    assert torch.equal(seen, expected)
    outside = torch.tensor([[50.0, 0.0, 2.0], [0.0, 0.0, -2.0]])
    assert not depth_test(outside, view, fragments.depth).any()


def test_trust_is_the_cosine_of_the_viewing_angle():
    vertices, faces = square(side=0.02)
    view = camera()
    for degrees in (0.0, 40.0, 70.0):
        R = axis_angle_to_matrix(torch.tensor([0.0, math.radians(degrees), 0.0]))
        turned = (vertices - torch.tensor([0, 0, 3.0])) @ R.T + torch.tensor([0, 0, 3.0])
        sight = source_sight(turned, faces, view)
        assert sight.visible.all()
        np.testing.assert_allclose(sight.trust, math.cos(math.radians(degrees)), atol=0.01)
    away = torch.tensor([[0.0, 0.0, 1.0]])
    assert facing(torch.tensor([[0.0, 0.0, 3.0]]), away, view).item() == 0


def test_sample_reads_pixel_centres():
    image = torch.arange(12.0).reshape(1, 3, 4)
    assert sample(image, torch.tensor([2.5, 1.5])).item() == 6
    assert sample(image, torch.tensor([2.0, 1.5])).item() == 5.5
    torch.testing.assert_close(pixels_to_grid(torch.tensor([2.0, 1.5]), (3, 4)), torch.zeros(2))


@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
        ),
    ],
)
def test_device(device):
    vertices, faces = (one.to(device) for one in square())
    flow = transfer_map(rasterize(vertices, faces, camera().to(device)), faces, vertices, camera().to(device))
    assert flow.device.type == device
