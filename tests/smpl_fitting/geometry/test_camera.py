"""The camera against closed forms, and against what the rasterizer draws through it."""

import math

import pytest
import torch

from smpl_fitting.geometry import Camera, axis_angle_to_matrix, project_points, rasterize

SIZES = [(48, 80), (80, 48), (64, 64)]
QUAD = torch.tensor([[0, 1, 2], [0, 2, 3]])


def make_camera(size=(48, 80)):
    """Off-centre principal point, unequal focal lengths, and a general place in the world."""
    K = torch.tensor([[70.0, 0.0, 21.3], [0.0, 64.0, 33.9], [0.0, 0.0, 1.0]])
    R = axis_angle_to_matrix(torch.tensor([0.4, -0.9, 0.3]))
    return Camera(K, R, torch.tensor([0.3, -0.2, 2.5]), size)


def quad_at(camera, x0, y0, x1, y1, depth=3.0):
    """World corners of a rectangle of the picture, parallel to it."""
    pixels = torch.tensor([[x0, y0], [x0, y1], [x1, y1], [x1, y0]])
    return camera.unproject(pixels, torch.full((4,), depth))


def test_projection_of_known_points():
    camera = Camera(
        torch.tensor([[100.0, 0, 40], [0, 100, 30], [0, 0, 1]]), torch.eye(3), torch.zeros(3), (60, 80)
    )
    points = torch.tensor([[0.0, 0, 2], [0.2, 0, 2], [0, 0.2, 2], [0.1, 0.1, -1]])
    pixels, depth = camera.project(points)
    # x to the right, y down.
    torch.testing.assert_close(pixels[:3], torch.tensor([[40.0, 30], [50, 30], [40, 40]]))
    torch.testing.assert_close(depth, torch.tensor([2.0, 2, 2, -1]))


