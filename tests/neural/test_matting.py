import numpy as np
import pytest
from scipy import ndimage

from neural.matting import refine_mask
from neural.metrics import mask_iou

SIZE = (400, 300)


def person(edge=0.0):
    """A torso and two legs as the share of each pixel, antialiased; ``edge`` pixels wider."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    y, x = y + 0.5, x + 0.5
    torso = np.minimum.reduce([x - 100, 200 - x, y - 40, 220 - y])
    left = np.minimum.reduce([x - 100, 140 - x, y - 200, 380 - y])
    right = np.minimum.reduce([x - 160, 200 - x, y - 200, 380 - y])
    return np.clip(np.maximum.reduce([torso, left, right]) + 0.5 + edge, 0, 1)


def picture(front, back):
    alpha = person()[..., None]
    y = np.linspace(0.8, 1.0, SIZE[0])[:, None, None]  # uneven light on both
    mixed = alpha * np.array(front) * y + (1 - alpha) * np.array(back) * y
    noise = np.random.default_rng(0).standard_normal((*SIZE, 3))
    return np.clip(mixed * 255 + 2 * noise, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("error", [-3.0, 3.0])
def test_a_mask_that_is_off_finds_the_outline(error):
    rough = ndimage.gaussian_filter(person(error), 2.0)
    refined = refine_mask(picture((0.7, 0.1, 0.1), (0.9, 0.9, 0.85)), rough)
    assert mask_iou(refined, person()) > 0.99 > mask_iou(rough, person()) + 0.02
    assert np.abs(refined - person()).mean() < 0.002


def test_between_equal_colours_the_mask_stays():
    rough = ndimage.gaussian_filter(person(2.0), 2.0).astype(np.float32)
    refined = refine_mask(picture((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), rough)
    assert mask_iou(refined, rough) > 0.98


def test_nobody_everybody_and_the_frame():
    image = picture((0.7, 0.1, 0.1), (0.9, 0.9, 0.85))
    assert refine_mask(image, np.zeros(SIZE)).max() == 0
    assert refine_mask(image, np.ones(SIZE)).min() == 1
    cut = refine_mask(image[:, 120:], person()[:, 120:])  # the frame cuts through the person
    assert cut[100, 0] == 1 and mask_iou(cut, person()[:, 120:]) > 0.99
