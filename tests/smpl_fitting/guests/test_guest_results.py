"""GVHMR, WHAM, 4D-Humans and SAM 3D Body: files in their layouts against the movement they were made from."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from tool_files import (
    FOCAL,
    FRAMES,
    SIZE,
    camera_joints,
    gvhmr_content,
    joblib_bytes,
    phalp_content,
    sam3d_content,
    wham_content,
    world_joints,
)

from smpl_fitting.body import load_body
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests import read_motion
from smpl_fitting.guests.sam3d_body import landmarks_of_mhr70
from smpl_fitting.guests.wham import _hips_below_pelvis
from smpl_fitting.landmarks import LANDMARK

RECORDED = Path(__file__).parents[2] / "data"
MM = 1e-3


def assert_same_but_for_the_ground(joints, truth):
    """One height apart for all joints and frames, which puts the feet on the ground."""
    np.testing.assert_allclose(
        joints - truth, np.broadcast_to([0, 0, (joints - truth)[0, 0, 2]], truth.shape), atol=0.01 * MM
    )
    assert abs(joints[:, [10, 11], 2].min()) < 0.3


def test_gvhmr(walk_smplx, tmp_path):
    torch.save(gvhmr_content(walk_smplx), tmp_path / "hmr4d_results.pt")
    motion = read_motion(tmp_path / "hmr4d_results.pt", body=walk_smplx.body)
    assert (motion.model, motion.fps, motion.image_size) == ("smplx", 30.0, SIZE)
    assert motion.poses.shape == (FRAMES, 165)
    assert_same_but_for_the_ground(world_joints(motion, walk_smplx.body), walk_smplx.joints_world())
    np.testing.assert_allclose(
        camera_joints(motion, walk_smplx.body), walk_smplx.joints_cam(), atol=0.02 * MM
    )
    np.testing.assert_allclose(motion.camera_K, walk_smplx.K, rtol=1e-6)
    np.testing.assert_allclose(motion.poses[:, 3:66], walk_smplx.axis_angle()[:, 3:66], atol=1e-6)


def test_without_the_model_the_person_is_moved_by_centimetres_at_most(walk_smplx, tmp_path):
    """The mean pelvis stands in for the unknown one, in world and camera alike; nothing is turned."""
    torch.save(gvhmr_content(walk_smplx), tmp_path / "x.pt")
    exact = read_motion(tmp_path / "x.pt", body=walk_smplx.body)
    about = read_motion(tmp_path / "x.pt")
    np.testing.assert_array_equal(about.poses, exact.poses)
    np.testing.assert_allclose(about.camera_R, exact.camera_R, atol=1e-6)
    way = np.diff(about.trans, axis=0) - np.diff(exact.trans, axis=0)
    assert np.abs(way).max() < 1e-6  # the same path, wherever it begins


@pytest.mark.parametrize("compress", [0, 3])
def test_wham(walk_smpl, tmp_path, compress):
    hips = _hips_below_pelvis(walk_smpl.betas, walk_smpl.body)
    (tmp_path / "wham_output.pkl").write_bytes(joblib_bytes(wham_content(walk_smpl, hips), compress))
    motion = read_motion(tmp_path / "wham_output.pkl", body=walk_smpl.body, fps=25)
    assert (motion.model, motion.fps, motion.track_id) == ("smpl", 25.0, 0)
    assert_same_but_for_the_ground(world_joints(motion, walk_smpl.body), walk_smpl.joints_world())
    np.testing.assert_allclose(camera_joints(motion, walk_smpl.body), walk_smpl.joints_cam(), atol=0.02 * MM)
    assert motion.camera_K is None  # WHAM's file knows no focal length
    assert read_motion(tmp_path / "wham_output.pkl", person=3).frame_count == 4


def test_wham_gaps_are_filled_and_marked(walk_smpl, tmp_path):
    frames = np.concatenate([np.arange(5, 11), np.arange(14, 20)])
    hips = _hips_below_pelvis(walk_smpl.betas, walk_smpl.body)
    (tmp_path / "w.pkl").write_bytes(joblib_bytes(wham_content(walk_smpl, hips, frames)))
    motion = read_motion(tmp_path / "w.pkl", body=walk_smpl.body)
    assert motion.frame_count == 15
    np.testing.assert_array_equal(motion.confidence, [1] * 6 + [0] * 3 + [1] * 6)
    np.testing.assert_allclose(motion.times, np.arange(5, 20) / 30)
    known = motion.select(motion.confidence > 0)
    assert_same_but_for_the_ground(world_joints(known, walk_smpl.body), walk_smpl.joints_world())
    between = world_joints(motion, walk_smpl.body)[6:9, 0]
    ends = world_joints(motion, walk_smpl.body)[[5, 9], 0]
    np.testing.assert_allclose(
        between, ends[0] + (ends[1] - ends[0]) * np.array([[0.25], [0.5], [0.75]]), atol=MM
    )


def _stands(motion, walk):
    """Up is up to what a camera taken to be level and still can know, and the ground is under the feet."""
    up, true = motion.camera_R[:, :, 2], walk.R[:, :, 1]
    assert np.degrees(np.arccos((up * true).sum(1))).max() < 15
    feet = world_joints(motion, walk.body)[:, [7, 8], 2]
    assert -0.05 < feet.min() < 0.25


def test_4d_humans(walk_smpl, tmp_path):
    """In the picture the person is where they were; in the world they stand upright on the ground."""
    (tmp_path / "demo_clip.pkl").write_bytes(joblib_bytes(phalp_content(walk_smpl), 3))
    motion = read_motion(tmp_path / "demo_clip.pkl", body=walk_smpl.body)
    assert (motion.model, motion.track_id, motion.image_size) == ("smpl", 2, SIZE)
    seen = camera_joints(motion, walk_smpl.body)
    true = walk_smpl.joints_cam()
    np.testing.assert_allclose(seen - seen[:, :1], true - true[:, :1], atol=0.02 * MM)
    pixels = seen[:, 0] @ motion.camera_K[0].T
    truth = true[:, 0] * np.array([1, 1, motion.camera_K[0, 0, 0] / FOCAL])  # the same pixel, farther away
    np.testing.assert_allclose(
        pixels[:, :2] / pixels[:, 2:], (truth @ motion.camera_K[0].T)[:, :2] / truth[:, 2:], atol=0.1
    )
    _stands(motion, walk_smpl)


def test_4d_humans_predicted_frames_have_no_confidence(walk_smpl, tmp_path):
    (tmp_path / "demo_clip.pkl").write_bytes(joblib_bytes(phalp_content(walk_smpl, missing=(3, 4))))
    other = read_motion(tmp_path / "demo_clip.pkl", person=7)
    np.testing.assert_array_equal(other.confidence, [1, 0, 0, 1, 0, 0, 1, 0, 0, 1])
    main = read_motion(tmp_path / "demo_clip.pkl")
    assert main.track_id == 2
    np.testing.assert_array_equal(np.flatnonzero(main.confidence == 0), [3, 4])
    with pytest.raises(MotionFileError, match="no person 9; choose among"):
        read_motion(tmp_path / "demo_clip.pkl", person=9)


def test_sam3d_body(walk_smpl, tmp_path):
    """The open body's landmarks under MHR's names come back as the pose, to what closed form can know."""
    (tmp_path / "out.pkl").write_bytes(pickle.dumps(sam3d_content(walk_smpl)))
    motion = read_motion(tmp_path / "out.pkl", fps=24)
    assert (motion.model, motion.fps, motion.image_size) == ("open", 24.0, SIZE)
    np.testing.assert_allclose(motion.camera_K[:, 0, 0], FOCAL)
    seen, true = camera_joints(motion, load_body("open")), walk_smpl.joints_cam()
    limbs = [1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21]
    error = np.linalg.norm(seen - true, axis=-1)[:, limbs]
    assert error.mean() < 0.03 and error.max() < 0.12
    legs = [np.linalg.norm(np.diff(j[0, [1, 4, 7]], axis=0), axis=1).sum() for j in (seen, true)]
    assert abs(legs[0] - legs[1]) < 0.015
    _stands(motion, walk_smpl)


def test_sam3d_follows_the_person_not_the_row(walk_smpl, tmp_path):
    (tmp_path / "one.pkl").write_bytes(pickle.dumps(sam3d_content(walk_smpl)))
    (tmp_path / "two.pkl").write_bytes(pickle.dumps(sam3d_content(walk_smpl, people=2)))
    one, two = read_motion(tmp_path / "one.pkl"), read_motion(tmp_path / "two.pkl")
    np.testing.assert_array_equal(one.poses, two.poses)
    other = read_motion(tmp_path / "two.pkl", person=1)
    assert (
        np.linalg.norm(
            camera_joints(other, load_body("open"))[:, 0] - walk_smpl.joints_cam()[:, 0], axis=1
        ).min()
        > 3
    )


def test_sam3d_as_npz_and_by_frame_name(walk_smpl, tmp_path):
    frames = sam3d_content(walk_smpl)
    names = ("pred_keypoints_3d", "pred_keypoints_2d", "pred_cam_t", "focal_length")
    np.savez(tmp_path / "out.npz", **{name: np.stack([frame[0][name] for frame in frames]) for name in names})
    (tmp_path / "named.pkl").write_bytes(pickle.dumps({f"{i}.jpg": frame for i, frame in enumerate(frames)}))
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([frame[0] for frame in frames]))
    motions = [read_motion(tmp_path / name) for name in ("out.npz", "named.pkl", "list.pkl")]
    for motion in motions[1:]:
        np.testing.assert_array_equal(motion.poses, motions[0].poses)


def test_missing_landmarks_are_placed_in_the_head():
    body = load_body("open")
    rest = body.landmarks(torch.zeros(body.num_betas), torch.zeros(1, 72))[0].double().numpy()
    points = np.zeros((1, 70, 3))
    points[0, :5] = (
        2.0 * rest[[LANDMARK[n] for n in ("nose", "left_eye", "right_eye", "left_ear", "right_ear")]]
    )
    placed = landmarks_of_mhr70(points, rest)[0]
    for name in ("mouth_left", "mouth_right", "left_eye_outer"):
        np.testing.assert_allclose(placed[LANDMARK[name]], 2.0 * rest[LANDMARK[name]], atol=1e-9)


@pytest.mark.parametrize("name", ["joblib_wham.pkl", "joblib_wham_zlib.pkl"])
def test_recorded_joblib_files(walk_smpl, name, tmp_path):
    """Files that joblib 1.6 itself wrote (see tests/data/README.txt) are what our own writer makes."""
    recorded = read_motion(RECORDED / name)
    hips = _hips_below_pelvis(walk_smpl.betas, None)
    (tmp_path / "w.pkl").write_bytes(joblib_bytes(wham_content(walk_smpl, hips)))
    np.testing.assert_allclose(recorded.poses, read_motion(tmp_path / "w.pkl").poses, atol=1e-6)
