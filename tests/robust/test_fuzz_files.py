"""Broken motion and detection files: each gives an error of one line, or a motion that can be used."""

import resource
import time

import numpy as np
import pytest
import torch
from mutations import HEADERS, bomb, npy_with_header, odd_npz, with_member

from smpl_fitting.detection import Detections
from smpl_fitting.errors import FootageError, MotionFileError
from smpl_fitting.motion import Motion

FRAMES = 5


@pytest.fixture(scope="module")
def motion_arrays(tmp_path_factory):
    rng = np.random.default_rng(0)
    motion = Motion(
        poses=rng.normal(0, 0.3, (FRAMES, 72)),
        trans=rng.normal(0, 0.3, (FRAMES, 3)),
        betas=rng.normal(0, 1, 10),
        fps=30.0,
        camera_K=np.tile(np.diag([500.0, 500.0, 1.0]), (FRAMES, 1, 1)),
        camera_R=np.tile(np.eye(3), (FRAMES, 1, 1)),
        camera_t=np.zeros((FRAMES, 3)),
        image_size=(480, 640),
        keypoints=rng.random((FRAMES, 33, 4)),
        keypoints_world=rng.random((FRAMES, 33, 3)),
        confidence=np.ones(FRAMES),
        contacts=np.zeros((FRAMES, 4)),
        times=np.arange(FRAMES) / 30,
        source="clip.mp4",
    )
    path = tmp_path_factory.mktemp("motion") / "good.npz"
    motion.save(path)
    with np.load(path) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def detection_arrays(tmp_path_factory):
    rng = np.random.default_rng(1)
    import zlib

    found = Detections(
        keypoints=rng.random((FRAMES, 33, 4)).astype(np.float32),
        keypoints_world=rng.random((FRAMES, 33, 3)).astype(np.float32),
        confidence=np.ones(FRAMES, np.float32),
        boxes=np.tile(np.float32([2, 2, 40, 40]), (FRAMES, 1)),
        image_size=(48, 64),
        frames=np.arange(FRAMES),
        crops=np.tile([30.0, 20.0, 40.0, 0.1], (FRAMES, 1)),
        masks=tuple(zlib.compress(bytes(range(256)) * 256) for _ in range(FRAMES)),
    )
    path = tmp_path_factory.mktemp("detections") / "good.npz"
    found.save(path)
    with np.load(path) as archive:
        return dict(archive)


def _load_motion(path, body) -> str:
    """What became of a file; anything but a motion that the body can play, or the right error, is raised."""
    try:
        motion = Motion.load(path)
    except MotionFileError as error:
        assert str(path) in str(error)
        return "refused"
    assert np.isfinite(motion.poses).all() and motion.fps > 0
    assert motion.poses.ndim == 2 and motion.trans.shape == (motion.frame_count, 3)
    if motion.model == "open" and len(motion.betas) == body.num_betas:
        tensors = (
            torch.as_tensor(np.asarray(value, np.float32))
            for value in (motion.betas, motion.poses, motion.trans)
        )
        body.joints(*tensors)
    return "read"


def _load_detections(path) -> str:
    try:
        found = Detections.load(path)
    except FootageError as error:
        assert str(path) in str(error)
        return "refused"
    try:
        for index in range(min(len(found.frames), 2)):
            if found.masks is not None and max(found.image_size) < 5000:
                assert found.mask(index).shape == found.image_size
    except FootageError:
        return "a mask was refused"
    return "read"


def _fuzz(load, arrays, folder, seeds) -> dict[str, int]:
    proof, outcomes = folder / "PROOF", {}
    for seed in seeds:
        path = folder / "fuzzed.npz"
        path.write_bytes(odd_npz(arrays, np.random.default_rng(seed)))
        started = time.monotonic()
        try:
            outcome = load(path)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        assert time.monotonic() - started < 5, f"seed {seed} hangs"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert not proof.exists()
    return outcomes


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_motion_files(motion_arrays, body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes = _fuzz(lambda path: _load_motion(path, body), motion_arrays, tmp_path, range(400))
    assert outcomes["refused"] > 200 and outcomes["read"] > 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_thousands_of_motion_files(motion_arrays, body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _fuzz(lambda path: _load_motion(path, body), motion_arrays, tmp_path, range(1000, 4000))


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_detection_files(detection_arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcomes = _fuzz(_load_detections, detection_arrays, tmp_path, range(300))
    assert outcomes["refused"] > 150 and outcomes["read"] > 10


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_thousands_of_detection_files(detection_arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _fuzz(_load_detections, detection_arrays, tmp_path, range(1000, 3000))


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_no_header_is_run_or_believed(header, motion_arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "motion.npz"
    path.write_bytes(with_member(motion_arrays, "poses", npy_with_header(header)))
    with pytest.raises(MotionFileError):
        Motion.load(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["motion.npz"]


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    path.write_bytes(bomb("poses", 2**33, 2**25))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MotionFileError, match="bytes"):
        Motion.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**14  # KB
