"""Plates under a moving camera: a painted wall seen from elsewhere in each frame, so that what is hidden is known."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from neural.background import background_from_clip
from neural.moving_plate import glimpse, uncovered_frame
from neural.registration import register, see
from smpl_fitting.video import open_footage, write_image
from smpl_fitting.video.camera_motion import grown_mask

SIZE = (180, 320)
NOTHING = np.zeros(SIZE, bool)


def wall():
    coarse = np.random.default_rng(0).integers(40, 220, (40, 64, 3), np.uint8)
    return cv2.GaussianBlur(coarse.repeat(10, 0).repeat(10, 1), (0, 0), 1.2)


def seen_by(matrix):
    """The wall through a camera: ``matrix`` takes the wall's pixels to the picture's."""
    return cv2.warpPerspective(wall(), matrix, SIZE[::-1])


def camera(x=150.0, y=100.0, turn=0.0, zoom=1.0):
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    tilt = np.eye(3)
    tilt[2, 0] = 2e-4 * turn
    return tilt @ np.array([[cos, -sin, -x * zoom], [sin, cos, -y * zoom], [0, 0, 1]])


def person(x):
    mask = np.zeros(SIZE, np.float32)
    mask[40:160, x : x + 30] = 1.0
    return mask


def filmed(cameras, xs):
    pictures, masks = [], []
    for matrix, x in zip(cameras, xs, strict=True):
        picture, mask = seen_by(matrix), person(x)
        picture[mask > 0.5] = (255, 0, 255)
        pictures.append(picture)
        masks.append(mask)
    return pictures, masks


@pytest.mark.parametrize(
    "moved",
    [camera(157, 96), camera(150, 100, turn=0.1), camera(140, 100, zoom=1.2), camera(230, 130, 0.2)],
    ids=["shift", "turn", "zoom", "farther than corners can be tracked"],
)
def test_the_homography_is_the_cameras(moved):
    here = camera()
    true = moved @ np.linalg.inv(here)
    found = register(see(seen_by(here), NOTHING), see(seen_by(moved), NOTHING))
    corners = np.array([[[0.0, 0.0]], [[319, 0]], [[0, 179]], [[319, 179]], [[160, 90]]])
    off = cv2.perspectiveTransform(corners, found) - cv2.perspectiveTransform(corners, true)
    assert np.linalg.norm(off, axis=-1).max() < 0.5


def test_large_pictures_are_compared_small_and_told_in_their_own_pixels():
    def enlarged(picture):
        return cv2.resize(picture, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)

    views = [see(enlarged(seen_by(camera(x))), np.zeros((1080, 1920), bool)) for x in (150, 157)]
    assert max(views[0].gray.shape) == 960
    shift = cv2.perspectiveTransform(np.array([[[900.0, 500.0]]]), register(*views)) - (900, 500)
    np.testing.assert_allclose(shift[0, 0], (-42, 0), atol=1.0)


def test_another_place_or_a_bare_wall_is_not_registered():
    other = np.random.default_rng(5).integers(0, 255, (18, 32, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    bare = np.full((*SIZE, 3), 128, np.uint8)
    here = see(seen_by(camera()), NOTHING)
    assert register(see(other, NOTHING), here) is None
    assert register(see(bare, NOTHING), here) is None and register(here, see(bare, NOTHING)) is None


def test_what_the_person_hides_is_taken_from_other_frames():
    cameras = [camera(150 + 4 * k, 100 + k, turn=0.01 * k) for k in range(6)]
    pictures, masks = filmed(cameras, [60 + 35 * k for k in range(6)])
    glimpses = [glimpse(k, pictures[k], grown_mask(masks[k])) for k in range(6)]
    covered = grown_mask(masks[2])
    plate = uncovered_frame(2, pictures[2], covered, glimpses)
    true = seen_by(cameras[2])
    assert np.abs(plate.astype(int) - true)[covered].mean() < 3
    away = ndimage.distance_transform_edt(~covered) >= 4
    np.testing.assert_array_equal(plate[away], pictures[2][away])


def test_another_exposure_is_evened_out():
    pictures, masks = filmed([camera(150), camera(154)], [60, 200])
    darker = (pictures[1] * 0.85).astype(np.uint8)
    plate = uncovered_frame(0, pictures[0], grown_mask(masks[0]), [glimpse(1, darker, grown_mask(masks[1]))])
    hidden = masks[0] > 0.5
    assert np.abs(plate.astype(int) - seen_by(camera(150)))[hidden].mean() < 4


def test_what_no_frame_shows_is_filled_from_around():
    pictures, masks = filmed([camera(150), camera(154)], [100, 98])
    covered = [grown_mask(mask) for mask in masks]
    plate = uncovered_frame(0, pictures[0], covered[0], [glimpse(1, pictures[1], covered[1])])
    assert not (plate == (255, 0, 255)).all(-1).any()


def test_nobody_there_changes_nothing():
    picture = seen_by(camera())
    np.testing.assert_array_equal(uncovered_frame(0, picture, NOTHING, []), picture)


def test_a_clip_has_a_plate_for_each_frame(tmp_path):
    cameras = [camera(150 + 4 * k) for k in range(8)]
    pictures, masks = filmed(cameras, [30 + 30 * k for k in range(8)])
    for index, picture in enumerate(pictures):
        write_image(tmp_path / f"{index:04d}.png", picture)
    plate = background_from_clip(open_footage(tmp_path), masks.__getitem__)
    assert plate.camera_moves
    for number in (0, 5):
        behind = plate.behind(number, pictures[number], masks[number])
        covered = grown_mask(masks[number])
        assert np.abs(behind.astype(int) - seen_by(cameras[number]))[covered].mean() < 3
    np.testing.assert_array_equal(plate.image, plate.behind(0, pictures[0], masks[0]))
