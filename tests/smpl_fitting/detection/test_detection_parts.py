"""The geometry of crops and tiles, and the choice between people, against what can be worked out by hand."""

import dataclasses
import zlib

import numpy as np
import pytest

from smpl_fitting.detection import Detections
from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.matching import assign, relink
from smpl_fitting.detection.search import COARSE, FINE, FINEST, MEDIUM, tiles
from smpl_fitting.detection.session import Sighting, unmirrored
from smpl_fitting.detection.sides import keep_sides, mirrored
from smpl_fitting.detection.tracks import Track


def _smooth(points):
    """A picture given by a formula, so that it can be sampled anywhere. Values about 128."""
    x, y = points[..., 0], points[..., 1]
    return 128 + 60 * np.sin(x / 17) + 50 * np.cos(y / 23)


def _picture(height, width):
    rows, columns = np.mgrid[:height, :width] + 0.5
    return (
        np.repeat(_smooth(np.stack([columns, rows], axis=-1))[..., None], 3, axis=2).round().astype(np.uint8)
    )


@pytest.mark.parametrize("rotation", [0.0, 0.4, -2.0])
@pytest.mark.parametrize("size", [120.0, 256.0, 500.0, 900.0])
def test_cut_samples_where_the_map_says(size, rotation):
    crop = Crop(640.3, 520.8, size, rotation)
    cut = crop.cut(_picture(1100, 1300), 256)
    fractions = (np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1) + 0.5) / 256
    where = fractions @ crop.to_picture[:, :2].T + crop.to_picture[:, 2]
    inside = ((where > 8) & (where < (1292, 1092))).all(axis=-1)
    assert inside.mean() > 0.8
    assert np.abs(cut[..., 0] - _smooth(where))[inside].max() < 4


def test_paste_undoes_cut():
    crop = Crop(100.0, 80.0, 90.0, 0.3)
    rows, columns = np.mgrid[:64, :64]
    blob = (255 * np.exp(-((columns - 20) ** 2 + (rows - 40) ** 2) / 60)).astype(np.uint8)
    pasted = crop.paste(blob, (160, 200))
    weights = pasted / pasted.sum()
    centre = [(weights * (np.mgrid[:160, :200][axis] + 0.5)).sum() for axis in (1, 0)]
    truth = crop.to_picture[:, :2] @ ((np.array([20.5, 40.5])) / 64) + crop.to_picture[:, 2]
    assert np.abs(np.array(centre) - truth).max() < 0.2
    assert pasted.shape == (160, 200) and pasted[0, 0] == 0


def test_the_crop_around_an_upright_and_a_lying_person():
    upright = Crop.around(np.array([50.0, 60.0]), np.array([50.0, 20.0]))
    assert (upright.x, upright.y, upright.size) == (50, 60, 100) and upright.rotation == pytest.approx(0)
    lying = Crop.around(np.array([50.0, 60.0]), np.array([90.0, 60.0]))  # head to the right
    top_of_crop = lying.to_picture[:, :2] @ [0.5, 0.0] + lying.to_picture[:, 2]
    assert top_of_crop == pytest.approx([100, 60])


@pytest.mark.parametrize("size", [(1080, 1920), (1920, 1080), (500, 500), (200, 3000), (17, 31)])
@pytest.mark.parametrize("level", [COARSE, MEDIUM, FINE, FINEST])
def test_tiles_cover_the_picture_and_overlap(size, level):
    count = np.zeros(size, int)
    boxes = tiles(size, level)
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= size[1] and 0 <= y0 < y1 <= size[0]
        count[y0:y1, x0:x1] += 1
    assert count.min() >= 1
    side = min(size) // {COARSE: 1, MEDIUM: 1, FINE: 2, FINEST: 4}[level]
    starts = sorted({x0 for x0, *_ in boxes})
    assert level == COARSE or (np.diff(starts) <= 2 / 3 * side + 1).all()


def _sighting(x, height, colour=0):
    keypoints = np.ones((33, 4), np.float32)
    keypoints[:, 0], keypoints[:, 1] = x, np.linspace(100, 100 + height, 33)
    crop = Crop(x, 100 + height / 2, 1.3 * height)
    box = np.array([x - height / 4, 100, x + height / 4, 100 + height], np.float32)
    colours = np.full(512, 1e-3)
    colours[colour] = 1000
    mask = np.zeros((256, 256), np.float32)
    return Sighting(1.0, keypoints, keypoints[:, :3], mask, colours, crop, crop, box)


