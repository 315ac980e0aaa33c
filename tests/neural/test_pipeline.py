"""The main job on the embedded demo: what it leaves, how it resumes, and how it ends when it cannot go on."""

import json
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from neural.background import background_from_clip
from neural.liquid import PERSONAL, SHIPPED
from neural.networks.weights import load_generator, save_generator
from neural.pipeline import MainJob, run_main_job
from neural.stages import Stages, fingerprint
from smpl_fitting.body import load_body
from smpl_fitting.errors import FootageError, LiquidMotionError, NobodyFoundError
from smpl_fitting.fit import fit_clip
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Cancelled, Progress
from smpl_fitting.video import open_footage, read_image, write_image

DEMO = Path(str(files("neural") / "data" / "demo"))


def job(out, **changes):
    options = {"frames": range(6), "overlay": False, "scene": False, "longest_side": 256, **changes}
    return MainJob(sources=(DEMO / "source.jpg",), driving=DEMO / "driving.mp4", out=out, **options)


def quiet(_line):
    pass


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished small job and its figures."""
    out = tmp_path_factory.mktemp("job") / "out"
    return out, run_main_job(job(out), log=quiet)


@pytest.mark.slow
def test_leaves_frames_movie_motion_subject_and_figures(finished):
    out, figures = finished
    assert sorted(path.name for path in (out / "frames").iterdir()) == [f"{i:04d}.png" for i in range(1, 7)]
    assert open_footage(out / "out.mp4").frame_count == 6
    assert Motion.load(out / "motion.npz").frame_count == 6
    assert json.loads((out / "metrics.json").read_text())["frames"] == 6
    assert figures["source_clothed_iou"][0] > 0.9
    assert figures["driving_landmark_error_percent"] < 2.5 and figures["detector"] == "full"
    plate = read_image(out / "subject" / "background.png")
    person = read_image(out / "frames" / "0001.png")
    assert person.shape[0] == 256 and plate.shape[0] > 256
    assert not [path for path in out.rglob(".*") if path.is_file()]


@pytest.mark.slow
def test_a_second_run_repeats_nothing(finished):
    out, _ = finished
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    said = []
    run_main_job(job(out), log=said.append)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == before
    assert [line for line in said if "already" in line]


@pytest.mark.slow
def test_a_run_cancelled_while_rendering_goes_on_with_the_same_pixels(finished, tmp_path):
    whole, _ = finished
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    stages = json.loads((out / "stages.json").read_text())
    kept = {name: key for name, key in stages.items() if name in ("driving", "subject")}
    (out / "stages.json").write_text(json.dumps(kept))
    for path in [*(out / "frames").iterdir(), out / "out.mp4"]:
        path.unlink()

    def stop_halfway(stage, fraction):
        stop_halfway.over = stage == "Rendering" and fraction > 0.75

    stop_halfway.over = False
    with pytest.raises(Cancelled):
        run_main_job(job(out), Progress(stop_halfway, lambda: stop_halfway.over), log=quiet)
    left = sorted((out / "frames").iterdir())
    assert 0 < len(left) < 6 and not (out / "out.mp4").exists()
    left[0].write_bytes(left[0].read_bytes()[:200])  # torn, as by a power cut
    run_main_job(job(out), log=quiet)
    for path in (whole / "frames").iterdir():
        np.testing.assert_array_equal(read_image(out / "frames" / path.name), read_image(path))


@pytest.mark.slow
def test_another_background_renders_again_and_transparency_is_kept(finished, tmp_path):
    whole, _ = finished
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    run_main_job(job(out, background="transparent", cam_strategy="follow"), log=quiet)
    frame = read_image(out / "frames" / "0003.png")
    assert frame.shape[2] == 4 and frame[..., 3].min() == 0 and frame[..., 3].max() == 255
    run_main_job(job(out, background="driving"), log=quiet)
    assert read_image(out / "frames" / "0003.png").shape == (256, 192, 3)


@pytest.mark.slow
def test_over_a_driving_clip_whose_camera_moves_the_person_in_it_is_taken_out(finished, tmp_path):
    """The demo's driving clip, seen through a window that wanders: what is hidden is known from its still plate."""
    clip = open_footage(DEMO / "driving.mp4")
    height, width = clip.image_size
    size, corners = (height - 16, width - 40), [(16 - k, 8 * k) for k in range(6)]
    for index, (top, left) in enumerate(corners):
        frame = clip.frame(16 * index)[top : top + size[0], left : left + size[1], :3]
        write_image(tmp_path / "panned" / f"{index:04d}.png", np.ascontiguousarray(frame))
    out = tmp_path / "out"
    moving = job(out, background="driving")
    said = []
    run_main_job(replace(moving, driving=tmp_path / "panned"), log=said.append)
    assert [line for line in said if "driving camera moves" in line]
    plates = open_footage(out / "driving_plates.mp4")
    assert plates.frame_count == 6 and plates.image_size == size
    everywhere = background_from_clip(clip, fit_of(clip).detections.mask).image.astype(int)
    for index, (top, left) in enumerate(corners):
        true = everywhere[top : top + size[0], left : left + size[1]]
        off = np.abs(plates.frame(index)[..., :3] - true).mean(-1)
        assert off.mean() < 6 and np.quantile(off, 0.99) < 60
    written = plates.path.stat().st_mtime_ns
    run_main_job(replace(moving, driving=tmp_path / "panned", longest_side=200), log=quiet)
    assert plates.path.stat().st_mtime_ns == written


