"""Jump cuts: real clips one after the other, and everything that must not be taken for a cut."""

import numpy as np
import pytest

from smpl_fitting.detection.cuts import with_cuts
from smpl_fitting.video import open_footage, read_image

CLIPS = (
    "clips/ipercore_akun_1.mp4",
    "clips/mmhuman3d_single.mp4",
    "clips/sports2d_demo.mp4",
    "pose2sim_single/p2s_cam01.mp4",
    "pose2sim_single/p2s_cam02.mp4",
)


@pytest.fixture(scope="module")
def clips(shared):
    """The first 40 frames of each clip, every fourth pixel."""
    paths = [shared(f"footage/{name}") for name in CLIPS]
    return [[picture[::4, ::4].copy() for _, picture in open_footage(path).frames(0, 40)] for path in paths]


def _cuts(pictures):
    found = list(with_cuts(enumerate(pictures)))
    assert [index for index, _, _ in found] == list(range(len(pictures)))
    assert all(given is picture for given, (_, picture, _) in zip(pictures, found, strict=True))
    return [index for index, _, is_cut in found if is_cut]


@pytest.mark.parametrize("step", [1, 2, 5])
def test_clips_without_a_cut(clips, step):
    for clip in clips:
        assert _cuts(clip[::step]) == []


@pytest.mark.parametrize("first", range(5))
@pytest.mark.parametrize("second", range(5))
def test_a_cut_from_one_clip_to_another(clips, first, second):
    """Cameras 1 and 2 of pose2sim even see the same man in the same room."""
    if first != second:
        assert _cuts(clips[first][:13] + clips[second][20:30] + clips[first][30:35]) == [13, 23]


@pytest.mark.parametrize("clip", [3, 4])
def test_a_leap_in_time_before_a_camera_that_stands_still(clips, clip):
    assert _cuts(clips[clip][:10] + clips[clip][30:]) == [10]


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize(("gain", "offset"), [(3.0, 60.0), (0.0, 255.0), (0.0, 0.0)])
def test_a_flash_is_no_cut(clips, frames, gain, offset):
    for clip in clips:
        flash = [
            np.clip(picture * gain + offset, 0, 255).astype(np.uint8) for picture in clip[12 : 12 + frames]
        ]
        assert _cuts(clip[:12] + flash + clip[12 + frames :]) == []


@pytest.mark.parametrize("gain", [0.4, 1.6])
def test_switching_the_light_is_no_cut(clips, gain):
    for clip in clips:
        assert (
            _cuts(clip[:12] + [(picture * gain).clip(0, 255).astype(np.uint8) for picture in clip[12:]]) == []
        )


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15])
def test_a_fast_pan_is_no_cut(shared, share):
    photo = read_image(shared("footage/stills/mimicmotion_demo1.jpg"))[..., :3]
    height, width = photo.shape[:2]
    wide = width // 2
    lefts = np.arange(0, width - wide, max(1, round(share * wide)))
    assert len(lefts) > 5
    assert _cuts([photo[: height // 2, left : left + wide].copy() for left in lefts]) == []


def test_pictures_that_show_nothing():
    gray = [np.full((90, 160, 3), 120, np.uint8)] * 6
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (90, 160, 3), dtype=np.uint8) for _ in range(12)]
    assert _cuts(gray) == [] and _cuts([]) == [] and _cuts(gray[:1]) == []
    assert _cuts(noise) == []  # each unlike the next: no two shots
