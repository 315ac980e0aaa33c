"""A killed detection goes on where it stopped and gives what an unbroken one gives."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from smpl_fitting.detection import DetectorSession, clip, detect, detect_people
from smpl_fitting.detection.journal import footage_key
from smpl_fitting.detection.masks import MaskStore
from smpl_fitting.errors import FootageError, LiquidMotionError
from smpl_fitting.progress import Cancelled, Progress
from smpl_fitting.video import open_footage, read_image, write_image

FRAMES = 26
FIELDS = ("keypoints", "keypoints_world", "confidence", "boxes", "frames", "crops", "cuts")


@pytest.fixture(scope="module")
def session():
    with DetectorSession() as networks:
        yield networks


@pytest.fixture(scope="module")
def meeting(shared, tmp_path_factory):
    """Two men who pass each other, one behind the other, before a cut to one of them nearer."""
    folder = tmp_path_factory.mktemp("meeting")
    men = [
        read_image(shared(f"footage/stills/{n}"))[..., :3]
        for n in ("animateanyone_11.png", "econ_pose_1af.png")
    ]
    small = [_shrunk(man, 230) for man in men]
    for index in range(FRAMES):
        if index < FRAMES - 6:
            picture = np.full((300, 640, 3), 140, np.uint8)
            for man, left in zip(small, (20 + 20 * index, 440 - 20 * index), strict=True):
                picture[40 : 40 + man.shape[0], left : left + man.shape[1]] = man
        else:
            picture = np.tile(np.linspace(60, 200, 640).astype(np.uint8)[None, :, None], (300, 1, 3))
            near = _shrunk(men[0], 290)
            picture[5 : 5 + near.shape[0], 300 + index : 300 + index + near.shape[1]] = near
        write_image(folder / f"{index:04d}.png", picture)
    return open_footage(folder)


@pytest.fixture(scope="module")
def whole(meeting, session):
    return detect_people(meeting, session=session)


def _shrunk(picture, height):
    step = picture.shape[0] / height
    rows = (np.arange(height) * step).astype(int)
    return picture[rows][:, (np.arange(int(picture.shape[1] / step)) * step).astype(int)]


def _stop_after(frames):
    asked = iter(range(10**6))
    return Progress(cancelled=lambda: next(asked) > frames)


def _equal(one, other):
    return one.masks == other.masks and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS
    )


@pytest.mark.parametrize(
    "killed_after",
    [pytest.param([3], marks=pytest.mark.slow), [9, 8], pytest.param([14, 4, 5], marks=pytest.mark.slow)],
)
def test_a_killed_run_goes_on(meeting, whole, tmp_path, session, monkeypatch, killed_after):
    monkeypatch.setattr(clip, "CHUNK_FRAMES", 4)
    for frames in killed_after:
        with pytest.raises(Cancelled):
            detect_people(meeting, session=session, checkpoint=tmp_path, progress=_stop_after(frames))
    fractions = []
    watched = Progress(lambda _, fraction: fractions.append(fraction))
    resumed = detect_people(meeting, session=session, checkpoint=tmp_path, progress=watched)
    assert len(resumed) == 2 and all(map(_equal, whole, resumed))
    assert fractions[-1] == 1.0 and fractions == sorted(fractions)
    again = detect_people(meeting, checkpoint=tmp_path)  # nothing is left to do, no network needed
    assert all(map(_equal, whole, again))


def test_both_are_found_and_the_cut(whole):
    assert len(whole) == 2
    assert all(one.cuts.tolist() == [FRAMES - 6] for one in whole)
    red, gray = sorted(whole, key=lambda one: one.found[-1], reverse=True)
    assert red.found[FRAMES - 6 :].all() and red.boxes[-1, 3] - red.boxes[-1, 1] > 230
    for person, ahead in ((red, 20), (gray, -20)):  # each goes on as he came
        rows = np.flatnonzero(person.found[: FRAMES - 6])
        assert len(rows) > 12
        hips = person.keypoints[rows, 23:25, 0].mean(axis=1) - ahead * rows
        assert np.abs(hips - np.median(hips)).max() < 30


@pytest.mark.slow
def test_a_run_killed_for_good(meeting, tmp_path, session, monkeypatch):
    script = (
        "import sys; from pathlib import Path; from smpl_fitting.video import open_footage\n"
        "from smpl_fitting.detection import clip; clip.CHUNK_FRAMES = 4\n"
        "clip.detect(open_footage(sys.argv[1]), checkpoint=Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(meeting.path), str(tmp_path)])
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("detection-*/chunk-000001.npz")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    chunks = sorted(tmp_path.glob("detection-*/chunk-*.npz"))
    assert len(chunks) >= 2
    kept = chunks[0].stat().st_mtime_ns
    monkeypatch.setattr(clip, "CHUNK_FRAMES", 4)
    resumed = detect(meeting, session=session, checkpoint=tmp_path)
    assert _equal(resumed, detect(meeting, session=session))
    assert chunks[0].stat().st_mtime_ns == kept


def test_other_options_change_the_key(meeting):
    key = footage_key(meeting, range(10), True)
    assert key == footage_key(meeting, range(10), True)
    assert key != footage_key(meeting, range(9), True) and key != footage_key(meeting, range(10), False)


def test_partial_work_of_other_options_is_not_used(meeting, session, tmp_path):
    first = detect(meeting, frames=range(3), session=session, checkpoint=tmp_path)
    other = detect(meeting, frames=range(3), masks=False, session=session, checkpoint=tmp_path)
    assert first.masks is not None and other.masks is None
    assert len(list(tmp_path.iterdir())) == 2
    last = detect(meeting, frames=range(3), person=0, session=session, checkpoint=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3 and last.person == 0
    detect_people(meeting, frames=range(3), session=session, checkpoint=tmp_path)  # the same search
    assert len(list(tmp_path.iterdir())) == 3


def test_changed_pictures_change_the_key(tmp_path):
    for name in ("0.png", "1.png"):
        write_image(tmp_path / name, np.zeros((20, 20, 3), np.uint8))
    footage = open_footage(tmp_path)
    before = footage_key(footage)
    os.utime(tmp_path / "1.png", ns=(1, 1))
    assert footage_key(footage) != before


def test_damaged_partial_work_is_named(meeting, tmp_path):
    detect(meeting, frames=range(2), checkpoint=tmp_path)
    [chunk] = tmp_path.glob("detection-*/chunk-*.npz")
    chunk.write_bytes(chunk.read_bytes()[:100])
    with pytest.raises(FootageError, match=r"chunk-000000\.npz.*remove the folder"):
        detect(meeting, frames=range(2), checkpoint=tmp_path)


def test_a_checkpoint_that_cannot_be_written(meeting, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(LiquidMotionError, match="cannot be written"):
        detect(meeting, frames=range(2), checkpoint=tmp_path / "file")


def test_many_masks_are_on_disk(monkeypatch):
    monkeypatch.setattr("smpl_fitting.detection.masks._IN_MEMORY", 100)
    masks = [bytes([i]) * (7 * i % 50) for i in range(60)]
    store = MaskStore(60)
    for index in reversed(range(60)):
        store.put(index, masks[index])
    assert store._file._rolled  # a file by now
    assert store == masks and store[5:7] == tuple(masks[5:7]) and store[-1] == masks[-1]
    assert store == MaskStore.of(masks, 60) and store != masks[:-1] and store != [*masks[:-1], b"?"]
    assert list(store) == masks
    with pytest.raises(IndexError):
        store[60]
