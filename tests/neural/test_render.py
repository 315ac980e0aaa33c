import dataclasses

import numpy as np
import pytest
import torch
from painted import SIZE, body_pose, level_camera

from neural.light import Light
from neural.render import WarpRenderer
from smpl_fitting.geometry import Camera, rasterize


@pytest.mark.parametrize(("yaw", "arms"), [(0.0, 0.9), (25.0, 0.4), (180.0, 0.9)])
def test_a_known_texture_unprojected_and_rendered_again(subject, checked, yaw, arms):
    pose, camera = body_pose(yaw, arms), level_camera()
    drawn = WarpRenderer().render(subject, checked.vertices(pose), camera, SIZE)
    truth, coverage = checked.picture(pose, camera)
    np.testing.assert_allclose(drawn.rgba[..., 3], coverage, atol=0.26)  # one sample of four
    assert np.abs(drawn.rgba[..., 3] - coverage).mean() < 1e-3
    seen = (coverage == 1) & (drawn.provenance > 0) & (drawn.provenance < 255)
    assert seen.sum() > 0.6 * (coverage == 1).sum()
    error = np.abs(drawn.rgba[..., :3] * 255 - truth)[seen]
    assert error.mean() < 4.0


def error_seen(drawn, truth, coverage):
    seen = (coverage == 1) & (drawn.provenance == 1)
    return np.abs(drawn.rgba[..., :3] * 255 - truth)[seen].mean()


def test_relit_where_she_stood_is_the_photograph(beside_a_lamp):
    painted, lit = beside_a_lamp
    vertices, camera = painted.vertices(body_pose()), level_camera()
    drawn = WarpRenderer().render(lit, vertices, camera, SIZE, light=lit.light)
    assert error_seen(drawn, *painted.picture(body_pose(), camera)) < 4.0


@pytest.mark.parametrize("yaw", [60.0, -60.0])
def test_relit_the_lamp_stays_where_it_is_when_she_turns(beside_a_lamp, yaw):
    painted, lit = beside_a_lamp
    pose, camera = body_pose(yaw), level_camera()
    truth = painted.picture(pose, camera)
    vertices = painted.vertices(pose)
    as_photographed, relit = (
        error_seen(WarpRenderer().render(lit, vertices, camera, SIZE, light=one), *truth)
        for one in (None, lit.light)
    )
    assert relit < 0.5 * as_photographed


def test_relit_even_light_changes_nothing(subject, checked):
    """The checked subject was photographed in even light, and nothing else is found."""
    assert float(subject.lights[:, :3].norm(dim=1).max()) < 0.1
    vertices = checked.vertices(body_pose(40.0))
    plain, relit = (
        WarpRenderer().render(subject, vertices, level_camera(), SIZE, light=one).rgba
        for one in (None, subject.light)
    )
    assert np.abs(plain - relit).max() < 0.1 and np.abs(plain - relit).mean() < 0.005


def test_in_the_dark_she_is_black(subject, checked):
    nothing = Light(torch.zeros(3), torch.zeros(3), torch.zeros(0, 3), torch.zeros(0, 3))
    vertices = checked.vertices(body_pose())
    drawn = WarpRenderer().render(subject, vertices, level_camera(), SIZE, light=nothing)
    assert drawn.rgba[..., 3].max() == 1 and not drawn.rgba[..., :3].any()


def test_without_a_light_shading_is_not_looked_at(subject, checked):
    """The source's own pixels, whatever was made out about its light."""
    other = dataclasses.replace(
        subject, shading=np.full_like(subject.shading, 2.0), lights=subject.lights + 1
    )
    vertices = checked.vertices(body_pose(20.0))
    first, second = (WarpRenderer().render(s, vertices, level_camera(), SIZE).rgba for s in (subject, other))
    np.testing.assert_array_equal(first, second)


def test_depth_and_empty_pixels(subject, checked):
    camera = level_camera()
    vertices = checked.vertices(body_pose())
    drawn = WarpRenderer().render(subject, vertices, camera, SIZE)
    empty = drawn.rgba[..., 3] == 0
    assert np.isinf(drawn.depth[empty]).all() and np.isfinite(drawn.depth[~empty]).all()
    assert (drawn.rgba[empty] == 0).all() and (drawn.provenance[empty] == 0).all()
    plain = rasterize(vertices, checked.body.faces, camera)
    inside = (plain.pix_to_face >= 0).numpy() & (drawn.rgba[..., 3] == 1)
    assert np.abs(drawn.depth[inside] - plain.depth.numpy()[inside]).mean() < 0.005
    assert drawn.rgba.dtype == np.float32 and drawn.depth.dtype == np.float32
    assert drawn.provenance.dtype == np.uint8


def test_front_and_back_come_from_their_pictures(subject, checked):
    renderer = WarpRenderer()
    for yaw, source in ((0.0, 1), (180.0, 2)):
        drawn = renderer.render(subject, checked.vertices(body_pose(yaw)), level_camera(), SIZE)
        taken = drawn.provenance[drawn.rgba[..., 3] == 1]
        assert (taken == source).mean() > 0.8


def test_the_same_in_any_order(subject, checked):
    poses = [body_pose(yaw) for yaw in (0.0, 40.0, 90.0)]
    forward, backward = WarpRenderer(), WarpRenderer()
    first = [forward.render(subject, checked.vertices(p), level_camera(), SIZE).rgba for p in poses]
    second = [backward.render(subject, checked.vertices(p), level_camera(), SIZE).rgba for p in poses[::-1]]
    for a, b in zip(first, second[::-1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_size_is_that_asked_for(subject, checked):
    drawn = WarpRenderer().render(subject, checked.vertices(body_pose()), level_camera(), (240, 160))
    full = WarpRenderer().render(subject, checked.vertices(body_pose()), level_camera(), SIZE)
    assert drawn.rgba.shape == (240, 160, 4)
    halved = full.rgba[..., 3].reshape(240, 2, 160, 2).mean((1, 3))
    assert np.abs(drawn.rgba[..., 3] - halved).mean() < 4e-3


def test_out_of_view_is_empty_and_close_up_is_drawn(subject, checked):
    camera = level_camera()
    vertices = checked.vertices(body_pose())
    aside = Camera(camera.K, camera.R, camera.t + torch.tensor([50.0, 0.0, 0.0]), SIZE)
    assert (WarpRenderer().render(subject, vertices, aside, SIZE).rgba == 0).all()
    close = level_camera(distance=0.25)
    drawn = WarpRenderer().render(subject, vertices, close, SIZE)
    assert np.isfinite(drawn.rgba).all() and drawn.rgba[..., 3].mean() > 0.5


def test_another_mesh_is_refused(subject):
    with pytest.raises(ValueError, match="subject's mesh"):
        WarpRenderer().render(subject, torch.zeros(10, 3), level_camera(), SIZE)
