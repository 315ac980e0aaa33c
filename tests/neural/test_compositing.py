import numpy as np
import pytest

from neural.compositing import fit_background, over, parse_colour, to_bytes
from smpl_fitting.errors import LiquidMotionError


def test_over_is_the_closed_form():
    rgba = np.zeros((1, 4, 4), np.float32)
    rgba[0, :, 0] = 1.0
    rgba[0, :, 3] = [0, 0.25, 0.5, 1]
    out = over(rgba, np.array([0, 100, 200], np.uint8))
    np.testing.assert_array_equal(out[0], [[0, 100, 200], [64, 75, 150], [128, 50, 100], [255, 0, 0]])


def test_an_empty_picture_leaves_the_background_alone():
    plate = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    rgba = np.zeros((9, 7, 4), np.float32)
    rgba[..., :3] = 0.7
    np.testing.assert_array_equal(over(rgba, plate), plate)


def test_bytes():
    rgba = np.array([[[0, 0.5, 1, 1.2]]], np.float32)
    np.testing.assert_array_equal(to_bytes(rgba), [[[0, 128, 255, 255]]])


def test_a_background_covers_without_being_squeezed():
    x = np.linspace(0, 255, 200)
    plate = np.broadcast_to(x[None, :, None], (100, 200, 3)).astype(np.uint8)
    out = fit_background(plate, (300, 300))
    assert out.shape == (300, 300, 3)
    # the middle half of the width is left, so the gradient runs from a quarter to three quarters
    assert abs(int(out[150, 0, 0]) - 64) < 4 and abs(int(out[150, -1, 0]) - 191) < 4
    assert fit_background(plate, (100, 200)) is plate


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#ff8000", (255, 128, 0)),
        ("0, 255,10", (0, 255, 10)),
        ("Green", (0, 255, 0)),
        ("#FFFFFF", (255, 255, 255)),
    ],
)
def test_colours(text, colour):
    assert parse_colour(text) == colour


@pytest.mark.parametrize("text", ["", "#fff", "1,2", "256,0,0", "mauve", "-1,0,0"])
def test_what_is_no_colour(text):
    with pytest.raises(LiquidMotionError, match="write #rrggbb"):
        parse_colour(text)
