"""The rasterizer against closed forms and at the edges of what it is given."""

import os
import subprocess
import sys

import pytest
import torch

from smpl_fitting.geometry import Camera, interpolate, rasterize, rasterize_meshes

TRIANGLE = torch.tensor([[0.8, 0.7, 2.0], [-0.9, 0.5, 3.0], [0.1, -0.9, 4.0]])
ONE_FACE = torch.tensor([[0, 1, 2]])


def level_camera(size=(48, 80)):
    """At the origin, looking along +z with y down."""
    K = torch.tensor([[40.0, 0, 31.3], [0, 44.0, 20.2], [0, 0, 1]])
    return Camera(K, torch.eye(3), torch.zeros(3), size)


@pytest.mark.parametrize("size", [(48, 80), (80, 48)])
@pytest.mark.parametrize("gradients", [False, True])
def test_ground_that_reaches_behind_the_camera(size, gradients):
    """A floor 1 m below the camera: every pixel below the horizon sees it where its ray meets it."""
    camera = level_camera(size)
    floor = torch.tensor([[-40.0, 1, -20], [50, 1, -30], [50, 1, 20], [-40, 1, 20]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    fragments = rasterize(floor.clone().requires_grad_(gradients), faces, camera)
    rows, columns = torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5
    below = (rows - camera.K[1, 2]) / camera.K[1, 1]
    depth = 1 / below
    seen = ((depth > 0) & (depth < 20))[:, None].expand(size)
    assert torch.equal(fragments.mask, seen)
    expected = depth[:, None].expand(size)[seen]
    torch.testing.assert_close(fragments.depth[seen].detach(), expected, rtol=2e-4, atol=0)
    points = interpolate(fragments, faces, floor).detach()[seen]
    x = ((columns - camera.K[0, 2]) / camera.K[0, 0])[None, :].expand(size)[seen] * expected
    # To 1 cm on a floor of 90 m, cut 1 cm in front of the camera, in single precision.
    torch.testing.assert_close(points, torch.stack([x, torch.ones_like(x), expected], -1), rtol=0, atol=1e-2)


def test_parts_of_a_cut_face_count_once():
    """With blur both halves of a cut face reach the pixels along their seam; each lists the face once."""
    vertices = torch.tensor([[-1.0, -1.0, 2.0], [1.0, -0.8, 2.0], [-0.3, 0.2, -1.0]])
    pix_to_face, zbuf, bary, _ = rasterize_meshes(
        [vertices], [ONE_FACE], (32, 32), blur_radius=0.01, faces_per_pixel=3, z_clip_value=0.1
    )
    assert (pix_to_face[..., 0] == 0).sum() > 100
    assert (pix_to_face[..., 1:] == -1).all()
    inside = (bary[..., 0, :] > 0).all(-1)
    torch.testing.assert_close((bary[..., 0, :] @ vertices[:, 2])[inside], zbuf[..., 0][inside])


def test_perspective_correct_depth_lies_on_the_plane():
    camera = level_camera()
    corners = torch.tensor([[-1.0, -0.5, 1.5], [0.2, 1.5, 4.0], [1.8, -0.4, 2.5]])
    fragments = rasterize(corners, ONE_FACE, camera)
    normal = torch.linalg.cross(corners[1] - corners[0], corners[2] - corners[0], dim=-1)
    row, column = fragments.mask.nonzero(as_tuple=True)
    assert len(row) > 300
    ray = camera.unproject(torch.stack([column, row], -1) + 0.5, torch.ones(len(row)))
    expected = (corners[0] @ normal) / (ray @ normal)
    torch.testing.assert_close(fragments.depth[row, column], expected, rtol=1e-5, atol=0)


def test_nearest_faces_come_first_and_equal_ones_by_number():
    layers = torch.stack([TRIANGLE + torch.tensor([0.0, 0.0, z]) for z in (3.0, 1.0, 2.0, 1.0)])
    faces = torch.arange(12).view(4, 3)
    pix_to_face, zbuf, _, _ = rasterize_meshes([layers.reshape(-1, 3)], [faces], (24, 24), faces_per_pixel=5)
    hit = pix_to_face[0, ..., 0] >= 0
    assert hit.sum() > 100
    assert pix_to_face[0][hit].unique(dim=0).tolist() == [[1, 3, 2, 0, -1]]
    assert (zbuf[0][hit][:, :4].diff(dim=-1) >= 0).all()


@pytest.mark.parametrize("z_clip_value", [None, 2.5])
@pytest.mark.parametrize("keywords", [{}, {"perspective_correct": False}, {"clip_barycentric_coords": True}])
def test_gradients(keywords, z_clip_value):
    vertices = torch.cat([TRIANGLE, TRIANGLE.flip(1) + torch.tensor([0.0, 0.0, 3.0])]).double()

    def outputs(verts):
        settings = {"blur_radius": 0.02, "faces_per_pixel": 2, "z_clip_value": z_clip_value, **keywords}
        pix_to_face, *values = rasterize_meshes([verts], [torch.arange(6).view(2, 3)], (9, 11), **settings)
        return [value[pix_to_face >= 0] for value in values]

    assert torch.autograd.gradcheck(outputs, vertices.requires_grad_(), eps=1e-7, atol=1e-4)


def test_gradients_through_the_camera():
    camera = level_camera()
    vertices = torch.tensor([[-1.0, -0.5, 1.5], [0.2, 1.5, 4.0], [1.8, -0.4, 2.5]], requires_grad=True)
    fragments = rasterize(vertices, ONE_FACE, camera)
    depth = fragments.depth[fragments.mask].mean()
    depth.backward()
    # Moving a face as a whole away from the camera moves every pixel's depth by as much, to first order of a
    # mesh that fills the same rays: closed form by moving all vertices along their rays.
    along_rays = (vertices.grad * vertices.detach()).sum()
    torch.testing.assert_close(along_rays, depth.detach(), rtol=1e-4, atol=0)


def test_batch_packs_face_numbers_and_allows_empty_meshes():
    empty = torch.zeros(0, 3)
    none = torch.zeros(0, 3, dtype=torch.int64)
    pix_to_face, _, _, _ = rasterize_meshes(
        [TRIANGLE, empty, TRIANGLE], [ONE_FACE, none, ONE_FACE.int()], (8, 12)
    )
    assert pix_to_face.shape == (3, 8, 12, 1)
    assert [picture.unique().tolist() for picture in pix_to_face] == [[-1, 0], [-1], [-1, 1]]


@pytest.mark.parametrize("gradients", [False, True])
def test_nothing_to_see(gradients):
    off_screen = (TRIANGLE + torch.tensor([5.0, 0.0, 0.0])).requires_grad_(gradients)
    behind = (TRIANGLE * torch.tensor([1.0, 1.0, -1.0])).requires_grad_(gradients)
    none = torch.zeros(0, 3, dtype=torch.int64)
    for vertices, faces in [(off_screen, ONE_FACE), (behind, ONE_FACE), (TRIANGLE, none)]:
        for z_clip_value in (None, 0.1):
            outputs = rasterize_meshes([vertices], [faces], (6, 4), z_clip_value=z_clip_value)
            assert [tuple(o.shape) for o in outputs] == [(1, 6, 4, 1)] * 2 + [(1, 6, 4, 1, 3), (1, 6, 4, 1)]
            assert all((o == -1).all() for o in outputs)
    fragments = rasterize(torch.zeros(0, 3), none, level_camera())
    assert not fragments.mask.any()
    assert fragments.depth.isinf().all()


def test_single_pixel_picture():
    pix_to_face, zbuf, _, dists = rasterize_meshes([TRIANGLE], [ONE_FACE], (1, 1))
    assert pix_to_face.item() == 0
    assert 2 < zbuf.item() < 4
    assert dists.item() < 0


def test_bad_vertices_spoil_only_their_own_faces():
    bad = [[torch.nan, 0, 1], [0, torch.nan, 1], [torch.inf, 0, 1], [0.5, 0, torch.nan], [1e38, -1e38, 1]]
    for vertex in bad:
        vertices = torch.cat([TRIANGLE, torch.tensor([vertex])])
        faces = torch.tensor([[3, 0, 1], [0, 1, 2]])
        alone = rasterize_meshes([TRIANGLE], [ONE_FACE], (16, 16))[0] >= 0
        both = rasterize_meshes([vertices], [faces], (16, 16))[0]
        assert ((both == 1) | (both == 0))[alone].all()


def test_faces_across_a_large_picture():
    """Bounds of the search hold where single precision is coarse: thin slivers over 5,000 pixels."""
    size = (3, 5000)
    camera = Camera(torch.tensor([[9.0, 0, 0], [0, 9.0, 0], [0, 0, 1]]), torch.eye(3), torch.zeros(3), size)
    columns = torch.arange(0, 5000, 7)
    x0, x1 = columns + 0.4, columns + 0.6
    corners = torch.stack(
        [
            torch.stack([x0, torch.full_like(x0, -9)], -1),
            torch.stack([x1, torch.full_like(x0, -9)], -1),
            torch.stack([(x0 + x1) / 2, torch.full_like(x0, 90)], -1),
        ],
        dim=1,
    )
    vertices = camera.unproject(corners, torch.ones(corners.shape[:2])).reshape(-1, 3)
    fragments = rasterize(vertices, torch.arange(len(vertices)).view(-1, 3), camera)
    assert torch.equal(fragments.mask[1].nonzero()[:, 0], columns)


def test_double_precision_is_kept():
    pix_to_face, zbuf, bary, dists = rasterize_meshes([TRIANGLE.double()], [ONE_FACE], (8, 8))
    single = rasterize_meshes([TRIANGLE], [ONE_FACE], (8, 8))
    assert zbuf.dtype == bary.dtype == dists.dtype == torch.float64
    assert torch.equal(pix_to_face, single[0])
    torch.testing.assert_close(bary.float(), single[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verts": []}, "equal length"),
        ({"faces": [ONE_FACE, ONE_FACE]}, "equal length"),
        ({"verts": [TRIANGLE[:, :2]]}, "verts"),
        ({"verts": [TRIANGLE.long()]}, "verts"),
        ({"faces": [ONE_FACE.float()]}, "faces"),
        ({"faces": [ONE_FACE[0]]}, "faces"),
        ({"faces": [ONE_FACE + 1]}, "outside"),
        ({"faces": [ONE_FACE - 1]}, "outside"),
        ({"image_size": (0, 5)}, "image_size"),
        ({"image_size": (50_000, 50_000)}, "too many"),
        ({"faces_per_pixel": 0}, "faces_per_pixel"),
        ({"blur_radius": -1e-3}, "blur_radius"),
        ({"blur_radius": float("nan")}, "blur_radius"),
        ({"z_clip_value": 0.0}, "z_clip_value"),
        ({"backend": "opengl"}, "backend"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    right = {"verts": [TRIANGLE], "faces": [ONE_FACE], "image_size": (4, 4)}
    with pytest.raises(ValueError, match=message):
        rasterize_meshes(**(right | arguments))


@pytest.mark.slow
def test_nothing_is_printed(tmp_path):
    """Standard output may carry a protocol: neither Warp's greeting nor its compiler may write there."""
    code = (
        "import torch; from smpl_fitting.geometry import rasterize_meshes;"
        "rasterize_meshes([torch.rand(3, 3) + 1], [torch.tensor([[0, 1, 2]])], (4, 4))"
    )
    environment = os.environ | {"WARP_CACHE_PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stdout == b""
    assert b"driver" not in done.stderr
