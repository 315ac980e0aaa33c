"""The light, found again from surfaces whose stuff and light are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from painted import body_pose, checks, lit

from neural.light import brightness, estimate_light, irradiance
from neural.subject import body_surface
from neural.surface import build_atlas, refine
from neural.texture import TexelReading
from smpl_fitting.geometry import vertex_normals

LIGHTS = {
    "front left": (0.8, -1.2, 0.9, 0.2),
    "right": (-1.8, -0.3, 0.6, 0.3),
    "above": (0.1, -0.4, 1.5, 0.1),
    "behind": (0.8, 1.0, 0.6, 0.2),
}


class Texels:
    """The open body's texels, painted in checks, as pictures from the front (or all around) show them."""

    def __init__(self, body):
        self.body, self.refined = body, refine(body_surface(body, torch.zeros(10)), 40_000)
        fine = self.refined.surface
        self.atlas = build_atlas(fine, 256)
        self.places = self.atlas.points(fine.rest, fine.faces)
        self.part = fine.part_labels[self.atlas.face]
        self.colour = checks(self.places, self.part.long())

    def shown(self, light, yaw=0.0, all_around=False):
        vertices = self.refined.lift(
            self.body(torch.zeros(10), body_pose(yaw), torch.zeros(1, 3)).vertices[0]
        )
        faces = self.refined.surface.faces
        normal = torch.nn.functional.normalize(
            self.atlas.points(vertex_normals(vertices, faces), faces), dim=1
        )
        trust = (-normal[:, 1]).clamp(min=0)
        if all_around:
            trust = torch.ones_like(trust)
        return TexelReading(lit(self.colour, normal, torch.tensor(light)), trust, normal)

    def estimate(self, *readings):
        return estimate_light(readings, self.places, self.part)


@pytest.fixture(scope="module")
def texels(open_body):
    return Texels(open_body)


def angle(first, second):
    first, second = (np.asarray(one)[:3] for one in (first, second))
    return np.degrees(np.arccos(first @ second / np.linalg.norm(first) / np.linalg.norm(second)))


def test_irradiance_by_hand():
    normals = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0, -1, 0], [0.6, 0, 0.8], [1, 0, 0]])
    light = torch.tensor([0.0, -2.0, 1.0, 0.25])
    np.testing.assert_allclose(irradiance(light, normals), [2.25, 0.75, 3.0, 2.0, 1.0])
    np.testing.assert_allclose(irradiance(torch.zeros(4), normals), 1.0)
    np.testing.assert_allclose(brightness(light, normals) ** 2.2, irradiance(light, normals), rtol=1e-5)


def test_no_surface_is_black():
    dark = irradiance(torch.tensor([0.0, 0.0, 0.0, 1.5]), torch.tensor([[0.0, 0.0, -1.0]]))
    assert 0 < float(dark) < 0.2


@pytest.mark.parametrize("name", [name for name in LIGHTS if name != "behind"])
def test_a_lamp_is_found_from_the_front_alone(texels, name):
    found = texels.estimate(texels.shown(LIGHTS[name]))
    assert angle(found, LIGHTS[name]) < 15
    assert 0.6 < float(found[:3].norm()) / np.linalg.norm(LIGHTS[name][:3]) < 1.3


@pytest.mark.parametrize("name", LIGHTS)
def test_a_turn_shows_also_the_lamp_behind(texels, name):
    found = texels.estimate(*(texels.shown(LIGHTS[name], yaw) for yaw in (0.0, 90.0, 180.0, 270.0)))
    assert angle(found, LIGHTS[name]) < 8
    assert 0.8 < float(found[:3].norm()) / np.linalg.norm(LIGHTS[name][:3]) < 1.2


def test_prints_and_shadows_are_survived(texels):
    reading = texels.shown(LIGHTS["front left"])
    rng = torch.Generator().manual_seed(0)
    blotch = torch.rand(len(texels.places), 1, generator=rng) < 0.2
    colour = torch.where(blotch, torch.rand(len(blotch), 3, generator=rng), reading.colour)
    found = texels.estimate(replace(reading, colour=colour))
    assert angle(found, LIGHTS["front left"]) < 20


def test_even_light_has_no_lamp(texels):
    assert float(texels.estimate(texels.shown((0.0, 0.0, 0.0, 0.0))).norm()) < 0.1


def test_nothing_seen_tells_nothing(texels):
    reading = texels.shown(LIGHTS["right"])
    assert (texels.estimate(replace(reading, trust=torch.zeros_like(reading.trust))) == 0).all()
    assert (texels.estimate() == 0).all()


def test_the_same_each_time(texels):
    reading = texels.shown(LIGHTS["above"])
    assert torch.equal(texels.estimate(reading), texels.estimate(reading))


def test_the_brightest_side_faces_the_lamp():
    """The convention: the world is Z-up, and (x, y, z) points to the lamp."""
    light = torch.tensor(LIGHTS["right"])
    towards = light[:3] / light[:3].norm()
    around = torch.nn.functional.normalize(
        torch.randn(500, 3, generator=torch.Generator().manual_seed(1)), dim=1
    )
    assert float(irradiance(light, towards[None])) >= float(irradiance(light, around).max()) - 0.1
