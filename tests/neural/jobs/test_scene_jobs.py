"""The jobs between a fit and Blender's scene: the body of a motion, a motion on a subject, the demo's footage."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from neural.jobs import load_job
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.motion import Motion
from smpl_fitting.world import with_shape

DEMO = Path(__file__).parents[3] / "neural" / "data" / "demo"


def run(kind, **params):
    return load_job(kind)({k: str(v) for k, v in params.items()}, JobContext(log=lambda _: None))


@pytest.fixture
def motion_file(subject, tmp_path):
    """The subject's own first fit for three frames, done by somebody else: another shape."""
    one = subject.views()[0].select([0, 0, 0])
    betas = one.betas + np.linspace(1, -1, len(one.betas), dtype=np.float32)
    path = tmp_path / "motion.npz"
    dataclasses.replace(one, betas=betas).save(path)
    return path


def test_body_of_a_motion(motion_file, open_body, tmp_path):
    result = run("export_body", motion=motion_file, out=tmp_path / "body.npz")
    motion = Motion.load(motion_file)
    with np.load(result["body"]) as body:
        shaped = body["v_template"] + body["shapedirs"] @ body["betas"]
        assert np.array_equal(body["betas"], motion.betas) and str(body["name"]) == "open"
    expected = open_body.shaped(open_body.v_template.new_tensor(motion.betas))[0].numpy()
    assert np.abs(shaped - expected).max() < 1e-5


@pytest.mark.parametrize(
    ("strategy", "fits"), [("smooth", "source"), ("copy", "driving"), ("follow", "none")]
)
def test_motion_on_a_subject(motion_file, subject, tmp_path, strategy, fits):
    """It has the subject's shape, and cameras for what the result says."""
    result = run(
        "adapt", motion=motion_file, subject=subject.path, out=tmp_path / "moved.npz", cam_strategy=strategy
    )
    moved = Motion.load(result["motion"])
    assert (result["cameras"], result["frames"]) == (fits, 3)
    assert np.allclose(moved.betas, subject.motion.betas) and moved.has_cameras


def test_motion_capture_on_a_subject(motion_file, subject, open_body, tmp_path):
    """Without cameras: the shape, and the pelvis' way that goes with it."""
    filmed = Motion.load(motion_file)
    bare = dataclasses.replace(
        filmed,
        camera_K=None,
        camera_R=None,
        camera_t=None,
        image_size=None,
        keypoints=None,
        keypoints_world=None,
    )
    bare.save(motion_file)
    result = run("adapt", motion=motion_file, subject=subject.path, out=tmp_path / "moved.npz")
    moved = Motion.load(result["motion"])
    assert result["cameras"] == "none" and not moved.has_cameras
    expected = with_shape(bare, open_body, subject.motion.betas)
    assert np.allclose(moved.trans, expected.trans) and np.allclose(moved.betas, expected.betas)


def test_refusals(motion_file, subject, tmp_path):
    with pytest.raises(LiquidMotionError, match="of the body model 'open', not 'open_h'"):
        run("export_body", motion=motion_file, out=tmp_path / "b.npz", body="open_h")
    with pytest.raises(LiquidMotionError, match="no such motion file"):
        run("adapt", motion=tmp_path / "none.npz", subject=subject.path, out=tmp_path / "m.npz")
    with pytest.raises(LiquidMotionError, match="subject"):
        run("adapt", motion=motion_file, subject=tmp_path, out=tmp_path / "m.npz")


def test_demo_footage(tmp_path):
    for _ in range(2):  # again is no error
        result = run("demo_footage", out=tmp_path / "a" / "demo")
    assert Path(result["sources"][0]).read_bytes() == (DEMO / "source.jpg").read_bytes()
    assert Path(result["driving"]).read_bytes() == (DEMO / "driving.mp4").read_bytes()
    (tmp_path / "file").write_text("")
    with pytest.raises(LiquidMotionError, match="cannot be copied there"):
        run("demo_footage", out=tmp_path / "file" / "demo")
