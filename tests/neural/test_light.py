"""The light, found again from surfaces whose stuff and light are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from painted import body_pose, checks, lit

from neural.light import Light, estimate_light, turned
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


NORMALS = torch.tensor([[0.0, 0, 1], [0, 0, -1], [0, -1, 0], [0.6, 0, 0.8], [1, 0, 0]])


def test_irradiance_by_hand():
    light = Light.of_photo(torch.tensor([0.0, -2.0, 1.0, 0.25]))
    by_hand = torch.tensor([2.25, 0.75, 3.0, 2.0, 1.0])[:, None].expand(-1, 3)
    np.testing.assert_allclose(light.irradiance(NORMALS), by_hand, rtol=1e-5)
    np.testing.assert_allclose(light.brightness(NORMALS) ** 2.2, by_hand, rtol=1e-5)
    np.testing.assert_allclose(Light.of_photo(torch.zeros(4)).irradiance(NORMALS), 1.0)


def test_lamps_of_several_colours_add_up():
    red, blue = torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 2.0])
    towards = torch.tensor([[0.0, 0, 1], [1, 0, 0]])
    light = Light(torch.full((3,), 0.5), torch.zeros(3), towards, torch.stack([red, blue]))
    np.testing.assert_allclose(light.irradiance(NORMALS)[0], [1.5, 0.5, 0.5])
    np.testing.assert_allclose(light.irradiance(NORMALS)[3], [1.3, 0.5, 1.7], rtol=1e-5)


def test_light_is_never_negative():
    dark = Light.of_photo(torch.tensor([0.0, 0.0, 0.0, 1.5])).irradiance(torch.tensor([[0.0, 0.0, -1.0]]))
    assert (dark == 0).all()


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


def test_a_blown_out_side_does_not_hide_the_lamp(texels):
    reading = texels.shown(LIGHTS["right"])
    over = replace(reading, colour=(reading.colour * 1.8).clamp(max=1))
    assert float((over.colour.amax(1) == 1).float().mean()) > 0.05
    assert angle(texels.estimate(over), LIGHTS["right"]) < 20


@pytest.mark.parametrize("colour", [0.0, 1.0])
def test_black_and_white_tell_nothing(texels, colour):
    reading = texels.shown(LIGHTS["right"])
    assert not texels.estimate(replace(reading, colour=torch.full_like(reading.colour, colour))).any()


def test_turned_by_hand():
    lights = torch.tensor([[1.0, 0, 2, 0.1], [0, -3, 0, 0]])
    quarter = torch.tensor([[0.0, 1, 2, 0.1], [3, 0, 0, 0]])
    torch.testing.assert_close(turned(lights, np.pi / 2), quarter, atol=1e-6, rtol=0)


def test_even_light_has_no_lamp(texels):
    assert float(texels.estimate(texels.shown((0.0, 0.0, 0.0, 0.0))).norm()) < 0.1


def test_nothing_seen_tells_nothing(texels):
    reading = texels.shown(LIGHTS["right"])
    assert (texels.estimate(replace(reading, trust=torch.zeros_like(reading.trust))) == 0).all()
    assert (texels.estimate() == 0).all()


def test_the_same_each_time(texels):
    reading = texels.shown(LIGHTS["above"])
    assert torch.equal(texels.estimate(reading), texels.estimate(reading))
