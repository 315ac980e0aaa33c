"""Normals without the mesh's relief: where there is none they are the mesh's own, and they turn as it turns."""

import numpy as np
import torch
from painted import body_pose

from neural.broad_normals import BroadNormals
from neural.diffusion import landmark
from neural.subject import body_surface
from neural.surface import Surface
from smpl_fitting.geometry import vertex_normals
from smpl_fitting.geometry.rotations import axis_angle_to_matrix


def ball(rings=24, radius=0.3):
    """A sphere's surface; its part labels are not the head's."""
    angle = torch.linspace(0, np.pi, rings + 1)[1:-1]
    turn = torch.linspace(0, 2 * np.pi, 2 * rings + 1)[:-1]
    polar, around = torch.meshgrid(angle, turn, indexing="ij")
    points = torch.stack([polar.sin() * around.cos(), polar.cos(), -polar.sin() * around.sin()], dim=-1)
    number = torch.arange(points[..., 0].numel()).reshape(points.shape[:2])
    a, b = number[:-1], number[1:]
    a1, b1 = a.roll(-1, 1), b.roll(-1, 1)
    faces = torch.cat([torch.stack(t, -1).reshape(-1, 3) for t in ((a, b, a1), (a1, b, b1))])
    rest = radius * points.reshape(-1, 3)
    return Surface(rest, faces, rest[:, :2], faces, torch.zeros(len(faces), dtype=torch.uint8))


def test_on_a_ball_they_are_its_radii():
    surface = ball()
    normals = BroadNormals(surface).of(surface.rest)
    inner = surface.rest[:, 1].abs() < 0.25  # the mesh ends in holes at the poles
    outward = torch.nn.functional.normalize(surface.rest, dim=1)
    assert float((normals * outward).sum(1)[inner].min()) > 0.995


def test_dents_are_left_out():
    """Ripples of 4 mm turn the mesh's own normals by far more than the broad ones."""
    smooth = ball(80)
    ripple = 1 + 0.013 * torch.sin(smooth.rest * 300).prod(1, keepdim=True)
    rough = Surface(smooth.rest * ripple, smooth.faces, smooth.uv, smooth.faces_uv, smooth.part_labels)
    outward = torch.nn.functional.normalize(smooth.rest, dim=1)
    inner = smooth.rest[:, 1].abs() < 0.2
    own, broad = (
        (one * outward).sum(1)[inner].clamp(-1, 1).acos().square().mean().sqrt()
        for one in (vertex_normals(rough.rest, rough.faces), BroadNormals(rough).of(rough.rest))
    )
    assert broad < 0.5 * own


def test_they_turn_with_the_body(open_body):
    surface = body_surface(open_body, torch.zeros(10))
    broad = BroadNormals(surface)
    vertices = open_body(torch.zeros(10), body_pose(), torch.zeros(1, 3)).vertices[0]
    turn = axis_angle_to_matrix(torch.tensor([0.3, -0.4, 1.1]))
    torch.testing.assert_close(broad.of(vertices @ turn.T), broad.of(vertices) @ turn.T, atol=1e-4, rtol=0)
    assert float(broad.of(vertices).norm(dim=1).min()) > 0.999


def test_lips_face_as_the_face_does(open_body):
    surface = body_surface(open_body, torch.zeros(10))
    mouth = (
        landmark(open_body, surface.rest, "mouth_left") + landmark(open_body, surface.rest, "mouth_right")
    ) / 2
    near = (surface.rest - mouth).norm(dim=1) < 0.02
    own = vertex_normals(surface.rest, surface.faces)[near, 2]
    broad = BroadNormals(surface).of(surface.rest)[near, 2]
    assert float((own < 0.3).float().mean()) > 0.2  # what lies between and behind the lips
    assert float((broad > 0.3).float().mean()) > 0.95
