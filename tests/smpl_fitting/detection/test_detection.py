"""Detection on real people placed where the test knows, and on pictures without anybody."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from smpl_fitting.detection import Detections, DetectorSession, detect
from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.sides import OTHER_SIDE
from smpl_fitting.errors import FootageError
from smpl_fitting.progress import Cancelled, Progress
from smpl_fitting.video import open_footage, read_image, write_image

MAIN = [11, 12, 13, 14, 23, 24, 25, 26]
GRAY = 150


@pytest.fixture(scope="module")
def session():
    with DetectorSession() as networks:
        yield networks


@pytest.fixture(scope="module")
def man(shared):
    return read_image(shared("footage/stills/animateanyone_11.png"))[..., :3]


def _place(man, size, height, left, top):
    """The man, ``height`` pixels tall, in a gray picture of ``size``."""
    width = round(man.shape[1] * height / man.shape[0])
    picture = np.full((*size, 3), GRAY, np.uint8)
    picture[top : top + height, left : left + width] = cv2.resize(
        man, (width, height), interpolation=cv2.INTER_AREA
    )
    return picture


def _footage(folder, pictures):
    for index, picture in enumerate(pictures):
        write_image(folder / f"{index:04d}.png", picture)
    return open_footage(folder)


def test_a_still(man, tmp_path, session):
    found = detect(_footage(tmp_path, [man]), session=session)
    assert found.confidence[0] > 0.95
    x, y = found.keypoints[0, :, 0], found.keypoints[0, :, 1]
    assert y[0] < y[11] < y[23] < y[25] < y[27]  # nose, shoulder, hip, knee, ankle from top to bottom
    assert x[11] > x[12] and x[23] > x[24]  # he faces us: his left is on the right
    world = found.keypoints_world[0]
    assert np.abs(world[[23, 24]].mean(axis=0)).max() < 0.05  # hip-centred
    assert world[27, 1] > 0.5 and world[0, 1] < -0.4  # y down, metres
    assert world[11, 0] > 0.1  # x right
    assert world[0, 2] < world[[7, 8], 2].mean()  # z away from us: the nose is nearer than the ears


def test_the_mask_covers_the_man_and_not_the_wall(man, tmp_path, session):
    found = detect(_footage(tmp_path, [man]), session=session)
    mask = found.mask(0)
    assert mask.dtype == np.float32 and mask.shape == man.shape[:2] and mask.min() >= 0 and mask.max() <= 1
    red = (man[..., 0] > 170) & (man[..., 1] < 80) & (man[..., 2] < 80)  # his jacket
    dark = man.max(axis=2) < 60
    dark[-120:] = False  # the picture's own shadow at the bottom
    assert mask[red].mean() > 0.95 and mask[dark].mean() > 0.9
    assert mask[:, :80].max() < 0.1 and mask[:, -100:].max() < 0.1


def test_crops_are_undone_exactly(man, tmp_path, session):
    """The same picture elsewhere and larger gives the same landmarks, moved and scaled."""
    near = detect(_footage(tmp_path / "a", [_place(man, (1000, 1600), 800, 100, 100)]), session=session)
    moved = detect(_footage(tmp_path / "b", [_place(man, (1000, 1600), 800, 837, 163)]), session=session)
    shift = (moved.keypoints - near.keypoints)[0, MAIN, :2]
    assert np.abs(np.median(shift, axis=0) - (737, 63)).max() < 4
    assert np.abs(shift - (737, 63)).max() < 12
    half = detect(_footage(tmp_path / "c", [_place(man, (500, 800), 400, 50, 50)]), session=session)
    assert np.abs(half.keypoints[0, MAIN, :2] * 2 - near.keypoints[0, MAIN, :2]).max() < 12


@pytest.mark.parametrize("height", [90, 150])
def test_a_small_far_person_is_found_in_tiles(man, tmp_path, session, height):
    picture = _place(man, (1080, 1920), height, 1500, 700)
    assert session.candidates(picture) == []  # the whole picture shows him too small
    found = detect(_footage(tmp_path, [picture]), session=session)
    assert found.confidence[0] > 0.8
    centre = found.keypoints[0, MAIN, :2].mean(axis=0)
    assert abs(centre[1] - (700 + 0.4 * height)) < 0.15 * height
    assert 1500 < centre[0] < 1500 + height * man.shape[1] / man.shape[0]


def test_nobody_is_marked_and_not_invented(man, tmp_path, session):
    random = np.random.default_rng(0)
    empty = np.full_like(man, GRAY)
    noise = random.integers(0, 256, man.shape, dtype=np.uint8)
    found = detect(_footage(tmp_path, [man, man, man, empty, noise, empty, man, man, man]), session=session)
    assert found.found.tolist() == [True] * 3 + [False] * 3 + [True] * 3
    for values in (found.keypoints, found.keypoints_world, found.boxes, found.confidence):
        assert np.isfinite(values).all()
        assert not values[3:6].any()
    assert not found.mask(4).any()


@pytest.mark.parametrize("light", [0.1, 0.04])
def test_in_the_dark(man, tmp_path, session, light):
    random = np.random.default_rng(0)
    by_day = detect(_footage(tmp_path / "day", [man]), session=session)
    dark = np.clip(man * light + random.normal(0, 1.5, man.shape), 0, 255).astype(np.uint8)
    found = detect(_footage(tmp_path / "night", [dark]), session=session)
    assert found.found[0]
    apart = np.linalg.norm(found.keypoints[0, MAIN, :2] - by_day.keypoints[0, MAIN, :2], axis=1)
    assert np.median(apart) < 0.02 * man.shape[0]
    for level in (0, 3):  # nobody is made of noise
        noise = np.clip(level + random.normal(0, 1.5, man.shape), 0, 255).astype(np.uint8)
        assert not detect(_footage(tmp_path / f"noise{level}", [noise]), session=session).found.any()


def test_nobody_at_all(tmp_path, session):
    found = detect(_footage(tmp_path, [np.full((200, 300, 3), GRAY, np.uint8)] * 2), session=session)
    assert not found.found.any() and found.keypoints.shape == (2, 33, 4)


def test_the_larger_person_is_taken(man, tmp_path, session):
    picture = _place(man, (1000, 1600), 800, 100, 100)
    small = _place(man, (1000, 1600), 450, 1100, 300)
    picture[:, 1000:] = small[:, 1000:]
    found = detect(_footage(tmp_path, [picture]), session=session)
    assert found.boxes[0, 0] < 700


def test_the_moving_person_is_taken_from_two_alike(man, tmp_path, session):
    pictures = []
    for index in range(24):
        picture = _place(man, (720, 1280), 500, 60, 100)
        walker = _place(man, (720, 1280), 500, 500 + 12 * index, 150)
        picture[:, 480:] = walker[:, 480:]
        pictures.append(picture)
    found = detect(_footage(tmp_path, pictures), session=session)
    assert found.found.all()
    centres = found.keypoints[:, MAIN, 0].mean(axis=1)
    assert (centres > 500).all() and centres[-1] - centres[0] == pytest.approx(12 * 23, abs=15)


def test_ranges_and_masks_not_asked_for(man, tmp_path, session):
    footage = _footage(tmp_path, [man] * 7)
    found = detect(footage, frames=range(1, 7, 2), masks=False, session=session)
    assert found.frames.tolist() == [1, 3, 5] and found.masks is None
    with pytest.raises(ValueError, match="masks=True"):
        found.mask(0)


def test_transparent_pixels_hide_a_person(man, tmp_path, session):
    hidden = np.dstack([man, np.zeros(man.shape[:2], np.uint8)])
    hidden[0, 0, 3] = 255
    assert not detect(_footage(tmp_path, [hidden]), session=session).found.any()


def test_saved_and_loaded(man, tmp_path, session):
    found = detect(_footage(tmp_path / "f", [man, np.full_like(man, GRAY)]), session=session)
    found.save(tmp_path / "found.npz")
    back = Detections.load(tmp_path / "found.npz")
    for name in ("keypoints", "keypoints_world", "confidence", "boxes", "frames", "crops"):
        assert np.array_equal(getattr(found, name), getattr(back, name))
    assert back.image_size == found.image_size and back.masks == found.masks
    assert np.array_equal(back.mask(0), found.mask(0))


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04 cut off"])
def test_files_that_are_not_detections(tmp_path, content):
    path = tmp_path / "bad.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FootageError, match=r"bad\.npz.*; detect again|bad\.npz.*detect again"):
        Detections.load(path)


def test_cancelled(man, tmp_path, session):
    with pytest.raises(Cancelled):
        detect(_footage(tmp_path, [man] * 5), session=session, progress=Progress(cancelled=lambda: True))


def test_nothing_is_printed(tmp_path):
    write_image(tmp_path / "gray.png", np.full((64, 64, 3), GRAY, np.uint8))
    script = (
        "import sys; from smpl_fitting.video import open_footage; from smpl_fitting.detection import detect; "
    )
    script += "detect(open_footage(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "gray.png"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
def test_the_walker_is_followed_and_not_the_man_on_the_roof(shared, session):
    footage = open_footage(shared("footage/clips/sports2d_demo.mp4"))
    found = detect(footage, frames=range(0, 230, 2), masks=False, session=session)
    seen = found.frames[found.found]
    assert (
        30 <= seen.min() <= 60 and 190 <= seen.max() <= 206
    )  # she comes out from behind the tree, and leaves
    assert found.found.sum() > 70
    centres = found.keypoints[found.found][:, MAIN, :2].mean(axis=1)
    assert (centres[:, 1] > 500).all()  # never on the roof
    assert (np.diff(centres[:, 0]) < 15).all()  # always to the left


def test_a_mirrored_picture_gives_mirrored_landmarks(man, session):
    """Both ways round the same is looked at, so a mirrored photo has the mirrored answer."""
    crop = session.candidates(man)[0]
    width = man.shape[1]
    turned = Crop(width - crop.x, crop.y, crop.size, -crop.rotation)
    here = session.look(man, crop)
    there = session.look(np.ascontiguousarray(man[:, ::-1]), turned)
    back = there.keypoints[OTHER_SIDE].copy()
    back[:, 0] = width - back[:, 0]
    assert np.abs(here.keypoints[:, :2] - back[:, :2]).max() < 0.01 * crop.size
