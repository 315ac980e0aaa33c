"""Fitting a range again, and locking its feet: against a walk whose truth is known."""

import dataclasses

import numpy as np
import pytest
import torch

from neural.jobs import foot_lock, refit
from neural.jobs._ranges import chosen_rows, widened
from neural.jobs.context import JobContext
from smpl_fitting.detection import Detections
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.fit import fit_detections
from smpl_fitting.geometry import axis_angle_to_matrix
from smpl_fitting.landmarks import JOINT
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.quality import landmark_errors
from smpl_fitting.video import VideoWriter
from smpl_fitting.world import default_intrinsics, with_shape

FRAMES, SIZE = 24, (720, 1280)


@pytest.fixture(scope="module")
def walk(open_body):
    """The fit of a walk, and what the detector saw of it."""
    phase = torch.linspace(0, 2 * torch.pi, FRAMES)
    pose = torch.zeros(FRAMES, 24, 3)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, JOINT[f"{side}_shoulder"], 2] = -sign * 1.2
        pose[:, JOINT[f"{side}_hip"], 0] = -0.4 * sign * torch.sin(phase)
        pose[:, JOINT[f"{side}_knee"], 0] = 0.4 + 0.3 * sign * torch.cos(phase)
    rotations = axis_angle_to_matrix(pose)
    rotations[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ axis_angle_to_matrix(
        torch.tensor([0.0, 0.6, 0.0])
    )
    trans = torch.stack([0.1 * phase - 0.3, 0 * phase + 0.1, 4 + 0.05 * phase], -1)
    betas = torch.zeros(open_body.num_betas)
    betas[:2] = torch.tensor([0.6, -0.5])
    K = default_intrinsics(SIZE).expand(FRAMES, 3, 3)
    points = open_body.landmarks(betas, rotations, trans)
    pixels = torch.einsum("tij,tnj->tni", K, points)
    seen = torch.ones(FRAMES, 33, 4)
    seen[..., :2] = pixels[..., :2] / pixels[..., 2:]
    found = Detections(
        keypoints=seen.numpy(),
        keypoints_world=(points - points[:, 23:25].mean(1, keepdim=True)).numpy(),
        confidence=np.ones(FRAMES, np.float32),
        boxes=torch.cat([seen[..., :2].amin(1), seen[..., :2].amax(1)], -1).numpy(),
        image_size=SIZE,
        frames=np.arange(FRAMES),
        crops=np.zeros((FRAMES, 4)),
        masks=(b"",) * FRAMES,
    )
    return fit_detections(found, open_body, fps=30.0, times=np.arange(FRAMES) / 30.0), found


def joints(body, motion):
    values = (motion.betas, motion.poses, motion.trans)
    return body(*(torch.as_tensor(value, dtype=torch.float32) for value in values)).joints.numpy()


@pytest.mark.parametrize("spoilt", [False, True])
def test_fits_as_the_whole_was_fitted(open_body, walk, spoilt):
    """In the world of the fit, from a pose 12 degrees off in every joint as from none; landmarks as near."""
    motion, found = walk
    start = None
    if spoilt:
        noise = np.random.default_rng(0).normal(0, 0.2, motion.poses.shape)
        start = dataclasses.replace(motion, poses=motion.poses + noise, trans=motion.trans + 0.1)
    fitted = refit._solve(motion, found, open_body, start, Progress())
    error = np.linalg.norm(joints(open_body, fitted) - joints(open_body, motion), axis=-1)
    assert error.mean() < 0.01
    assert landmark_errors(fitted, open_body).mean() < 1.05 * landmark_errors(motion, open_body).mean()
    assert np.array_equal(fitted.betas, motion.betas)
    assert np.array_equal(fitted.camera_R, motion.camera_R)


def test_camera_axes_and_back(open_body, walk):
    """The start is the solver's parameters: the joints that the world's camera sees."""
    motion, _ = walk
    given = refit._in_camera(motion, motion, open_body)
    seen = open_body(given.betas, given.rotations, given.trans).joints.numpy()
    world = joints(open_body, motion)
    expected = np.einsum("tij,tnj->tni", motion.camera_R, world) + motion.camera_t[:, None]
    assert np.abs(seen - expected).max() < 1e-4


def test_rows_find_their_frames(walk, tmp_path):
    from smpl_fitting.video import open_footage

    motion, _ = walk
    clip = tmp_path / "clip.mp4"
    with VideoWriter(clip, 30.0, (64, 64)) as writer:
        for index in range(40):
            writer.write(np.full((64, 64, 3), index, np.uint8))
    footage = open_footage(clip)
    times = np.asarray(footage.times)
    part = dataclasses.replace(motion, times=times[10 : 10 + FRAMES]).select(slice(3, 9))
    assert refit._footage_frames(footage, part) == range(13, 19)
    every_second = dataclasses.replace(motion, times=times[: 2 * 12 : 2].repeat(2)).select(slice(0, 24, 2))
    assert refit._footage_frames(footage, every_second) == range(0, 24, 2)
    with pytest.raises(LiquidMotionError, match="not the clip"):
        refit._footage_frames(footage, dataclasses.replace(motion, times=motion.times + 1.0))


def test_bad_parameters(walk, tmp_path):
    motion, _ = walk
    path, out = tmp_path / "fit.npz", tmp_path / "out.npz"
    motion.save(path)
    with pytest.raises(LiquidMotionError, match="rows 0 to 23"):
        refit.run({"motion": path, "out": out, "frames": [5, 24]}, JobContext())
    with pytest.raises(LiquidMotionError, match="rows 0 to 23"):
        foot_lock.run({"motion": path, "out": out, "frames": [3, 1]}, JobContext())
    dataclasses.replace(motion, keypoints=None).save(path)
    with pytest.raises(LiquidMotionError, match="no fit of footage"):
        refit.run({"motion": path, "out": out, "frames": [0, 3]}, JobContext())
    motion.save(path)
    motion.select(slice(0, 5)).save(tmp_path / "start.npz")
    params = {"motion": path, "out": out, "frames": [0, 3], "start": tmp_path / "start.npz"}
    with pytest.raises(LiquidMotionError, match="5 rows, the fit 24"):
        refit.run(params, JobContext())
    assert not out.exists()


def test_ranges(walk):
    motion, _ = walk
    assert chosen_rows({"frames": [2, 5]}, motion) == slice(2, 6)
    assert widened(slice(2, 6), 3, 24) == (slice(0, 9), slice(2, 6))
    assert widened(slice(20, 24), 3, 24) == (slice(17, 24), slice(3, 7))


def test_feet_of_a_range_stand_still(open_body, walk, tmp_path):
    """A standing body that is shaken: locked rows stand still, and there are only those."""
    motion, _ = walk
    rng = np.random.default_rng(1)
    still = np.repeat(motion.select(slice(0, 1)).poses, FRAMES, 0)
    shaken = dataclasses.replace(
        motion,
        poses=still,
        trans=np.repeat(motion.trans[:1], FRAMES, 0) + rng.normal(0, 0.004, (FRAMES, 3)),
        contacts=np.ones((FRAMES, 4), np.float32),
    )
    shaken.save(tmp_path / "shaken.npz")
    out = tmp_path / "locked.npz"
    result = foot_lock.run({"motion": tmp_path / "shaken.npz", "frames": [6, 17], "out": out}, JobContext())
    locked = Motion.load(out)
    assert (result["frames"], locked.frame_count) == (12, 12)
    values = (torch.as_tensor(v).float() for v in (locked.betas, locked.poses, locked.trans))
    soles = open_body.soles(*values).numpy()
    planted = locked.contacts > 0.5
    both = planted[1:] & planted[:-1]
    assert both.any()
    assert np.linalg.norm(np.diff(soles, axis=0), axis=-1)[both].max() < 5e-4


def test_shape_of_the_result(open_body, walk, monkeypatch, tmp_path):
    """The result is of the rig's shape where it has another; the start is of that shape too."""
    motion, found = walk
    betas = motion.betas + np.eye(10, dtype=np.float32)[0]
    moved = with_shape(motion, open_body, betas)
    motion.save(tmp_path / "fit.npz")
    moved.save(tmp_path / "start.npz")
    part = [getattr(found, name)[:14] for name in ("keypoints", "keypoints_world", "confidence", "boxes")]
    seen = dataclasses.replace(
        found,
        **dict(zip(("keypoints", "keypoints_world", "confidence", "boxes"), part, strict=True)),
        frames=np.arange(14),
        crops=np.zeros((14, 4)),
        masks=(b"",) * 14,
    )
    clip = tmp_path / "clip.mp4"
    with VideoWriter(clip, 30.0, (72, 128)) as writer:
        for _ in range(FRAMES):
            writer.write(np.zeros((72, 128, 3), np.uint8))
    monkeypatch.setattr(
        refit, "_detect", lambda *_: seen
    )  # the film is black; the landmarks are the true ones
    params = {"motion": tmp_path / "fit.npz", "frames": [0, 3], "out": tmp_path / "out.npz", "clip": clip}
    refit.run({**params, "start": tmp_path / "start.npz", "shape": betas.tolist()}, JobContext())
    result = Motion.load(tmp_path / "out.npz")
    assert np.allclose(result.betas, betas)
    expected = joints(open_body, moved.select(slice(0, 4)))
    assert np.linalg.norm(joints(open_body, result) - expected, axis=-1).mean() < 0.03
