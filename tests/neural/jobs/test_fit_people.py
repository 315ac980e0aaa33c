"""The fit job with several people: whom it fits, the picture to choose by, and what a killed run leaves."""

import numpy as np
import pytest

from neural.jobs.context import JobContext
from neural.jobs.fit import run
from smpl_fitting.errors import LiquidMotionError, NobodyFoundError
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Cancelled, Progress
from smpl_fitting.video import read_image, write_image

HEIGHT = 300
LEFTS = (30, 330)


@pytest.fixture(scope="module")
def men(shared):
    """Two men side by side, (H, W, 3)."""
    picture = np.full((HEIGHT + 20, 600, 3), 140, np.uint8)
    for name, left in zip(("animateanyone_11.png", "econ_pose_1af.png"), LEFTS, strict=True):
        man = read_image(shared(f"footage/stills/{name}"))[..., :3]
        step = man.shape[0] / HEIGHT
        rows = (np.arange(HEIGHT) * step).astype(int)
        man = man[rows][:, (np.arange(int(man.shape[1] / step)) * step).astype(int)]
        picture[10 : 10 + HEIGHT, left : left + man.shape[1]] = man
    return picture


@pytest.fixture
def photo(men, tmp_path):
    write_image(tmp_path / "men.png", men)
    return tmp_path / "men.png"


@pytest.fixture
def clip(men, tmp_path):
    for index in range(4):
        write_image(tmp_path / "clip" / f"{index}.png", np.roll(men, 3 * index, axis=1))
    return tmp_path / "clip"


def _side(motion):
    return "left" if motion.keypoints[0, :, 0].mean() < 300 else "right"


def test_everybody_in_a_photo(photo, tmp_path):
    out = tmp_path / "out" / "m.npz"
    params = {"clip": photo, "out": out, "person": "all", "people": tmp_path / "people.png"}
    result = run(params, JobContext())
    assert result["people_found"] == 2 and [fit["person"] for fit in result["fits"]] == [0, 1]
    motions = [Motion.load(out.with_name(f"m_person{i}.npz")) for i in (0, 1)]
    assert [motion.track_id for motion in motions] == [0, 1]
    assert {_side(motion) for motion in motions} == {"left", "right"}
    assert result["motion"] == out.with_name("m_person0.npz") and not out.exists()
    assert not (tmp_path / "out" / "m.npz.partial").exists()
    sheet = read_image(tmp_path / "people.png")
    assert sheet.shape == (HEIGHT + 20, 600, 3)
    for colour in ((255, 220, 0), (0, 200, 255)):  # a box for each
        assert (np.abs(sheet.astype(int) - colour).max(axis=2) < 20).sum() > 500


@pytest.mark.parametrize(("x", "side"), [(90, "left"), (420, "right")])
def test_the_one_who_is_pointed_at(photo, tmp_path, x, side):
    out = tmp_path / "m.npz"
    result = run({"clip": photo, "out": out, "person": f"{x},160"}, JobContext())
    motion = Motion.load(out)
    assert _side(motion) == side and motion.track_id == result["person"]
    assert set(tmp_path.iterdir()) == {photo, out}


def test_only_the_picture(photo, tmp_path):
    result = run({"clip": photo, "people": tmp_path / "people.png"}, JobContext())
    assert result["fits"] == [] and result["people_found"] == 2
    assert set(tmp_path.iterdir()) == {photo, tmp_path / "people.png"}


@pytest.mark.parametrize(
    ("person", "message"),
    [
        (
            "5,5",
            r"men\.png: nobody was found at \(5, 5\) in frame 0; there, person 0 is at x .*; person 1 is at",
        ),
        ("7", r"has no person 7; only people 0 to 1 were found"),
        ("left", "no number, point or box"),
        ("90,160@3", "frame 3 is not looked at; choose from 0 to 0"),
    ],
)
def test_nobody_there(photo, tmp_path, person, message):
    with pytest.raises(LiquidMotionError, match=message):
        run({"clip": photo, "out": tmp_path / "m.npz", "person": person}, JobContext())
    assert set(tmp_path.iterdir()) == {photo}


def test_nobody_at_all(tmp_path):
    write_image(tmp_path / "gray.png", np.full((200, 200, 3), 140, np.uint8))
    for person in (None, "all"):
        with pytest.raises(NobodyFoundError, match="no person was found"):
            run({"clip": tmp_path / "gray.png", "out": tmp_path / "m.npz", "person": person}, JobContext())
    run({"clip": tmp_path / "gray.png", "people": tmp_path / "people.png"}, JobContext())
    assert read_image(tmp_path / "people.png").shape == (200, 200, 3)


@pytest.mark.slow
def test_a_stopped_fit_keeps_what_is_found(clip, tmp_path):
    out, stages = tmp_path / "m.npz", []

    def stop_while_fitting(stage, fraction):
        stages.append(stage)

    stopping = Progress(stop_while_fitting, lambda: "Fitting the body" in stages)
    params = {"clip": clip, "out": out, "person": "1"}
    with pytest.raises(Cancelled):
        run(params, JobContext(stopping))
    kept = list((tmp_path / "m.npz.partial").glob("detection-*/chunk-*.npz"))
    assert len(kept) == 1 and not out.exists()
    written = kept[0].stat().st_mtime_ns
    with pytest.raises(Cancelled):
        stages.clear()
        run(params, JobContext(stopping))
    assert kept[0].stat().st_mtime_ns == written
    run(params, JobContext())
    assert Motion.load(out).frame_count == 4 and not (tmp_path / "m.npz.partial").exists()
