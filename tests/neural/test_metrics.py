import math

import numpy as np
import pytest

from neural.metrics import face_box, mask_iou, ms_ssim, person_box, psnr, ssim, temporal_error


@pytest.fixture
def noise():
    return np.random.default_rng(0).uniform(0.2, 0.8, (200, 190, 3)).astype(np.float32)


def test_psnr_of_a_known_difference(noise):
    assert psnr(noise + 0.1, noise) == pytest.approx(20.0, abs=1e-3)
    assert psnr(noise, noise) == 100.0
    half = noise.copy()
    half[:, :95] += 0.1
    assert psnr(half, noise) == pytest.approx(20 + 10 * math.log10(2), abs=1e-3)
    assert psnr(half, noise, (0, 0, 95, 200)) == pytest.approx(20.0, abs=1e-3)
    assert psnr(half, noise, (95, 0, 190, 200)) == 100.0


def test_bytes_and_floats_agree_and_floats_are_clipped(noise):
    data = (noise * 255).round().astype(np.uint8)
    assert psnr(data, data / np.float32(255)) == 100.0
    assert psnr(np.full((20, 20, 3), 7.0, np.float32), np.ones((20, 20, 3), np.float32)) == 100.0


def test_ssim_of_flat_pictures_is_the_luminance_term():
    a, b = np.full((40, 40, 3), 0.5, np.float32), np.full((40, 40, 3), 0.7, np.float32)
    c1 = 0.01**2
    assert ssim(a, b) == pytest.approx((2 * 0.5 * 0.7 + c1) / (0.25 + 0.49 + c1), abs=1e-4)


def test_ssim_is_one_for_equals_and_falls_with_blur(noise):
    blurred = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / 3
    assert ssim(noise, noise) == pytest.approx(1.0, abs=1e-5)
    assert ms_ssim(noise, noise) == pytest.approx(1.0, abs=1e-5)
    assert ssim(blurred, noise) < 0.8


def test_torchmetrics_gives_the_same(noise):
    import torch
    from torchmetrics.functional.image import (
        multiscale_structural_similarity_index_measure,
        structural_similarity_index_measure,
    )

    other = np.clip(noise * 0.8 + 0.3 * np.roll(noise, 2, 1) - 0.05, 0, 1).astype(np.float32)
    a, b = (torch.from_numpy(one).permute(2, 0, 1)[None] for one in (noise, other))
    options = {"data_range": 1.0, "sigma": 1.5, "kernel_size": 11}
    assert ssim(noise, other) == pytest.approx(
        float(structural_similarity_index_measure(a, b, **options)), abs=1e-5
    )
    theirs = multiscale_structural_similarity_index_measure(a, b, normalize="relu", **options)
    assert ms_ssim(noise, other) == pytest.approx(float(theirs), abs=1e-5)


def test_ms_ssim_needs_room(noise):
    assert ms_ssim(noise, noise, (0, 0, 175, 200)) is None
    assert ms_ssim(noise, noise, (0, 0, 176, 200)) is not None


def test_iou():
    a = np.zeros((10, 10))
    b = a.copy()
    a[:, :6], b[:, 4:] = 1, 0.9
    assert mask_iou(a, b) == pytest.approx(0.2)
    assert mask_iou(a * 0, b * 0) == 1.0


def test_person_box():
    mask = np.zeros((100, 80))
    mask[20:60, 30:50] = 1
    assert person_box(mask, 0.0) == (30, 20, 50, 60)
    assert person_box(mask, 0.1) == (28, 16, 52, 64)
    mask[:, 0] = 1
    assert person_box(mask, 0.1)[:2] == (0, 0)
    assert person_box(mask * 0) is None


def test_shapes_must_agree(noise):
    with pytest.raises(ValueError, match="shapes"):
        psnr(noise, noise[:-1])


def test_temporal_error_of_known_movement(noise):
    """A picture carried by whole and half pixels: nothing remains of the first, the second's blur does."""
    data = (noise * 255).round().astype(np.uint8)
    y, x = np.mgrid[:200, :190] + 0.5
    there = np.stack([x - 7, y + 3], axis=-1)
    moved = np.roll(data, (-3, 7), axis=(0, 1))
    assert temporal_error(moved, data, there) == pytest.approx(0, abs=2e-3)
    assert temporal_error(moved + np.uint8(9), data, there) == pytest.approx(9, abs=0.01)
    assert temporal_error(moved, data, there + [0.5, 0]) > 5
    there[:, :150] = -1e4  # only what is seen in both counts
    moved[:, :150] = 0
    assert temporal_error(moved, data, there) == pytest.approx(0, abs=2e-3)
    assert temporal_error(moved, data, np.full((200, 190, 2), -1e4)) is None


def test_face_box():
    landmarks = np.zeros((33, 4))
    landmarks[:11, :2] = np.random.default_rng(0).uniform((90, 50), (110, 62), (11, 2))
    landmarks[0, 2] = -0.1  # the nose is nearer than the ears
    x0, y0, x1, y1 = face_box(landmarks, (240, 320))
    assert abs((x1 - x0) - (y1 - y0)) <= 1 and 30 < x1 - x0 < 44
    assert x0 < 90 and x1 > 110 and y0 < 50 and y1 > 62
    assert face_box(landmarks, (64, 320)) is None
    landmarks[0, 2] = 0.1
    assert face_box(landmarks, (240, 320)) is None
