from types import SimpleNamespace

import numpy as np
import pytest

from neural.backdrops import backdrops, check_background
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.video import VideoWriter, write_image

SIZE = (48, 64)


@pytest.fixture
def subject():
    plate = np.zeros((48, 64, 3), np.uint8)
    plate[..., 1] = 90
    return SimpleNamespace(background=plate)


def test_plate_nothing_and_colours(subject):
    assert [one.tolist() for one in backdrops("#0102ff", subject, SIZE, 2, 25.0)] == [[1, 2, 255]] * 2
    assert list(backdrops("transparent", subject, SIZE, 3, 25.0)) == [None] * 3
    (plate,) = backdrops("source", subject, SIZE, 1, 25.0)
    np.testing.assert_array_equal(plate, subject.background)


def test_a_picture_covers_the_frame(subject, tmp_path):
    picture = np.zeros((96, 256, 3), np.uint8)
    picture[:, 64:192] = 200  # the middle is what a narrower frame shows of it
    write_image(tmp_path / "wall.png", picture)
    shown = list(backdrops(str(tmp_path / "wall.png"), subject, SIZE, 2, 25.0))
    assert len(shown) == 2 and shown[0].shape == (*SIZE, 3) and shown[0][:, 4:-4].min() > 195


def test_a_clip_plays_at_its_own_speed_and_stays_at_its_end(subject, tmp_path):
    with VideoWriter(tmp_path / "b.mp4", 10.0, SIZE) as movie:
        for level in (20, 80, 140, 200):
            movie.write(np.full((*SIZE, 3), level, np.uint8))
    levels = [int(one.mean()) for one in backdrops(str(tmp_path / "b.mp4"), subject, SIZE, 11, 20.0)]
    expected = [20, 20, 80, 140, 140, 140, 200, 200, 200, 200, 200]  # half frames round to even ones
    np.testing.assert_allclose(levels, expected, atol=4)
    every_other = [int(one.mean()) for one in backdrops(str(tmp_path / "b.mp4"), subject, SIZE, 2, 5.0)]
    np.testing.assert_allclose(every_other, [20, 140], atol=4)


def test_unknown_is_refused_at_once(tmp_path):
    for good in ("source", "transparent", "gray", "#ffffff", "1,2,3", str(tmp_path)):
        check_background(good)
    with pytest.raises(LiquidMotionError, match="neither a file nor a colour"):
        check_background("no_such_file.png")
