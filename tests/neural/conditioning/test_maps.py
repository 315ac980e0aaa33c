"""Maps of shapes whose depth, normals and coordinates are known in closed form."""

import numpy as np
import pytest
import torch
import trimesh
from painted import SIZE, body_pose, level_camera

from neural.conditioning.maps import FARTHEST_LEVEL, Mesh, depth_of_level, draw_maps, joint_colours
from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.geometry import Camera


def straight_camera(focal=200.0, size=(120, 160)):
    """At the origin, looking along +z."""
    K = torch.tensor([[focal, 0, size[1] / 2], [0, focal, size[0] / 2], [0, 0, 1.0]])
    return Camera(K, torch.eye(3), torch.zeros(3), size)


def plain_mesh(faces, vertex_count, uv=None):
    return Mesh(
        faces=faces,
        uv=torch.zeros(vertex_count, 2) if uv is None else uv,
        faces_uv=faces,
        part_labels=torch.zeros(len(faces), dtype=torch.uint8),
        joint_of_vertex=torch.zeros(vertex_count, dtype=torch.int64),
    )


def rays(camera):
    height, width = camera.image_size
    y, x = np.mgrid[:height, :width] + 0.5
    K = camera.K.numpy()
    return np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], axis=-1)


def test_a_slanted_plane():
    """z = 2 + x / 2 seen by rays (a, b, 1): z = 2 / (1 - a / 2), exactly; u runs with x, v with -y."""
    corners = torch.tensor([[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]])
    vertices = torch.cat([corners, 2 + corners[:, :1] / 2], dim=1)
    faces = torch.tensor([[0, 2, 1], [0, 3, 2]])  # towards the camera
    uv = torch.stack([(corners[:, 0] + 0.9) / 1.8, (0.9 - corners[:, 1]) / 1.8], dim=1)
    camera, reach = straight_camera(), (1.5, 3.0)
    maps, seen = draw_maps(plain_mesh(faces, 4, uv), vertices, camera, reach)
    inside = seen.mask.numpy()
    assert inside.sum() > 3000
    ray = rays(camera)
    depth = 2 / (1 - ray[..., 0] / 2)
    step = (reach[1] - reach[0]) / (255 - FARTHEST_LEVEL)
    got = depth_of_level(maps.depth[..., 0].astype(float), reach)
    assert np.abs(got - depth)[inside].max() <= 0.51 * step
    assert np.isinf(got[~inside]).all()
    normal = np.array([1, 0, -2]) / np.sqrt(5) * [1, -1, -1]  # x right, y up, z to the viewer
    np.testing.assert_allclose(
        maps.normal[inside], np.broadcast_to((normal + 1) * 127.5, (inside.sum(), 3)), atol=0.51
    )
    point = ray * depth[..., None]
    u, v = (point[..., 0] + 0.9) / 1.8, (0.9 - point[..., 1]) / 1.8
    np.testing.assert_allclose(maps.iuv[inside][:, 1], 255 * u[inside], atol=0.6)
    np.testing.assert_allclose(maps.iuv[inside][:, 0], 255 * v[inside], atol=0.6)
    assert (maps.iuv[inside][:, 2] == 1).all() and (maps.parts[inside] == 1).all()
    for one in (maps.depth, maps.normal, maps.semantic_map, maps.mask, maps.iuv, maps.parts):
        assert one.dtype == np.uint8 and (one[~inside] == 0).all()
    assert (maps.mask[inside] == 255).all()


def test_a_sphere():
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.4)
    vertices = torch.from_numpy(ball.vertices.copy()).float() + torch.tensor([0.0, 0.0, 2.0])
    camera = straight_camera()
    maps, seen = draw_maps(
        plain_mesh(torch.from_numpy(ball.faces.copy()).long(), len(vertices)), vertices, camera, (1.6, 2.0)
    )
    ray = rays(camera)
    a, b = (ray**2).sum(-1), 2.0
    root = b**2 - a * (4 - 0.16)
    inside = seen.mask.numpy() & (root > 0.02)
    depth = (b - np.sqrt(np.maximum(root, 0))) / a
    normal = (ray * depth[..., None] - [0, 0, 2]) / 0.4 * [1, -1, -1]
    assert np.abs(maps.normal.astype(float) - (normal + 1) * 127.5)[inside].max() < 2
    got = depth_of_level(maps.depth[..., 0].astype(float), (1.6, 2.0))
    assert np.abs(got - depth)[inside].max() < 0.003
    middle = maps.normal[60, 80].astype(int)  # faces the viewer: blue
    assert abs(middle - [128, 128, 255]).max() <= 2


def test_normals_turn_with_the_camera(open_body, checked):
    vertices, mesh = checked.vertices(body_pose()), Mesh.of(open_body)
    camera = level_camera()
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    maps, _ = draw_maps(mesh, vertices, camera, (3.0, 5.0))
    around = Camera(camera.K, camera.R @ turn.T, camera.t, SIZE)
    turned, _ = draw_maps(mesh, vertices @ turn.T, around, (3.0, 5.0))
    assert np.abs(maps.normal.astype(int) - turned.normal).max() <= 3


def test_champs_colours(open_body, checked):
    """The body's joints in viridis' entries, the left hand's and the right's on their sides."""
    maps, _ = draw_maps(Mesh.of(open_body), checked.vertices(body_pose()), level_camera(), (3.0, 5.0))
    table = joint_colours()
    np.testing.assert_array_equal(table[0], [68, 1, 84])  # viridis begins in this violet
    used = {tuple(c) for c in maps.semantic_map.reshape(-1, 3).tolist()} - {(0, 0, 0)}
    assert used <= {tuple(c) for c in table.tolist()} and len(used) > 15
    column = {
        name: np.nonzero((maps.semantic_map == table[JOINT_NAMES.index(name)]).all(-1))[1].mean()
        for name in ("left_elbow", "right_elbow", "left_knee", "right_knee")
    }
    assert column["left_elbow"] > column["left_knee"] > column["right_knee"] > column["right_elbow"]


def test_levels_and_metres():
    levels = np.array([255.0, FARTHEST_LEVEL, 0.0])
    assert depth_of_level(levels, (2.0, 4.0)).tolist() == [2.0, 4.0, np.inf]
    assert depth_of_level(np.array([(255 + FARTHEST_LEVEL) / 2]), (2.0, 4.0)) == pytest.approx(3.0)
