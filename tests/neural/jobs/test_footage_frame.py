"""One frame of footage for the render engine's background."""

import numpy as np
import pytest

from neural.jobs.context import JobContext
from neural.jobs.footage_frame import run
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.video import write_image


@pytest.fixture
def shot(tmp_path):
    """Three pictures of one colour each."""
    for number in range(3):
        write_image(tmp_path / f"f_{number:04d}.png", np.full((20, 30, 3), 50 * (number + 1), np.uint8))
    return tmp_path


def frame(shot, out, **params):
    answer = run({"path": str(shot), "size": [20, 30], "out": str(out), **params}, JobContext())
    return np.load(answer["path"])


@pytest.mark.parametrize(("index", "expected"), [(0, 50), (2, 150), (-4, 50), (99, 150)])
def test_the_frame_asked_for(shot, tmp_path_factory, index, expected):
    """Outside the footage its first and last frame stand."""
    found = frame(shot, tmp_path_factory.mktemp("out") / "f.npz", index=index)
    assert found.shape == (20, 30, 3)
    assert (found == expected).all()


def test_it_covers_the_size(shot, tmp_path_factory):
    found = frame(shot, tmp_path_factory.mktemp("out") / "f.npz", index=1, size=[40, 16])
    assert found.shape == (40, 16, 3)
    assert (found == 100).all()


def test_a_part_of_the_picture(tmp_path):
    """Not the footage squeezed into the part."""
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[..., 0] = np.arange(30)
    write_image(tmp_path / "f.png", picture)
    found = frame(tmp_path / "f.png", tmp_path / "out", crop=[4, 10, 9, 20])
    assert found.shape == (10, 5, 3)
    assert (found[..., 0] == np.arange(4, 9)).all()


def test_missing_footage(tmp_path):
    with pytest.raises(LiquidMotionError, match="none.mp4"):
        run(
            {"path": str(tmp_path / "none.mp4"), "size": [4, 4], "out": str(tmp_path / "f.npz")}, JobContext()
        )
    assert list(tmp_path.iterdir()) == []
