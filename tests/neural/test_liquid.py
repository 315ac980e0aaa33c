"""The liquid renderer: the warp where the network changes nothing, the same frame in any order, sane coverage."""

import numpy as np
import pytest
import torch
from painted import SIZE, body_pose, level_camera
from scipy import ndimage

from neural.light import Light
from neural.liquid import SHIPPED, LiquidRenderer, _enlarged, _repair, _repaired
from neural.liquid_inputs import SOURCE_SIDE, source_inputs, target_inputs
from neural.networks.generator import Generator, GeneratorConfig
from neural.networks.weights import WeightsError, save_generator
from neural.render import WarpRenderer
from neural.renderers import make_renderer
from neural.windows import HEAD, STATURE, head_scope, person_scope, scope_window
from smpl_fitting.geometry import rasterize
from smpl_fitting.geometry.rotations import axis_angle_to_matrix


@pytest.fixture(scope="module")
def pose(checked):
    """Vertices and camera of three moments of a turn."""
    return [(checked.vertices(body_pose(yaw)), level_camera((240, 200))) for yaw in (10.0, 20.0, 30.0)]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    torch.manual_seed(0)
    save_generator(path, Generator(GeneratorConfig(4)), {})
    return path


@pytest.fixture(scope="module")
def stirred(tmp_path_factory):
    """Weights that change every pixel."""
    path = tmp_path_factory.mktemp("weights") / "stirred.safetensors"
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(4))
    torch.nn.init.normal_(generator.leave.weight, std=0.3)
    save_generator(path, generator, {})
    return path


def test_untrained_it_is_the_warp(subject, pose, untrained):
    vertices, camera = pose[0]
    warp = WarpRenderer().render(subject, vertices, camera, camera.image_size, light=subject.light)
    liquid = LiquidRenderer(untrained).render(subject, vertices, camera, camera.image_size)
    assert np.abs(warp.rgba[..., 3] - liquid.rgba[..., 3]).max() < 1e-3
    seen = warp.rgba[..., 3] > 0.01
    assert np.abs(warp.rgba - liquid.rgba)[seen].max() < 0.01
    assert np.array_equal(warp.provenance, liquid.provenance)
    same = np.isfinite(warp.depth)
    assert np.array_equal(same, np.isfinite(liquid.depth))
    assert np.abs(warp.depth[same] - liquid.depth[same]).max() < 1e-3


def test_frames_are_the_same_in_any_order(subject, pose, stirred):
    def drawn(order):
        renderer = LiquidRenderer(stirred)
        frames = {}
        for frame in order:
            previous = pose[frame - 1] if frame else None
            vertices, camera = pose[frame]
            frames[frame] = renderer.render(subject, vertices, camera, camera.image_size, previous=previous)
        return frames

    forth, back, alone = drawn([0, 1, 2]), drawn([2, 0, 1]), drawn([1])
    for frame in range(3):
        assert np.array_equal(forth[frame].rgba, back[frame].rgba)
    assert np.array_equal(forth[1].rgba, alone[1].rgba)


def test_the_frame_before_is_looked_at(subject, pose, stirred):
    vertices, camera = pose[1]
    renderer = LiquidRenderer(stirred)
    without = renderer.render(subject, vertices, camera, camera.image_size)
    with_it = renderer.render(subject, vertices, camera, camera.image_size, previous=pose[0])
    assert not np.array_equal(without.rgba, with_it.rgba)


def test_picture_depth_and_provenance_agree(subject, pose, stirred):
    vertices, camera = pose[2]
    drawn = LiquidRenderer(stirred).render(subject, vertices, camera, camera.image_size)
    assert drawn.rgba.dtype == np.float32 and drawn.rgba.shape == (240, 200, 4)
    assert drawn.rgba.min() >= 0 and drawn.rgba.max() <= 1
    there = drawn.rgba[..., 3] > 0
    assert np.array_equal(there, np.isfinite(drawn.depth))
    assert not drawn.rgba[~there].any() and not drawn.provenance[~there].any()


def test_a_size_other_than_the_cameras_and_a_larger_person(subject, pose, stirred):
    """Taller than the network looks: its answer is enlarged, the picture has the size asked for."""
    vertices, camera = pose[0]
    window = scope_window(vertices, camera.resized((960, 800)), person_scope(subject))
    assert window.size[0] < window.box[3] - window.box[1]
    assert window.size[0] <= 1.3 * STATURE
    drawn = LiquidRenderer(stirred).render(subject, vertices, camera, (960, 800))
    assert drawn.rgba.shape == (960, 800, 4)


