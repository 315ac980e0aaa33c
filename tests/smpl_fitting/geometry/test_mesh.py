"""Normals of known solids, and values carried to pixels."""

import pytest
import torch
import trimesh

from smpl_fitting.geometry import Camera, Fragments, face_normals, interpolate, rasterize, vertex_normals


def sphere(subdivisions=3):
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions)
    return torch.from_numpy(mesh.vertices.copy()), torch.from_numpy(mesh.faces.copy())


def test_normals_of_a_sphere_point_outwards():
    vertices, faces = sphere()
    torch.testing.assert_close(vertex_normals(vertices, faces), vertices, atol=2e-2, rtol=0)
    centres = torch.nn.functional.normalize(vertices[faces].mean(1), dim=-1)
    torch.testing.assert_close(face_normals(vertices, faces), centres, atol=2e-2, rtol=0)


def test_face_normals_agree_with_trimesh():
    mesh = trimesh.creation.box((1, 2, 3))
    normals = face_normals(torch.from_numpy(mesh.vertices.copy()), torch.from_numpy(mesh.faces.copy()))
    torch.testing.assert_close(normals, torch.from_numpy(mesh.face_normals.copy()))


def test_vertex_normals_are_weighted_by_area():
    # A large face looking along +z and a small one along +x meet in vertex 0.
    vertices = torch.tensor([[0.0, 0, 0], [0, 2, 0], [-2, 0, 0], [0, 0, -1], [0, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 3, 4]])
    expected = torch.nn.functional.normalize(torch.tensor([1.0, 0, 4]), dim=0)
    torch.testing.assert_close(vertex_normals(vertices, faces)[0], expected)


def test_batches_and_lonely_vertices():
    vertices, faces = sphere(1)
    vertices = torch.cat([vertices, torch.zeros(1, 3)])
    batch = vertex_normals(torch.stack([vertices, -vertices]), faces)
    # Turned inside out about the origin, normals (as areas) keep their direction.
    torch.testing.assert_close(batch[0], batch[1])
    assert (batch[:, -1] == 0).all()


def test_normals_have_gradients():
    vertices, faces = sphere(0)
    vertices = vertices.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: vertex_normals(v, faces), vertices)
    assert torch.autograd.gradcheck(lambda v: face_normals(v, faces), vertices)


def test_culling_keeps_the_outside():
    vertices, faces = sphere()
    camera = Camera(
        torch.tensor([[60.0, 0, 32], [0, 60, 32], [0, 0, 1]]),
        torch.eye(3),
        torch.tensor([0.0, 0, 3]),
        (64, 64),
    )
    vertices = vertices.float()
    whole = rasterize(vertices, faces, camera)
    outside = rasterize(vertices, faces, camera, cull_backfaces=True)
    inside = rasterize(vertices, faces.flip(1), camera, cull_backfaces=True)
    assert torch.equal(whole.pix_to_face, outside.pix_to_face)
    # With the winding reversed the far half is seen from within.
    assert (inside.depth[whole.mask] > whole.depth[whole.mask]).all()


def test_interpolation_of_a_linear_field():
    """A function linear in space is reproduced where the pixels' rays meet the mesh."""
    camera = Camera(
        torch.tensor([[60.0, 0, 40], [0, 60, 20], [0, 0, 1]]),
        torch.eye(3),
        torch.tensor([0.0, 0, 3]),
        (48, 64),
    )
    vertices, faces = sphere()
    vertices = vertices.float()
    fragments = rasterize(vertices, faces, camera)
    values = interpolate(fragments, faces, vertices @ torch.tensor([[1.0, 0.0], [2.0, 0.5], [0.0, -3.0]]))
    row, column = fragments.mask.nonzero(as_tuple=True)
    points = camera.unproject(torch.stack([column, row], -1) + 0.5, fragments.depth[row, column])
    expected = points @ torch.tensor([[1.0, 0.0], [2.0, 0.5], [0.0, -3.0]])
    torch.testing.assert_close(values[row, column], expected, atol=1e-4, rtol=0)
    assert (values[~fragments.mask] == 0).all()


def test_interpolation_by_other_corners():
    """Texture coordinates have their own numbering of corners."""
    fragments = Fragments(
        pix_to_face=torch.tensor([[1, -1]]),
        bary=torch.tensor([[[0.5, 0.25, 0.25], [-1.0, -1.0, -1.0]]]),
        depth=torch.tensor([[2.0, torch.inf]]),
    )
    uv = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]], requires_grad=True)
    values = interpolate(fragments, torch.tensor([[0, 1, 2], [3, 2, 1]]), uv)
    torch.testing.assert_close(values.detach(), torch.tensor([[[0.75, 0.75], [0.0, 0.0]]]))
    values.sum().backward()
    torch.testing.assert_close(uv.grad[:, 0], torch.tensor([0.0, 0.25, 0.25, 0.5]))


def test_attributes_need_a_channel_axis():
    fragments = Fragments(torch.tensor([[0]]), torch.ones(1, 1, 3), torch.ones(1, 1))
    with pytest.raises(ValueError, match="attributes"):
        interpolate(fragments, torch.tensor([[0, 1, 2]]), torch.ones(3))
