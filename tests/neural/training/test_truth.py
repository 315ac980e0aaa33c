"""The truth of a synthetic frame against the plain rasterizer, closed-form motion and projected vertices."""

import dataclasses

import numpy as np
import pytest
import torch
from dolls import doll, random_motion

from neural.training.dressing import Material
from neural.training.people import pose_person
from neural.training.people_render import PeopleRenderError, render_clip, true_motion
from neural.training.raster_people import draw_with_rasterizer
from neural.training.studio import Studio, look_at, random_studio
from neural.training.truth import flow_to, join_parts, see, surface_vertices
from smpl_fitting.body import load_body
from smpl_fitting.geometry import rasterize
from smpl_fitting.motion import Motion
from smpl_fitting.video import read_image

CAMERA = look_at((0.4, -4.0, 1.2), (0.0, 0.0, 1.0), 35.0, (120, 96))


@pytest.fixture(scope="module")
def scene():
    person = doll(("skin", "shoes"))
    return person, join_parts(person), pose_person(person, *random_motion(3, 1))


def test_look_at_shows_the_target_in_the_middle_upright():
    pixels, depth = CAMERA.project(torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.5]]))
    np.testing.assert_allclose(pixels[0], (48.0, 60.0), atol=1e-3)
    assert pixels[1, 1] < pixels[0, 1]
    assert depth[0] == pytest.approx(np.sqrt(0.4**2 + 16 + 0.04), abs=1e-4)


def test_mask_and_depth_are_those_of_the_rasterizer(scene):
    _, surface, posed = scene
    vertices = surface_vertices(posed, 0)
    truth = see(surface, vertices, CAMERA)
    plain = rasterize(torch.from_numpy(vertices), torch.from_numpy(surface.faces), CAMERA)
    np.testing.assert_array_equal(truth.mask, plain.mask.numpy())
    np.testing.assert_allclose(truth.depth, plain.depth.numpy())
    assert set(np.unique(truth.kind)) == {0, 1, 5}  # nothing, skin, shoes
    assert ((truth.body_part > 0) == truth.mask).all()


def test_flow_follows_the_projected_vertices(scene):
    _, surface, posed = scene
    here, there = surface_vertices(posed, 0), surface_vertices(posed, 1)
    first = CAMERA.resized((960, 768))
    second = look_at((0.6, -3.9, 1.3), (0.1, 0.0, 1.0), 34.0, (960, 768))
    truth = see(surface, here, first)
    flow = flow_to(truth, surface, there, second)
    assert np.isnan(flow[~truth.mask]).all()
    # Where a vertex carries nearly all of a pixel, the flow is that vertex's own move.
    rows, columns = np.nonzero(truth.bary.max(-1) > 0.95)
    corner = truth.bary[rows, columns].argmax(1)
    vertex = surface.faces[truth.face[rows, columns], corner]
    before, _ = first.project(torch.from_numpy(here[vertex]))
    after, _ = second.project(torch.from_numpy(there[vertex]))
    assert len(vertex) > 20
    off = np.linalg.norm(flow[rows, columns] - (after - before).numpy(), axis=1)
    assert np.median(off) < 0.1  # pixels, of moves of up to 200
    assert off.max() < 1.0


def test_a_sideways_step_moves_every_pixel_by_focal_over_depth(scene):
    _, surface, posed = scene
    here = surface_vertices(posed, 0)
    truth = see(surface, here, CAMERA)
    step = 0.1 * CAMERA.R.numpy()[0]  # along the camera's x
    flow = flow_to(truth, surface, (here + step).astype(np.float32), CAMERA)
    expected = 0.1 * CAMERA.K[0, 0].item() / truth.depth[truth.mask]
    np.testing.assert_allclose(flow[truth.mask][:, 0], expected, atol=0.02)
    np.testing.assert_allclose(flow[truth.mask][:, 1], 0.0, atol=0.02)


def test_transparent_texels_are_looked_through(scene):
    person, _, posed = scene
    clear = np.zeros((4, 4, 4), np.uint8)
    glass = Material(texture=clear, cutout=True)
    parts = (person.parts[0], dataclasses.replace(person.parts[1], material=glass))
    surface = join_parts(dataclasses.replace(person, parts=parts))
    truth = see(surface, surface_vertices(posed, 0), CAMERA)
    assert 5 not in truth.kind  # the shoes have become invisible


def test_pictures_and_rooms_repeat(scene):
    _, surface, posed = scene
    vertices = surface_vertices(posed, 0)
    one, two = (draw_with_rasterizer(surface, vertices, CAMERA, random_studio(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert random_studio(3) != random_studio(4)
    alone = draw_with_rasterizer(surface, vertices, CAMERA, None)
    truth = see(surface, vertices, CAMERA)
    assert ((alone[..., 3] > 127) ^ truth.mask).mean() < 0.01


def test_a_clip_holds_the_whole_truth(tmp_path):
    person = doll()
    poses, trans = random_motion(3, 2)
    motion = Motion(poses=poses, trans=trans, betas=np.zeros(10), fps=30.0)
    out = render_clip(person, motion, CAMERA, Studio(), tmp_path / "clip", renderer="raster")
    assert read_image(out / "frames" / "0002.png").shape == (120, 96, 3)
    with np.load(out / "maps" / "0001.npz") as maps:
        assert {"mask", "kind", "body_part", "depth", "flow"} == set(maps.files)
    with np.load(out / "maps" / "0002.npz") as maps:
        assert "flow" not in maps.files
    told = Motion.load(out / "motion.npz")
    body = load_body("open")
    with np.load(out / "truth.npz") as truth:
        landmarks = body.landmarks(
            torch.zeros(10), torch.from_numpy(told.poses).float(), torch.from_numpy(told.trans).float()
        )
        np.testing.assert_allclose(truth["landmarks"], landmarks.numpy(), atol=1e-4)
    pixels, _ = CAMERA.project(landmarks[1])
    np.testing.assert_allclose(told.keypoints[1, :, :2], pixels.numpy(), atol=0.01)


def test_landmarks_outside_the_picture_are_not_visible(scene):
    person, _, posed = scene
    near = look_at((0.0, -1.0, 1.5), (0.0, 0.0, 1.5), 40.0, (96, 96))
    told = true_motion(person, posed, [near] * 3, 30.0, load_body("open"))
    assert told.keypoints[0, 0, 3] == 1.0  # the nose
    assert told.keypoints[0, 29, 3] == 0.0  # a heel
    np.testing.assert_allclose(told.keypoints_world[:, 23:25].mean(1), 0.0, atol=1e-5)


@pytest.mark.parametrize(
    ("cameras", "renderer", "says"), [([CAMERA], "raster", "1 cameras"), (CAMERA, "magic", "magic")]
)
def test_wrong_requests_say_so(tmp_path, cameras, renderer, says):
    poses, trans = random_motion(2, 2)
    motion = Motion(poses=poses, trans=trans, betas=np.zeros(10), fps=30.0)
    with pytest.raises(PeopleRenderError, match=says):
        render_clip(doll(), motion, cameras, None, tmp_path, renderer=renderer)