def test_an_outline_that_is_softened_stays_one_when_enlarged():
    """Taken back within the outline and put on beside it, coverage falls steadily in the larger picture, too."""
    column = torch.arange(32.0)
    warp = torch.full((1, 4, 16, 32), 0.5)
    warp[:, 3] = (column < 16).float()
    answer = torch.zeros(1, 4, 16, 32)
    near = (column - 15.5).abs() < 3
    answer[:, 3] = torch.where(column < 16, -0.8, 0.8) * near
    large = torch.full((4, 64, 128), 0.5)
    large[3] = (torch.arange(128) < 64).float()
    drawn = _repaired(large, _enlarged(_repair(warp, answer), (64, 128))[0])[3, 32]
    assert bool((drawn.diff() <= 1e-6).all())
    assert float(drawn[66]) > 0.05 and float(drawn[61]) < 0.95
    unchanged = torch.cat([torch.arange(40), torch.arange(88, 128)])
    assert torch.equal(drawn[unchanged], large[3, 32, unchanged])


def test_a_large_head_is_looked_at_again_from_closer_by(subject, pose, stirred):
    """What it changes lies in the head's window alone, and fades towards the rim."""
    vertices, camera = pose[0]
    large = camera.resized((960, 800))
    with_it, without = (
        LiquidRenderer(stirred, heads=heads).render(subject, vertices, large, large.image_size).rgba
        for heads in (True, False)
    )
    window = scope_window(vertices, large, head_scope(subject))
    x0, y0, x1, y1 = window.box
    change = np.abs(with_it - without).max(-1)
    assert (change > 1e-4)[y0:y1, x0:x1].mean() > 0.2
    assert change[y0 : y0 + 2, x0:x1].max() < 0.05 < change[y0:y1, x0:x1].max()
    change[y0:y1, x0:x1] = 0
    assert not change.any()


def test_a_small_head_needs_no_second_look(subject, pose, stirred):
    vertices, camera = pose[0]
    with_it, without = (
        LiquidRenderer(stirred, heads=heads).render(subject, vertices, camera, camera.image_size)
        for heads in (True, False)
    )
    assert np.array_equal(with_it.rgba, without.rgba)


def test_the_heads_window_shows_the_head_at_its_own_scale(subject, pose):
    vertices, camera = pose[0]
    scope = head_scope(subject)
    window = scope_window(vertices, camera.resized((1920, 1600)), scope)
    pixels, depth = window.camera.project(vertices[scope.vertices])
    tall = float(window.camera.K[1, 1]) * scope.metres / float(depth.median())
    assert abs(tall - HEAD) < 0.03 * HEAD
    assert bool((pixels > 0).all()) and bool((pixels < torch.tensor(window.size[::-1])).all())
    assert 0.15 < scope.metres < 0.4


def test_the_window_is_what_its_camera_sees(subject, pose):
    vertices, camera = pose[0]
    window = scope_window(vertices, camera.resized((960, 800)), person_scope(subject))
    pixels, _ = camera.resized((960, 800)).project(vertices)
    seen, _ = window.camera.project(vertices)
    x0, y0, x1, y1 = window.box
    scale = torch.tensor([window.size[1] / (x1 - x0), window.size[0] / (y1 - y0)])
    assert torch.allclose((pixels - torch.tensor([x0, y0])) * scale, seen, atol=0.02)
    assert window.size[0] % 16 == 0 and window.size[1] % 16 == 0
    assert abs(float(scale[0] / scale[1]) - 1) < 0.02


def test_partly_and_wholly_out_of_the_picture(subject, pose, stirred):
    vertices, camera = pose[0]
    renderer = LiquidRenderer(stirred)
    half = renderer.render(subject, vertices + torch.tensor([0.6, 0.0, 0.0]), camera, camera.image_size)
    assert half.rgba[:, -1, 3].any() and not half.rgba[:, :40, 3].any()
    gone = renderer.render(subject, vertices + torch.tensor([9.0, 0.0, 0.0]), camera, camera.image_size)
    assert not gone.rgba.any() and np.isinf(gone.depth).all()


def test_the_flow_reads_each_source_at_the_same_surface_point(subject, pose):
    """Colours of the source crops, carried along the grid, against the warp picture, where both know."""
    vertices, camera = pose[0]
    window = scope_window(vertices, camera, person_scope(subject))
    sources = source_inputs(subject, person_scope(subject))
    inputs = target_inputs(subject, sources, WarpRenderer(), vertices, window.camera, subject.light)
    read = torch.nn.functional.grid_sample(sources.pictures[:1], inputs.grid[:1], align_corners=False)[0]
    trusted = (inputs.trust[0, 0] > 0.6) & (inputs.warp[3, 1::2, 1::2] == 1)
    assert int(trusted.sum()) > 500
    difference = (read[:3] - inputs.warp[:3, 1::2, 1::2]).abs().mean(0)[trusted]
    assert float(difference.median()) < 0.04
    assert float(inputs.trust[1][:, trusted].max()) < 0.3  # seen from the front, so not from behind