def _track(frames, x=500.0, height=300.0, speed=0.0, colour=0):
    track = Track()
    for frame in frames:
        track.add(frame, _sighting(x + speed * frame, height, colour))
    return track


def test_a_lost_track_goes_on_nearby_only():
    lost = _track(range(10), x=100, colour=0)
    stranger = _track([12], x=110, colour=100)
    assert lost.could_become(stranger, seconds=0.1)  # clothes can look different at once
    assert not lost.could_become(_track([12], x=900, colour=0), seconds=0.1)
    assert lost.could_become(_track([60], x=900, colour=0), seconds=2.0)
    assert not lost.could_become(_track([60], x=900, colour=100), seconds=2.0)
    assert not lost.could_become(_track([12], x=110, height=100, colour=0), seconds=0.1)
    lost.hidden = True  # behind somebody, and it is somebody else who comes out
    assert not lost.could_become(stranger, seconds=0.1)


def test_across_a_cut_clothes_alone_count():
    before, after = _track(range(10), x=100), _track([12], x=900, height=700)
    assert not before.could_become(after, seconds=0.1)
    after.shot = 1
    assert before.could_become(after, seconds=0.1)
    assert not _track(range(10), x=900, height=700, colour=5).could_become(after, seconds=0.1)


def test_a_track_knows_where_its_person_goes():
    walker = _track(range(20), x=100, speed=4.0)
    assert walker.displacement(22) == pytest.approx([12.0, 0.0])
    assert walker.coasting_crop(22).x == pytest.approx(100 + 19 * 4 + 12)
    assert walker.displacement(500)[0] == pytest.approx(4.0 * 12)  # not for ever
    assert _track([3]).displacement(9) == pytest.approx([0.0, 0.0])


def test_only_the_newest_sightings_are_kept():
    track = Track(keep=5)
    for frame in range(12):
        track.add(frame, _sighting(100, 300))
    assert sorted(track.recent) == [7, 8, 9, 10, 11] and track.count == 12 and track.last == 11
    assert track.colours[0] == pytest.approx(12_000)


def test_people_who_meet_are_told_apart_by_their_way():
    """Two alike, out of sight while they pass each other: each goes on as he came."""
    right, left = _track(range(15), x=100, speed=5.0), _track(range(15), x=300, speed=-5.0)
    at_right, at_left = _sighting(250, 300), _sighting(150, 300)
    found = assign([right, left], 30, [at_left, at_right])
    assert found[0] is at_right and found[1] is at_left


def test_one_sighting_goes_to_the_one_it_fits():
    front, behind = _track(range(20), x=200, colour=0), _track(range(20), x=210, colour=9)
    seen_twice = [_sighting(201, 300, colour=0), _sighting(201, 300, colour=0)]
    assert assign([front, behind], 20, seen_twice) == [seen_twice[0], None]
    assert assign([behind, front], 20, seen_twice) == [None, seen_twice[1]]
    assert assign([front, behind], 20, [None, None]) == [None, None]
    assert assign([], 20, []) == []


def test_newcomers_are_the_lost_ones_they_resemble():
    red, blue = _track(range(20), x=300, colour=1), _track(range(20), x=340, colour=2)
    first, second = _track([23], x=345, colour=1), _track([23], x=295, colour=2)
    assert relink([red, blue], [first, second], 30.0, 10.0) == [red, blue]
    assert relink([], [first], 30.0, 10.0) == [None]
    assert relink([red], [_track([400], x=300, colour=1)], 30.0, 10.0) == [None]  # too long ago


def test_a_part_of_somebody_lies_in_his_mask():
    whole, part = _sighting(200, 300), _sighting(200, 300)
    whole.mask[40:220, 80:180] = 1
    part.mask[130:220, 90:170] = 1
    assert part.share_within(whole) == 1.0
    assert whole.share_within(part) == pytest.approx(0.4, abs=0.03)
    apart = dataclasses.replace(part, crop=Crop(900.0, 250.0, 390.0))
    assert apart.share_within(whole) == 0.0 and _sighting(1, 10).share_within(whole) == 0.0


def _turning(frames, rate):
    """A person as a rigid cloud with a left and a right, turning about the vertical axis by ``rate`` per frame."""
    random = np.random.default_rng(3)
    points = random.normal(size=(33, 3)) * (0.1, 0.4, 0.1)
    points[11::2, 0], points[12::2, 0] = 0.25, -0.25
    angles = rate * np.arange(frames)
    x = points[:, 0] * np.cos(angles)[:, None] + points[:, 2] * np.sin(angles)[:, None]
    z = points[:, 2] * np.cos(angles)[:, None] - points[:, 0] * np.sin(angles)[:, None]
    world = np.stack([x, np.broadcast_to(points[:, 1], x.shape), z], axis=-1)
    keypoints = np.concatenate([400 + 200 * world, np.ones((frames, 33, 1))], axis=-1)
    keypoints[..., 2] -= 400
    return keypoints, world


