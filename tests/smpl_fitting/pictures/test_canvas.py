"""Dots, lines and letters against their closed-form areas and against a slow drawing of the same."""

import numpy as np
import pytest

from smpl_fitting.pictures.canvas import draw_dots, draw_lines, draw_text


def _blank(height=60, width=80):
    return np.zeros((height, width, 3), np.uint8)


def test_a_dot_covers_its_circle():
    image = _blank()
    draw_dots(image, np.array([[40.3, 30.8]]), 8.0, (255, 255, 255))
    assert image[..., 0].sum() / 255 == pytest.approx(np.pi * 64, rel=0.01)
    rows, columns = np.nonzero(image[..., 0])
    assert (columns + 0.5).mean() == pytest.approx(40.3, abs=0.1)
    assert (rows + 0.5).mean() == pytest.approx(30.8, abs=0.1)


def test_a_ring_is_empty_inside():
    image = _blank()
    draw_dots(image, np.array([[40.0, 30.0]]), 10.0, (255, 0, 0), hollow=True)
    assert image[30, 40].max() == 0 and image[30, 48, 0] > 200
    assert image[..., 0].sum() / 255 == pytest.approx(np.pi * (10**2 - 6.5**2), rel=0.03)


@pytest.mark.parametrize("end", [(70.2, 20.1), (12.4, 55.0), (10.1, 10.2), (70.0, 58.3), (33.3, 10.2)])
def test_a_line_is_what_a_slow_drawing_makes(end):
    start, width = np.array([10.1, 10.2]), 3.0
    image = _blank()
    draw_lines(image, start[None], np.array([end]), width, (255, 255, 255))
    rows, columns = np.mgrid[:60, :80] + 0.5
    way = np.array(end) - start
    points = np.stack([columns, rows], -1) - start
    share = np.clip((points @ way) / max(way @ way, 1e-9), 0, 1)
    distance = np.linalg.norm(points - share[..., None] * way, axis=-1)
    slow = np.clip(width / 2 + 0.5 - distance, 0, 1)
    assert np.abs(image[..., 0] / 255 - slow).max() < 0.02


def test_lines_from_far_outside_are_cut_at_the_picture():
    image, same = _blank(), _blank()
    draw_lines(image, np.array([[-4000.0, -3000.0]]), np.array([[4080.0, 3060.0]]), 2.0, (255, 255, 255))
    draw_lines(same, np.array([[-40.0, -30.0]]), np.array([[120.0, 90.0]]), 2.0, (255, 255, 255))
    assert np.abs(image.astype(int) - same).max() <= 3
    assert image[..., 0].any()


def test_nothing_and_what_is_outside_draws_nothing():
    image = _blank()
    draw_dots(image, np.zeros((0, 2)), 3.0, np.zeros((0, 3)))
    draw_dots(image, np.array([[-50.0, 10.0], [500.0, 500.0]]), 3.0, (9, 9, 9))
    draw_lines(image, np.zeros((0, 2)), np.zeros((0, 2)), 2.0, np.zeros((0, 3)))
    draw_lines(image, np.array([[-9.0, -9.0]]), np.array([[-9.0, 90.0]]), 2.0, (9, 9, 9))
    draw_lines(image, np.array([[np.nan, 1.0]]), np.array([[5.0, 5.0]]), 2.0, (9, 9, 9))
    assert not image.any()


def test_each_shape_has_its_colour_and_the_one_that_covers_more_shows():
    image = _blank()
    centres = np.array([[20.5, 20.5], [24.5, 20.5]])
    draw_dots(image, centres, 4.0, np.array([[255, 0, 0], [0, 255, 0]]))
    assert image[20, 18].tolist() == [255, 0, 0] and image[20, 27].tolist() == [0, 255, 0]


def test_text_is_legible_and_may_reach_beyond_the_picture():
    image = np.full((60, 200, 3), 200, np.uint8)
    draw_text(image, "frame 12", (4, 4), 20, (255, 255, 255))
    assert image.max() == 255 and image[8, 5].max() < 100
    draw_text(image, "a long line that does not fit in here", (150, 45), 20, (255, 255, 255))