def fit_of(clip):
    return fit_clip(clip, load_body("open"), frames=range(clip.frame_count))


def bad_input(folder, kind):
    path = folder / f"{kind}.mp4"
    if kind == "text":
        path.write_text("this is no film")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "torn":
        path.write_bytes((DEMO / "driving.mp4").read_bytes()[:3000])
    elif kind == "folder":
        path.mkdir()
    elif kind == "dot":
        path = folder / "dot.png"
        write_image(path, np.zeros((1, 1, 3), np.uint8))
    return path


@pytest.mark.parametrize("kind", ["text", "empty", "torn", "folder", "dot", "missing"])
def test_bad_footage_is_one_line_that_names_it_and_leaves_nothing(tmp_path, kind):
    path = bad_input(tmp_path, kind)
    out = tmp_path / "out"
    for changes in ({"driving": path}, {"sources": (path,)}):
        options = {
            "sources": (DEMO / "source.jpg",),
            "driving": DEMO / "driving.mp4",
            "scene": False,
            **changes,
        }
        with pytest.raises(FootageError, match=path.name) as caught:
            run_main_job(MainJob(out=out, **options), log=quiet)
        assert "\n" not in str(caught.value)
        assert not out.exists()


def test_a_body_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(LiquidMotionError, match="SMPL_NONE.npz"):
        run_main_job(job(tmp_path / "out", body=str(tmp_path / "SMPL_NONE.npz")), log=quiet)


def test_an_unknown_background_is_refused_before_any_work(tmp_path):
    with pytest.raises(LiquidMotionError, match="plaid"):
        run_main_job(job(tmp_path / "out", background="plaid"), log=quiet)
    assert not (tmp_path / "out").exists()


def test_personalising_another_renderer_is_refused_before_any_work(tmp_path):
    with pytest.raises(LiquidMotionError, match="personalising is for renderer 'liquid'"):
        run_main_job(job(tmp_path / "out", personalize=True), log=quiet)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_frames_are_drawn_again_once_the_person_has_weights_of_her_own(finished, tmp_path):
    """Her own weights are put where personalising puts them; it is tested beside its own module."""
    out = tmp_path / "out"
    shutil.copytree(finished[0], out)
    run_main_job(job(out, renderer="liquid"), log=quiet)
    general = read_image(out / "frames" / "0001.png")
    generator, about = load_generator(SHIPPED)
    with torch.no_grad():
        generator.leave.bias[:12] += 0.2
    save_generator(out / "subject" / PERSONAL, generator, about)
    run_main_job(job(out, renderer="liquid"), log=quiet)
    assert (read_image(out / "frames" / "0001.png") != general).any()


def test_a_picture_of_nobody_is_said_to_show_nobody(tmp_path):
    path = tmp_path / "wall.png"
    write_image(path, np.full((240, 320, 3), 127, np.uint8))
    with pytest.raises(NobodyFoundError, match="wall.png"):
        run_main_job(MainJob((DEMO / "source.jpg",), path, tmp_path / "out", scene=False), log=quiet)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(LiquidMotionError, match="out"):
        run_main_job(job(tmp_path / "out"), log=quiet)


def test_torn_stage_records_mean_that_nothing_is_done(tmp_path):
    key = fingerprint("a", 1, tmp_path)
    Stages(tmp_path).finish("fit", key)
    assert Stages(tmp_path).done("fit", key, [tmp_path])
    assert not Stages(tmp_path).done("fit", key, [tmp_path / "gone"])
    assert not Stages(tmp_path).done("fit", fingerprint("a", 2, tmp_path), [tmp_path])
    (tmp_path / "stages.json").write_text('{"fit": "')
    assert not Stages(tmp_path).done("fit", key, [tmp_path])


@pytest.mark.slow
def test_what_a_killed_run_was_writing_is_swept_away(finished, tmp_path):
    whole, _ = finished
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    for torn in (out / ".out-k3jd82ls.mp4", out / "frames" / ".0004-ab12cd34.png"):
        torn.write_bytes(b"half")
    run_main_job(job(out), log=quiet)
    assert not [path for path in out.rglob(".*") if path.is_file()]
