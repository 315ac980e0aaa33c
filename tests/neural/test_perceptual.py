"""The distance grows with what people see as damage."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from scipy import ndimage

from neural.perceptual import lite2_distance
from smpl_fitting.video import read_image


@pytest.fixture(scope="module")
def portrait():
    picture = read_image(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")[..., :3]
    return np.ascontiguousarray(picture[40:296, 100:356])


def noisy(picture, strength):
    noise = np.random.default_rng(0).normal(0, strength, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def blurred(picture, sigma):
    return ndimage.gaussian_filter(picture, (sigma, sigma, 0))


def turned(picture, degrees):
    return ndimage.rotate(picture, degrees, reshape=False, mode="nearest", order=1)


@pytest.mark.parametrize(
    ("damage", "amounts"),
    [(noisy, (2, 6, 15, 40)), (blurred, (0.5, 1, 2, 4, 8)), (turned, (0.5, 1.5, 5, 15))],
)
def test_more_damage_is_farther(portrait, damage, amounts):
    distances = [lite2_distance(damage(portrait, amount), portrait) for amount in amounts]
    assert all(near < far for near, far in zip([0.0, *distances], distances, strict=False))


def test_it_judges_otherwise_than_psnr(portrait):
    """A change of exposure costs as much squared error as a blur that spoils the face; people mind it less."""
    brighter = np.clip(portrait * 1.1 + 16, 0, 255).astype(np.uint8)
    soft = blurred(portrait, 2)
    error = [np.mean((one.astype(float) - portrait) ** 2) for one in (brighter, soft)]
    assert error[0] > error[1]
    assert lite2_distance(brighter, portrait) < 0.3 * lite2_distance(soft, portrait)


def test_equal_pictures_and_order(portrait):
    assert lite2_distance(portrait, portrait) == 0
    other = blurred(portrait, 2)
    assert lite2_distance(portrait, other) == pytest.approx(lite2_distance(other, portrait), rel=1e-5)
    assert lite2_distance(portrait / 255, other / 255) == pytest.approx(
        lite2_distance(portrait, other), rel=1e-4
    )


def test_box_and_size(portrait):
    spoilt = portrait.copy()
    spoilt[:64] = 0
    assert lite2_distance(spoilt, portrait, (0, 64, 256, 256)) == 0
    assert lite2_distance(spoilt, portrait, (0, 0, 256, 128)) > lite2_distance(spoilt, portrait) > 0
    assert lite2_distance(spoilt, portrait, (0, 0, 31, 256)) is None
    large = np.repeat(np.repeat(portrait, 4, 0), 4, 1)  # 1024 pixels are looked at as 512
    assert lite2_distance(large, np.roll(large, 8, 1)) > 0
    with pytest.raises(ValueError, match="shapes"):
        lite2_distance(portrait, portrait[1:])
