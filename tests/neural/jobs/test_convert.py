"""The job and command that convert motions."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neural.jobs import load_job
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.guests import read_motion
from smpl_fitting.motion import Motion

REPO = Path(__file__).parents[3]


@pytest.fixture
def motion_file(tmp_path):
    rng = np.random.default_rng(0)
    poses = rng.normal(0, 0.2, (6, 165))
    poses[:, 0] += np.pi / 2  # upright in the Z-up world
    path = tmp_path / "person.npz"
    Motion(poses, rng.normal(0, 1, (6, 3)), np.zeros(10), 24.0, model="smplx", gender="female").save(path)
    return path


def convert(source, out, **params):
    return load_job("convert")(
        {"source": str(source), "out": str(out), **params}, JobContext(log=lambda _: None)
    )


def test_every_way(motion_file, tmp_path):
    result = convert(motion_file, tmp_path / "a.npz", **{"as": "amass"})
    assert (result["model"], result["frames"], result["fps"], result["cameras"]) == ("smplh", 6, 24.0, False)
    convert(tmp_path / "a.npz", tmp_path / "open.npz", to="open_h")
    opened = Motion.load(tmp_path / "open.npz")
    assert opened.model == "open_h"
    convert(tmp_path / "open.npz", tmp_path / "b.bvh")
    convert(tmp_path / "b.bvh", tmp_path / "c.npz", format="bvh")
    first, last = read_motion(motion_file), Motion.load(tmp_path / "c.npz")
    np.testing.assert_allclose(last.poses[:, :66], first.poses[:, :66], atol=1e-4)
    assert last.model == "open" and last.fps == 24.0


@pytest.mark.parametrize(
    ("out", "params", "says"),
    [
        ("a.fbx", {}, "written as .npz or .bvh"),
        ("a.bvh", {"as": "amass"}, "AMASS motions are .npz"),
        ("a.npz", {"format": "bvh"}, "not a BVH recording"),
        ("a.npz", {"body": "nowhere.npz"}, "nowhere.npz"),
    ],
)
def test_what_cannot_be_done(motion_file, tmp_path, out, params, says):
    with pytest.raises(LiquidMotionError, match=says):
        convert(motion_file, tmp_path / out, **params)
    assert not (tmp_path / out).exists()


def test_command(motion_file, tmp_path):
    words = [
        sys.executable,
        "-c",
        "from neural.cli import main; main()",
        "convert",
        motion_file,
        tmp_path / "a.bvh",
        "--json",
    ]
    done = subprocess.run(words, cwd=REPO, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["frames"], answer["model"]) == ("ok", 6, "smplx")
    broken = subprocess.run(
        [*words[:4], REPO / "README.md", tmp_path / "b.npz"],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert broken.returncode == 1 and "no motion format" in broken.stderr and not broken.stdout