@pytest.mark.parametrize("yaw", [0.0, 0.4], ids=["as the source is seen", "turned"])
def test_beside_the_body_the_flow_goes_on_as_if_all_there_moved_with_it(subject, yaw):
    """A body that moved rigidly carries the space around it along: where it leads is known in closed form."""
    vertices, camera = subject.vertices[0], subject.cameras[0]
    turn = axis_angle_to_matrix(torch.tensor([0.0, 0.0, yaw]))
    middle = vertices.mean(0)
    now = (vertices - middle) @ turn.T + middle
    window = scope_window(now, camera, person_scope(subject))
    sources = source_inputs(subject, person_scope(subject))
    inputs = target_inputs(subject, sources, WarpRenderer(), now, window.camera, subject.light)
    depth = rasterize(now, subject.surface.faces, window.camera).depth[1::2, 1::2]
    away, nearest = ndimage.distance_transform_edt(depth.isinf().numpy(), return_indices=True)
    row, column = np.nonzero((away > 1) & (away < 8))
    assert len(row) > 200 and bool((inputs.trust[0, 0, row, column] > 0).all())
    pixels = torch.from_numpy(np.stack([column, row], axis=1)).float() * 2 + 1.5
    points = window.camera.unproject(pixels, depth[nearest[0, row, column], nearest[1, row, column]])
    before = (points - middle) @ turn + middle
    expected, _ = sources.cameras[0].project(before)
    found = (inputs.grid[0, row, column] + 1) * 0.5 * SOURCE_SIDE
    inside = (inputs.grid[0, row, column].abs() < 1).all(-1)
    off = (found - expected)[inside].norm(dim=-1)
    assert float(off.max()) < 0.05


def test_the_past_is_carried_along_the_body(subject, pose):
    """Her warp picture of the frame before looks here as that of now, where it is known."""
    (before, camera), (now, _) = pose[0], pose[1]
    scope = person_scope(subject)
    windows = [scope_window(vertices, camera, scope) for vertices in (before, now)]
    warp, sources = WarpRenderer(), source_inputs(subject, person_scope(subject))
    inputs = target_inputs(
        subject, sources, warp, now, windows[1].camera, subject.light, (before, windows[0].camera)
    )
    known = inputs.previous[3] == 1
    assert float(known.float().sum() / (inputs.warp[3] == 1).sum()) > 0.8
    assert float((inputs.previous[:3] - inputs.warp[:3]).abs().mean(0)[known].median()) < 0.03
    alone = target_inputs(subject, sources, warp, now, windows[1].camera, subject.light)
    assert not alone.previous.any()


def test_the_past_stands_in_the_same_light(beside_a_lamp):
    """Where she has not moved, her warp picture of the frame before is that of now, lamp and all."""
    painted, lit = beside_a_lamp
    vertices, camera = painted.vertices(body_pose(40.0)), level_camera()
    scope = person_scope(lit)
    window = scope_window(vertices, camera, scope)
    inputs = target_inputs(
        lit,
        source_inputs(lit, scope),
        WarpRenderer(),
        vertices,
        window.camera,
        lit.light,
        (vertices, window.camera),
    )
    known = inputs.previous[3] == 1
    assert float((inputs.previous[:3] - inputs.warp[:3]).abs().mean(0)[known].mean()) < 0.01


def test_in_a_red_lamp_she_is_red(beside_a_lamp):
    """Lit anew after the network: it never sees a light that no photo has."""
    painted, lit = beside_a_lamp
    vertices, camera = painted.vertices(body_pose()), level_camera()
    front, red = torch.tensor([[0.0, -1, 0]]), torch.tensor([[0.8, 0, 0]])
    lamp = Light(torch.zeros(3), torch.zeros(3), front, red)
    renderer = LiquidRenderer()
    own, drawn = (renderer.render(lit, vertices, camera, SIZE, light=one).rgba for one in (None, lamp))
    np.testing.assert_array_equal(own[..., 3], drawn[..., 3])
    assert drawn[..., 0].mean() > 0.02 and not drawn[..., 1:3].any()
    same = renderer.render(lit, vertices, camera, SIZE, light=lit.light).rgba
    np.testing.assert_allclose(same, own, atol=1e-5)


def test_a_wrong_mesh_and_missing_weights_are_refused(subject, pose, untrained, tmp_path):
    _, camera = pose[0]
    with pytest.raises(ValueError, match="vertices have shape"):
        LiquidRenderer(untrained).render(subject, torch.zeros(5, 3) + 1, camera, camera.image_size)
    with pytest.raises(WeightsError, match="no such file"):
        LiquidRenderer(tmp_path / "none.safetensors")


def test_the_shipped_weights():
    """They load, are small enough to ship, and have their card."""
    assert SHIPPED.stat().st_size < 20e6
    assert SHIPPED.with_suffix(".md").is_file()
    assert isinstance(make_renderer("liquid"), LiquidRenderer)
