import numpy as np
import pytest
from scipy import ndimage

from neural.background import (
    background_from_clip,
    background_from_still,
)
from neural.uncover import fill_hole, push_pull
from smpl_fitting.progress import Cancelled, Progress
from smpl_fitting.video import open_footage, write_image
from smpl_fitting.video.camera_motion import grown_mask

SIZE = (120, 200)


def wall(shift=0):
    """A textured wall, seen from ``shift`` pixels further right."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 220, (16, 40, 3), np.uint8)
    full = coarse.repeat(8, 0).repeat(8, 1)
    return full[: SIZE[0], 20 + shift : 20 + shift + SIZE[1]]


def masked(x):
    mask = np.zeros(SIZE, np.float32)
    mask[30:110, x : x + 20] = 1.0
    return mask


def clip(folder, xs, shifts):
    masks = []
    for index, (x, shift) in enumerate(zip(xs, shifts, strict=True)):
        frame = wall(shift).copy()
        mask = masked(x)
        frame[mask > 0.5] = (255, 0, 255)
        write_image(folder / f"{index:04d}.png", frame)
        masks.append(mask)
    return open_footage(folder), masks.__getitem__


def test_the_median_uncovers_the_wall(tmp_path):
    footage, mask_of = clip(tmp_path, range(20, 160, 10), [0] * 14)
    plate = background_from_clip(footage, mask_of)
    assert not plate.camera_moves and plate.uncovered == 1.0
    np.testing.assert_array_equal(plate.image, wall())


def test_what_is_never_uncovered_is_filled(tmp_path):
    footage, mask_of = clip(tmp_path, [80, 82, 84], [0] * 3)
    plate = background_from_clip(footage, mask_of)
    assert 0.5 < plate.uncovered < 1.0
    away = np.ones(SIZE, bool)
    away[20:, 70:116] = False
    np.testing.assert_array_equal(plate.image[away], wall()[away])
    assert not (plate.image == (255, 0, 255)).all(-1).any()


def test_only_the_frames_asked_for(tmp_path):
    footage, mask_of = clip(tmp_path, range(20, 160, 10), [9] + [0] * 12 + [9])
    asked = []

    def mask(index):
        asked.append(index)
        return mask_of(index)

    plate = background_from_clip(footage, mask, frames=range(1, 13, 2))
    assert asked == [1, 3, 5, 7, 9, 11] and not plate.camera_moves


def test_a_moving_camera_is_recognised(tmp_path):
    footage, mask_of = clip(tmp_path, range(20, 120, 10), range(0, 20, 2))
    plate = background_from_clip(footage, mask_of)
    assert plate.camera_moves
    away = ndimage.distance_transform_edt(~grown_mask(mask_of(0))) >= 4
    np.testing.assert_array_equal(plate.image[away], wall()[away])


def test_a_gradient_is_continued_through_a_hole():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    image = np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)
    hole = masked(90) > 0.5
    filled = fill_hole(image, hole)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    assert np.abs(filled.astype(int) - image)[hole].mean() < 8


def test_a_photo_keeps_its_grain():
    rng = np.random.default_rng(1)
    image = np.clip(120 + 6 * rng.standard_normal((*SIZE, 1)), 0, 255).repeat(3, -1).astype(np.uint8)
    filled = background_from_still(image, masked(90))
    inside = masked(90)[..., None].repeat(3, -1) > 0.5
    assert filled[inside].std() == pytest.approx(6.0, rel=0.35)
    assert abs(filled[inside].mean() - 120) < 1.5


def test_nothing_to_fill_and_nothing_to_fill_from():
    image = wall()
    np.testing.assert_array_equal(fill_hole(image, np.zeros(SIZE, bool)), image)
    assert fill_hole(image, np.ones(SIZE, bool)).std() == 0


def test_push_pull_keeps_what_is_known():
    image = wall().astype(np.float32)
    weight = (np.random.default_rng(0).random(SIZE) > 0.5).astype(np.float32)
    np.testing.assert_allclose(push_pull(image, weight)[weight == 1], image[weight == 1])


def test_cancel(tmp_path):
    footage, mask_of = clip(tmp_path, [20, 60], [0, 0])
    with pytest.raises(Cancelled):
        background_from_clip(footage, mask_of, Progress(cancelled=lambda: True))
