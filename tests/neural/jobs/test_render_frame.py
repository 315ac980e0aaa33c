"""The frame the render engine asks for, against the renderer itself and against bad requests."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from neural.jobs.context import JobContext
from neural.jobs.render_frame import run
from neural.render import WarpRenderer
from neural.source_view import SourceView
from neural.subject import build_subject, load_subject
from smpl_fitting.body import load_body
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry import Camera, rasterize
from smpl_fitting.motion import Motion

SIZE = (96, 64)


@pytest.fixture(scope="module")
def view():
    """The open body standing upright in a Z-up world, seen from the front, in a picture of bands of colour."""
    body = load_body("open")
    poses = np.zeros((1, 72), np.float32)
    poses[0, :3] = [np.pi / 2, 0, 0]  # the Y-up body, upright where Z is up
    trans = np.zeros((1, 3), np.float32)
    output = body(torch.zeros(1, body.num_betas), torch.from_numpy(poses), torch.from_numpy(trans))
    R = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    centre = output.vertices[0].mean(0)
    t = torch.tensor([0.0, 0.1, 3.0]) - R @ centre
    K = torch.tensor([[90.0, 0, 32], [0, 90, 48], [0, 0, 1]])
    camera = Camera(K, R, t, SIZE)
    mask = (rasterize(output.vertices[0], body.faces, camera).pix_to_face >= 0).numpy()
    image = np.zeros((*SIZE, 3), np.uint8)
    image[..., 0] = np.arange(SIZE[0])[:, None] * 2
    image[..., 1] = 255 - image[..., 0]
    motion = Motion(
        poses,
        trans,
        np.zeros(body.num_betas, np.float32),
        30.0,
        camera_K=K[None].numpy(),
        camera_R=R[None].numpy(),
        camera_t=t[None].numpy(),
        image_size=SIZE,
    )
    return SourceView(image, mask.astype(np.float32), output.vertices[0], camera, motion)


@pytest.fixture(scope="module")
def subject(view, tmp_path_factory):
    folder = tmp_path_factory.mktemp("subjects") / "one"
    build_subject([view], load_body("open"), folder, atlas_size=256)
    return folder


@pytest.fixture
def request_(view, subject, tmp_path):
    """A request as the engine makes it."""
    arrays = tmp_path / "arrays.npz"
    camera = view.camera
    np.savez(
        arrays, vertices=view.vertices.numpy(), K=camera.K.numpy(), R=camera.R.numpy(), t=camera.t.numpy()
    )
    return {
        "subject": str(subject),
        "arrays": str(arrays),
        "size": list(SIZE),
        "renderer": "warp",
        "out": str(tmp_path / "frame.npz"),
    }


def rewrite(request_, **changes):
    with np.load(request_["arrays"]) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays.update(changes)
    np.savez(request_["arrays"], **{name: array for name, array in arrays.items() if array is not None})


def read(result):
    """The whole picture: RGBA in [0, 1], depth, provenance."""
    x0, y0, x1, y1 = result["box"]
    rgba, depth = np.zeros((*SIZE, 4)), np.full(SIZE, np.inf)
    provenance = np.zeros(SIZE, np.uint8)
    with open(result["path"], "rb") as file:
        inside = np.s_[y0:y1, x0:x1]
        rgba[inside] = np.load(file) / 65535
        depth[inside] = np.load(file)
        provenance[inside] = np.load(file)
        assert not file.read(1)
    return rgba, depth, provenance


def test_is_what_the_renderer_draws(request_, view, subject):
    result = run(request_, JobContext())
    assert result["path"] == request_["out"]
    drawn = WarpRenderer().render(load_subject(subject), view.vertices, view.camera, SIZE)
    rgba, depth, provenance = read(result)
    np.testing.assert_allclose(rgba, drawn.rgba, atol=0.5001 / 65535)
    np.testing.assert_array_equal(depth, drawn.depth)
    np.testing.assert_array_equal(provenance, drawn.provenance)
    x0, y0, x1, y1 = result["box"]
    assert 0 < x0 < x1 < SIZE[1] and 0 < y0 < y1 < SIZE[0]


def test_nobody_in_the_picture(request_):
    rewrite(request_, t=np.array([0.0, 0, -10]))
    result = run(request_, JobContext())
    assert result["box"] == [0, 0, 0, 0]
    assert not read(result)[0].any()


def test_the_source_pose_shows_the_source_picture(request_, view):
    """Top row first, straight alpha, metres: where the photo is trusted its own pixels come back."""
    rgba, depth, provenance = read(run(request_, JobContext()))
    inside = (rgba[..., 3] == 1) & (provenance == 1)
    assert inside.sum() > 200
    assert np.abs(rgba[..., :3] * 255 - view.image)[inside].mean() < 3
    assert depth[inside].min() > 2.5 and depth[inside].max() < 3.5
    assert np.isinf(depth[rgba[..., 3] == 0]).all()


def test_the_previous_frame_may_come_along(request_, view):
    camera = view.camera
    previous = {f"previous_{name}": getattr(camera, name).numpy() for name in ("K", "R", "t")}
    rewrite(request_, previous_vertices=view.vertices.numpy(), **previous)
    assert Path(run(request_, JobContext())["path"]).is_file()


def test_a_scenes_light_falls_on_her(request_, view):
    """Twice as much of an even light brightens all colours alike; a lamp at her right one side, in its colour."""
    nobody = {"light_directions": np.zeros((0, 3)), "light_intensities": np.zeros((0, 3))}
    shown = []
    for even in (0.2, 0.4):
        rewrite(request_, light_ambient=np.full(3, even), **nobody)
        shown.append(read(run(request_, JobContext()))[0])
    inside = shown[1][..., 3] == 1
    ratio = shown[1][inside][:, :3] / shown[0][inside][:, :3].clip(1e-3)
    assert np.median(ratio) == pytest.approx(2 ** (1 / 2.2), rel=0.01)
    lamp = {"light_directions": np.array([[-1.0, 0, 0]]), "light_intensities": np.array([[0.5, 0.0, 0.0]])}
    rewrite(request_, light_ambient=np.full(3, 0.2), **lamp)
    lit = read(run(request_, JobContext()))[0]
    change = lit[..., :3] - shown[0][..., :3]
    assert np.abs(change[inside][:, 1:]).max() < 1e-3
    columns = np.flatnonzero(inside.any(0))
    middle = (columns[0] + columns[-1]) // 2
    left, right = (change[..., 0][:, part][inside[:, part]] for part in (np.s_[:middle], np.s_[middle:]))
    assert left.mean() > 2 * right.mean() > 0  # the picture's left is her right


def test_the_subject_is_read_once_and_again_when_remade(request_, subject):
    context = JobContext()
    run(request_, context)
    [(_, first)] = context.cache["subjects"].values()
    run(request_, context)
    [(_, second)] = context.cache["subjects"].values()
    assert first is second
    stamp = (subject / "subject.json").stat().st_mtime + 5
    os.utime(subject / "subject.json", (stamp, stamp))
    run(request_, context)
    [(_, third)] = context.cache["subjects"].values()
    assert third is not first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subject": None}, "'subject' is missing"),
        ({"subject": "/nowhere"}, "/nowhere: no such subject"),
        ({"arrays": "/nowhere.npz"}, "/nowhere.npz: no such file"),
        ({"arrays": __file__}, "test_render_frame.py: not readable as .npz"),
        ({"size": [0, 64]}, "is not \\[height, width\\]"),
        ({"size": "big"}, "is not \\[height, width\\]"),
        ({"renderer": "magic"}, "'magic' is unknown; choose among warp"),
    ],
)
def test_bad_requests(request_, changes, message):
    with pytest.raises(LiquidMotionError, match=message) as caught:
        run({**request_, **changes}, JobContext())
    assert "\n" not in str(caught.value)
    assert not Path(request_["out"]).exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"K": None}, "'K' is missing"),
        ({"t": np.zeros((3, 1))}, "'t' has shape"),
        ({"R": np.full((3, 3), np.nan)}, "finite"),
        ({"vertices": np.array(["a"])}, "'vertices' has shape"),
        ({"vertices": np.zeros((10, 3))}, "10 vertices.*Subdivision"),
        ({"previous_vertices": np.zeros((10, 3))}, "'previous_K' is missing"),
        ({"light_ambient": np.zeros(3)}, "'light_directions' is missing"),
        ({"light_ambient": np.zeros(2)}, "'light_ambient' has shape"),
    ],
)
def test_bad_arrays(request_, changes, message):
    rewrite(request_, **changes)
    with pytest.raises(LiquidMotionError, match=message):
        run(request_, JobContext())