@pytest.mark.parametrize("rate", [0.0, 0.12])
def test_exchanged_sides_are_put_right(rate):
    keypoints, world = _turning(60, rate)  # at 0.12 he turns right round: that must stay
    wrong = [7, 20, 21, 22, 50]
    spoilt = [array.copy() for array in (keypoints, world)]
    for array, other in zip(spoilt, mirrored(keypoints, world), strict=True):
        array[wrong] = other[wrong]
    mended = keep_sides(np.arange(60), *spoilt, height=340.0)
    assert np.array_equal(mended[0], keypoints) and np.array_equal(mended[1], world)


def test_sides_over_a_gap_and_of_one_frame():
    keypoints, world = _turning(20, 0.0)
    other = mirrored(keypoints, world)
    frames = np.array([*range(10), *range(40, 50)])
    turned = [np.concatenate([a[:10], b[10:]]) for a, b in zip((keypoints, world), other, strict=True)]
    assert np.array_equal(
        keep_sides(frames, *turned, height=340.0)[0], turned[0]
    )  # he may have turned meanwhile
    assert np.array_equal(keep_sides(np.array([5]), keypoints[:1], world[:1], 340.0)[0], keypoints[:1])


def test_sides_across_a_cut():
    keypoints, world = _turning(20, 0.0)
    other = mirrored(keypoints, world)
    turned = [np.concatenate([a[:10], b[10:]]) for a, b in zip((keypoints, world), other, strict=True)]
    kept = keep_sides(np.arange(20), *turned, height=340.0, cuts=np.array([10]))
    assert np.array_equal(kept[0], turned[0]) and np.array_equal(kept[1], turned[1])
    assert not np.array_equal(keep_sides(np.arange(20), *turned, height=340.0)[0], turned[0])


@pytest.mark.parametrize(
    "crop", [(640.3, 520.8, 500.0, 0.4), (300.0, 200.0, 700.0, -2.0), (90.0, 60.0, 40.0, 0.0)]
)
def test_the_patch_of_a_mask_is_the_mask(crop):
    x, y = np.meshgrid(np.arange(64), np.arange(64))
    oval = (255 * (((x - 30) / 20) ** 2 + ((y - 34) / 28) ** 2 < 1)).astype(np.uint8)
    found = Detections(
        keypoints=np.zeros((1, 33, 4), np.float32),
        keypoints_world=np.zeros((1, 33, 3), np.float32),
        confidence=np.ones(1, np.float32),
        boxes=np.zeros((1, 4), np.float32),
        image_size=(700, 900),
        frames=np.zeros(1, np.int64),
        crops=np.array([crop]),
        masks=[zlib.compress(oval.tobytes())],
    )
    patch, box = found.mask_patch(0)
    whole = found.mask(0) > 0.5
    centres = np.argwhere(np.ones_like(whole)) + 0.5  # y, x
    cells = np.floor((centres[:, ::-1] - box[:2]) * len(patch) / (box[2:] - box[:2])).astype(int)
    known = ((cells >= 0) & (cells < len(patch))).all(1)
    read = np.zeros(whole.size, bool)
    read[known] = patch[cells[known, 1], cells[known, 0]] > 0.5
    differing = (read != whole.ravel()).sum()
    step = crop[2] / 64
    assert differing < 120 * step**2 + 60 * step  # less than a cell along the oval's edge
    assert whole.sum() > 20 * step**2


def test_a_mirror_image_is_turned_back():
    """What is seen of a symmetric figure in both is the same; twice turned back is what it was."""
    rng = np.random.default_rng(0)
    landmarks, world, mask = rng.random((39, 5)), rng.normal(size=(39, 3)), rng.random((8, 8))
    once = unmirrored(landmarks, world, mask)
    assert once[0][11, 0] == 1 - landmarks[12, 0] and once[0][11, 1] == landmarks[12, 1]
    assert once[1][27, 0] == -world[28, 0] and once[1][27, 2] == world[28, 2]
    assert (once[2][:, 0] == mask[:, -1]).all()
    assert once[0][33, 1] == landmarks[33, 1]  # the crop's own two points have no side
    for back, value in zip(unmirrored(*once), (landmarks, world, mask), strict=True):
        np.testing.assert_allclose(back, value)
