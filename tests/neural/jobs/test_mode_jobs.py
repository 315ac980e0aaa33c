"""The jobs that draw a finished subject: several motions, any background, circles, provenance, conditioning."""

import dataclasses

import numpy as np
import pytest
import torch
from painted import body_pose, level_camera

from neural.jobs import load_job
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.video import open_footage, read_image, write_image

SMALL = (160, 112)


@pytest.fixture(scope="module")
def driving(tmp_path_factory):
    """Two motion files, of two and three frames."""
    folder, camera = tmp_path_factory.mktemp("driving"), level_camera(SMALL)
    paths = []
    for name, count in (("wave", 2), ("turn", 3)):
        motion = Motion(
            poses=torch.cat([body_pose(yaw=15.0 * i) for i in range(count)]).numpy(),
            trans=np.zeros((count, 3), np.float32),
            betas=np.zeros(10, np.float32),
            fps=25.0,
            camera_K=camera.K.expand(count, 3, 3).numpy(),
            camera_R=camera.R.expand(count, 3, 3).numpy(),
            camera_t=camera.t.expand(count, 3).numpy(),
            image_size=SMALL,
        )
        motion.save(folder / f"{name}.npz")
        paths.append(folder / f"{name}.npz")
    return paths


def run(kind, **params):
    return load_job(kind)(params, JobContext(Progress(), {}, lambda text: None))


def test_several_motions_each_in_its_folder(subject, driving, tmp_path):
    result = run(
        "transfer",
        subject=str(subject.path),
        driving=[str(path) for path in driving],
        out=str(tmp_path),
        cam_strategy="copy",
        background="transparent",
        provenance=True,
    )
    assert result["frames"] == 5 and len(result["movies"]) == 2
    for name, count in (("wave", 2), ("turn", 3)):
        assert open_footage(tmp_path / name / "out.mp4").frame_count == count
        assert len(list((tmp_path / name / "frames").glob("*.png"))) == count
        assert len(list((tmp_path / name / "provenance").glob("*.npz"))) == count
    alpha = read_image(tmp_path / "turn" / "frames" / "0002.png")[..., 3]
    with np.load(tmp_path / "turn" / "provenance" / "0002.npz") as evidence:
        np.testing.assert_array_equal(evidence["source"][alpha == 255] >= 0, True)
        assert (evidence["source"][alpha == 0] == -1).all()
    assert read_image(tmp_path / "turn" / "provenance" / "0002.png").shape[1] > SMALL[1]


def test_one_motion_stays_where_asked_over_a_picture(subject, driving, tmp_path):
    write_image(tmp_path / "wall.png", np.full((60, 60, 3), (10, 200, 30), np.uint8))
    out = tmp_path / "out"
    result = run(
        "transfer",
        subject=str(subject.path),
        driving=str(driving[0]),
        out=str(out),
        cam_strategy="copy",
        background=str(tmp_path / "wall.png"),
    )
    assert result["movie"] == str(out / "out.mp4")
    frame = read_image(out / "frames" / "0001.png")
    assert frame.shape == (*SMALL, 3) and frame[0, 0].tolist() == [10, 200, 30]
    assert not (out / "provenance").exists()


def test_names_that_would_collide_are_refused(subject, driving, tmp_path):
    twice = [str(driving[0]), str(driving[0])]
    with pytest.raises(LiquidMotionError, match="two driving files are called 'wave'"):
        run("transfer", subject=str(subject.path), driving=twice, out=str(tmp_path))
    with pytest.raises(LiquidMotionError, match="neither a file nor a colour"):
        run(
            "transfer",
            subject=str(subject.path),
            driving=str(driving[0]),
            out=str(tmp_path),
            background="nope.png",
        )
    with pytest.raises(LiquidMotionError, match="renderer 'cubist' is unknown"):
        run(
            "transfer",
            subject=str(subject.path),
            driving=str(driving[0]),
            out=str(tmp_path),
            renderer="cubist",
        )
    assert list(tmp_path.iterdir()) == []


def test_views(subject, driving, tmp_path):
    circle = run("view", subject=str(subject.path), out=str(tmp_path / "a"), seconds=0.1)
    assert circle["frames"] == 3
    frozen = run(
        "view",
        subject=str(subject.path),
        out=str(tmp_path / "b"),
        driving=str(driving[1]),
        at=0.04,
        seconds=0.08,
    )
    assert frozen["frames"] == 3 + 2
    played = run("view", subject=str(subject.path), out=str(tmp_path / "c"), driving=str(driving[1]))
    assert played["frames"] == 3
    stored = Motion.load(tmp_path / "b" / "motion.npz")
    assert stored.frame_count == 5 and stored.camera_R is not None
    np.testing.assert_allclose(stored.poses[1], stored.poses[3], atol=1e-6)
    assert np.abs(stored.camera_R[3] - stored.camera_R[1]).max() > 0.5


def test_swap_makes_a_subject_that_can_be_drawn(subject, driving, tmp_path):
    made = run(
        "swap",
        subject=str(subject.path),
        take=[[str(subject.path), ["head", "feet"]]],
        out=str(tmp_path / "both"),
    )
    assert made["sources"] == 2 * len(subject.images)
    drawn = run("view", subject=made["subject"], out=str(tmp_path / "view"), seconds=0.05)
    assert drawn["frames"] == 2


def test_conditioning_of_a_subject(subject, driving, tmp_path):
    result = run(
        "conditioning", driving=str(driving[0]), subject=str(subject.path), out=str(tmp_path / "guide")
    )
    assert result["frames"] == 2
    size = read_image(tmp_path / "guide" / "depth" / "0000.png").shape[:2]
    assert size == subject.images[0].shape[:2]  # the photo's framing
    own = run("conditioning", driving=str(driving[0]), out=str(tmp_path / "own"))
    assert own["frames"] == 2 and read_image(tmp_path / "own" / "mask" / "0001.png").shape[:2] == SMALL


def test_frames_that_are_there_are_kept(subject, driving, open_body, tmp_path):
    """Resuming draws what is missing, evidence included, and leaves the rest."""
    from neural.transfer import plan_transfer, render_frames

    moved, plan = plan_transfer(subject, Motion.load(driving[1]), open_body, "copy")
    colour = np.array([9, 9, 9], np.uint8)
    first = dataclasses.replace(plan, cameras=plan.cameras[:1])
    render_frames(subject, open_body, moved.select([0]), first, [colour], tmp_path, provenance=True)
    marked = read_image(tmp_path / "frames" / "0001.png")
    marked[:4] = 77
    write_image(tmp_path / "frames" / "0001.png", marked)
    render_frames(subject, open_body, moved, plan, [colour] * 3, tmp_path, provenance=True, resume=True)
    np.testing.assert_array_equal(read_image(tmp_path / "frames" / "0001.png"), marked)
    assert (
        len(list((tmp_path / "provenance").glob("*.npz")))
        == len(list((tmp_path / "frames").glob("*.png")))
        == 3
    )