def test_camera_moves_the_world():
    # Looking along the world's +x from (-2, 0, 1): x right = -y, y down = -z.
    R = torch.tensor([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    centre = torch.tensor([-2.0, 0, 1])
    camera = Camera(torch.tensor([[50.0, 0, 8], [0, 50, 8], [0, 0, 1]]), R, -R @ centre, (16, 16))
    torch.testing.assert_close(camera.centre, centre)
    pixels, depth = camera.project(torch.tensor([3.0, 0.5, 1.5]))
    torch.testing.assert_close(pixels, torch.tensor([8 - 5.0, 8 - 5.0]))
    torch.testing.assert_close(depth, torch.tensor(5.0))


@pytest.mark.parametrize("size", SIZES)
def test_unproject_undoes_project(size):
    camera = make_camera(size)
    points = camera.unproject(torch.rand(6, 7, 2) * 60, torch.rand(6, 7) * 3 + 1)
    pixels, depth = camera.project(points)
    torch.testing.assert_close(camera.unproject(pixels, depth), points, atol=1e-5, rtol=1e-5)


def test_batch_of_cameras_is_each_camera():
    cameras = [make_camera(), Camera(torch.eye(3), torch.eye(3), torch.tensor([0.0, 0, 9]), (4, 4))]
    points = torch.rand(2, 5, 3)
    stacked = [torch.stack([getattr(c, name) for c in cameras]) for name in ("K", "R", "t")]
    pixels, depth = project_points(points, *stacked)
    for n, camera in enumerate(cameras):
        torch.testing.assert_close(pixels[n], camera.project(points[n])[0])
        torch.testing.assert_close(depth[n], camera.project(points[n])[1])


def test_projection_gradients():
    camera = make_camera()
    arguments = [torch.rand(5, 3), camera.K, camera.R, camera.t]
    arguments = [a.double().requires_grad_() for a in arguments]
    assert torch.autograd.gradcheck(project_points, arguments)


def test_points_in_the_plane_of_the_camera_stay_finite():
    camera = Camera(torch.eye(3), torch.eye(3), torch.zeros(3), (4, 4))
    points = torch.tensor([[1.0, 1, 0], [0, 0, 0]], requires_grad=True)
    ndc = camera.to_ndc(points)
    assert ndc.isfinite().all()
    ndc.sum().backward()
    assert points.grad.isfinite().all()


@pytest.mark.parametrize("size", SIZES)
def test_ndc_of_the_corners(size):
    height, width = size
    K = torch.tensor([[50.0, 0, width / 2], [0, 50, height / 2], [0, 0, 1]])
    camera = Camera(K, torch.eye(3), torch.zeros(3), size)
    corners = camera.unproject(torch.tensor([[0.0, 0], [width, height]]), torch.tensor([2.0, 4.0]))
    short = min(size)
    expected = torch.tensor(
        [[width / short, height / short, 2.0], [-width / short, -height / short, 4.0]]
    )  # x to the left and y up
    torch.testing.assert_close(camera.to_ndc(corners), expected)


@pytest.mark.parametrize("size", SIZES)
def test_rasterizer_hits_the_pixels_that_project_says(size):
    camera = make_camera(size)
    # Rectangle edges just beyond pixel centres: exactly the centres strictly inside are drawn.
    fragments = rasterize(quad_at(camera, 11.4, 6.4, 30.6, 27.6), QUAD, camera)
    expected = torch.zeros(size, dtype=torch.bool)
    expected[6:28, 11:31] = True
    assert torch.equal(fragments.mask, expected)
    torch.testing.assert_close(fragments.depth[expected], torch.full((22 * 20,), 3.0))


@pytest.mark.parametrize("size", SIZES)
def test_one_pixel_is_one_pixel(size):
    camera = make_camera(size)
    for row, column in [(0, 0), (size[0] - 1, size[1] - 1), (7, 40), (30, 3)]:
        # The centre lies off the quad's diagonal: on it, neither half holds it (inside is strictly bary > 0), and
        # whether rounding takes it there depends on the processor.
        quad = quad_at(camera, column + 0.3, row + 0.3, column + 0.8, row + 0.7)
        assert rasterize(quad, QUAD, camera).mask.nonzero().tolist() == [[row, column]]


@pytest.mark.parametrize("size", SIZES)
def test_pixel_centres_fall_back_on_themselves(size):
    camera = make_camera(size)
    # A slanted triangle over much of the picture.
    corners = camera.unproject(
        torch.tensor([[2.0, 1.0], [5.0, size[0] - 3.0], [size[1] - 4.0, 9.0]]), torch.tensor([2.0, 3.0, 6.0])
    )
    fragments = rasterize(corners, torch.tensor([[0, 1, 2]]), camera)
    row, column = fragments.mask.nonzero(as_tuple=True)
    assert len(row) > 500
    points = fragments.bary[row, column] @ corners
    pixels, depth = camera.project(points)
    torch.testing.assert_close(pixels, torch.stack([column, row], dim=-1) + 0.5, atol=1e-3, rtol=0)
    torch.testing.assert_close(depth, fragments.depth[row, column], atol=1e-4, rtol=0)


def test_resized_and_cropped():
    camera = make_camera()
    points = camera.unproject(torch.rand(9, 2) * 40, torch.rand(9) + 2)
    pixels, depth = camera.project(points)
    resized = camera.resized((24, 160))
    assert resized.image_size == (24, 160)
    torch.testing.assert_close(resized.project(points)[0], pixels * torch.tensor([2.0, 0.5]))
    cropped = camera.cropped((-5, 7, 30, 100))
    assert cropped.image_size == (93, 35)
    torch.testing.assert_close(cropped.project(points)[0], pixels - torch.tensor([-5.0, 7.0]))
    torch.testing.assert_close(cropped.project(points)[1], depth)


def test_orbit_distance():
    camera = make_camera()
    assert math.isclose(float(camera.centre.norm()), float(camera.t.norm()), rel_tol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"K": torch.eye(4)},
        {"R": torch.eye(3)[None]},
        {"t": torch.zeros(3, 1)},
        {"image_size": (0, 4)},
    ],
)
def test_wrong_cameras_are_refused(wrong):
    right = {"K": torch.eye(3), "R": torch.eye(3), "t": torch.zeros(3), "image_size": (4, 4)}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Camera(**(right | wrong))


def test_wrong_points_are_refused():
    with pytest.raises(ValueError, match="points"):
        make_camera().project(torch.zeros(5, 2))
    with pytest.raises(ValueError, match="pixels"):
        make_camera().unproject(torch.zeros(5, 3), torch.zeros(5))


def test_covering_box_holds_every_point_and_is_cut_by_the_picture():
    K = torch.tensor([[100.0, 0, 50], [0, 100.0, 40], [0, 0, 1]])
    camera = Camera(K, torch.eye(3), torch.zeros(3), (80, 100))
    points = torch.tensor([[-0.1, -0.2, 1.0], [0.3, 0.1, 1.0]])  # pixels (40, 20) and (80, 50)
    x0, y0, x1, y1 = camera.covering_box(points)
    assert x0 <= 40 and y0 <= 20 and x1 >= 80 and y1 >= 50
    assert x0 >= 38 and y0 >= 18 and x1 <= 82 and y1 <= 52
    assert camera.covering_box(points * torch.tensor([10.0, 10.0, 1.0])) == (0, 0, 100, 80)
    assert camera.covering_box(points + torch.tensor([9.0, 0, 0])) is None
    assert camera.covering_box(points - torch.tensor([0, 0, 0.97])) == (0, 0, 100, 80)  # 3 cm before it
