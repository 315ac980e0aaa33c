"""The fit against bodies whose truth is known, and on real footage."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from smpl_fitting.detection import Detections
from smpl_fitting.errors import FootageError, MotionFileError, NobodyFoundError
from smpl_fitting.fit import fit_clip, fit_detections, fit_stills
from smpl_fitting.geometry import axis_angle_to_matrix
from smpl_fitting.landmarks import BONES, JOINT, LANDMARK
from smpl_fitting.lifting import bone_directions
from smpl_fitting.motion import Motion
from smpl_fitting.observations import Observations
from smpl_fitting.observe import person_heights
from smpl_fitting.quality import landmark_errors, silhouette_iou
from smpl_fitting.solver import solve_motion, solve_shape
from smpl_fitting.world import body_vertices, camera_to_world, default_intrinsics, frame_camera, with_shape


def walking_body(body, frames=40):
    """A body that walks across the view of a camera: betas, rotations (T, 24, 3, 3), trans, camera axes."""
    phase = torch.linspace(0, 4 * torch.pi, frames)
    pose = torch.zeros(frames, 24, 3)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        pose[:, JOINT[f"{side}_shoulder"]] = torch.stack(
            [0 * phase, -0.4 * sign * torch.sin(phase) * sign, 0 * phase - sign * 1.2], -1
        )
        pose[:, JOINT[f"{side}_elbow"], 1] = -sign * (0.5 + 0.2 * torch.sin(phase))
        pose[:, JOINT[f"{side}_hip"], 0] = -0.4 * sign * torch.sin(phase)
        pose[:, JOINT[f"{side}_knee"], 0] = 0.4 + 0.3 * sign * torch.cos(phase)
    rotations = axis_angle_to_matrix(pose)
    facing = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    rotations[:, 0] = facing @ axis_angle_to_matrix(
        torch.stack([0 * phase, 0.6 + 0.1 * phase, 0 * phase], -1)
    )
    trans = torch.stack([0.1 * phase - 0.6, 0 * phase + 0.1, 4 + 0.05 * phase], -1)
    betas = torch.zeros(body.num_betas)
    betas[:3] = torch.tensor([0.6, -0.5, 0.3])
    return betas, rotations, trans


def test_true_landmarks_give_the_body_back(body):
    betas, rotations, trans = walking_body(body)
    K = default_intrinsics((720, 1280)).expand(len(trans), 3, 3)
    points = body.landmarks(betas, rotations, trans)
    pixels = torch.einsum("tij,tnj->tni", K, points)
    pixels = pixels[..., :2] / pixels[..., 2:]
    keypoints = torch.cat([pixels, torch.ones(len(trans), 33, 2)], -1)
    seen = Observations(
        keypoints=pixels,
        weights=torch.ones(len(trans), 33),
        world=points - points.mean(1, keepdim=True),
        directions=bone_directions(points),
        direction_weights=torch.full((len(trans), len(BONES)), 30.0),
        heights=person_heights(keypoints, torch.ones(len(trans), dtype=torch.bool)),
        K=K,
        frame_time=1 / 30,
    )
    found = solve_motion(body, seen, solve_shape(body, seen))
    truth = body.joints(betas, rotations, trans)
    joints = body.joints(found.betas, found.rotations, found.trans)
    aligned = joints - joints[:, :1] + truth[:, :1]
    limbs = [
        JOINT[f"{side}_{part}"] for side in ("left", "right") for part in ("elbow", "wrist", "knee", "ankle")
    ]
    assert (aligned - truth).norm(dim=-1)[:, limbs].mean() < 0.045  # the scale is unknown


def test_the_world_holds_the_same_picture(body):
    """Camera-space bodies placed in the Z-up world project to the same pixels, feet on the ground."""
    betas, rotations, trans = walking_body(body, 9)
    K = default_intrinsics((720, 1280))
    direct = body(betas, rotations, trans).vertices
    poses, placed, R, t, _ = camera_to_world(body, betas, rotations, trans)
    world = body(betas, poses, placed).vertices
    torch.testing.assert_close(world @ R.T + t, direct, atol=2e-5, rtol=0)
    assert world[:, :, 2].amin() == pytest.approx(0, abs=0.08)
    head, feet = (body.landmarks(betas, poses, placed)[:, LANDMARK[n], 2] for n in ("nose", "left_heel"))
    assert (head > feet + 1).all()
    assert K.shape == (3, 3)


def test_another_shape_keeps_the_ground(body):
    betas, rotations, trans = walking_body(body, 9)
    poses, placed, R, t, _ = camera_to_world(body, betas, rotations, trans)
    motion = Motion(poses.numpy(), placed.numpy(), betas.numpy(), fps=30)
    taller = betas.clone()
    taller[0] += 2
    moved = with_shape(motion, body, taller.numpy())
    before, after = (body_vertices(body, m, list(range(9)))[..., 2].amin(-1) for m in (motion, moved))
    assert (before - after).abs().max() < 0.03
    same = with_shape(motion, body, betas.numpy())
    np.testing.assert_allclose(same.trans, motion.trans, atol=1e-6)


def test_motion_files_round_trip_and_amass_tools_see_no_foreign_shape(tmp_path, body):
    betas, rotations, trans = walking_body(body, 4)
    poses, placed, R, t, _ = camera_to_world(body, betas, rotations, trans)
    motion = Motion(poses.numpy(), placed.numpy(), betas.numpy(), fps=29.97, source="walk.mp4")
    motion.save(tmp_path / "m.npz")
    again = Motion.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.poses, motion.poses)
    np.testing.assert_array_equal(again.betas, motion.betas)
    assert (again.fps, again.source, again.model) == (29.97, "walk.mp4", "open")
    with np.load(tmp_path / "m.npz") as archive:
        assert not archive["betas"].any()
        assert archive["mocap_frame_rate"] == archive["mocap_framerate"] == 29.97


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 truncated"])
def test_broken_motion_files_are_one_line_errors(tmp_path, content):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(MotionFileError, match="broken.npz") as caught:
        Motion.load(path)
    assert "\n" not in str(caught.value)


def test_motion_refuses_nan():
    poses = np.zeros((2, 72), np.float32)
    poses[1, 3] = np.nan
    with pytest.raises(MotionFileError, match="poses"):
        Motion(poses, np.zeros((2, 3)), np.zeros(10), fps=30)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["animateanyone_11.png", "econ_pose_1af.png", "mimicmotion_demo1.jpg", "pifuhd_test.png"]
)
def test_stills_are_covered(shared, body, name):
    fit = fit_stills([shared(f"footage/stills/{name}")], body)[0]
    assert landmark_errors(fit.motion, body)[0] <= 0.025
    assert silhouette_iou(fit.motion, body, 0, fit.detections.mask(0)) >= 0.75


@pytest.mark.slow
def test_clip_fit_is_close_and_finite(shared, body):
    fit = fit_clip(shared("footage/clips/mmhuman3d_single.mp4"), body)
    assert fit.motion.frame_count == 40
    assert np.nanmean(landmark_errors(fit.motion, body)) < 0.025
    camera = frame_camera(fit.motion, 0)
    assert camera.image_size == (1920, 1080)


def test_two_stills_share_one_shape(shared, body):
    stills = [shared(f"footage/stills/{name}") for name in ("animateanyone_11.png", "pifuhd_test.png")]
    fits = fit_stills(stills, body)
    np.testing.assert_array_equal(fits[0].motion.betas, fits[1].motion.betas)
    assert fits[0].motion.image_size != fits[1].motion.image_size


def test_nobody_is_an_error_not_an_invention(tmp_path, body):
    from smpl_fitting.video import write_image

    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    write_image(tmp_path / "noise.png", noise)
    with pytest.raises(NobodyFoundError, match="noise.png"):
        fit_stills([tmp_path / "noise.png"], body)


def test_text_is_not_footage(tmp_path, body):
    path = tmp_path / "notes.mp4"
    path.write_text("not a film")
    with pytest.raises(FootageError, match="notes.mp4"):
        fit_clip(path, body)


def test_a_camera_that_looks_down_on_a_walk_is_found_to_look_down(body):
    """Feet on a floor seen from 20 degrees above: the world's ground is that floor, jumps do not lift it."""
    from smpl_fitting.world import ground_plane

    slope = np.tan(np.radians(20))
    y = torch.linspace(0, 2, 60)
    feet = torch.stack([0.3 * torch.sin(3 * y), 4 + y, slope * y + 0.01 * torch.cos(9 * y)], -1)
    feet[20:30, 2] += 0.4  # a jump
    upright = torch.tensor([0.0, -slope])
    height, found = ground_plane(feet, upright)
    assert found[1] == pytest.approx(slope, abs=0.035)  # 2 degrees
    assert abs(found[0]) < 0.03
    still = feet * torch.tensor([0.01, 0.01, 0.01])
    assert ground_plane(still, torch.zeros(2))[1].abs().max() < 0.05
    assert ground_plane(still, upright)[1][1] > 0.2  # who stands in balance stands upright


def seen_walk(body):
    """A walk (betas, rotations, trans) in camera axes and its own landmarks as detections."""
    betas, rotations, trans = walking_body(body, 20)
    size = (720, 1280)
    K = default_intrinsics(size).expand(20, 3, 3)
    points = body.landmarks(betas, rotations, trans)
    pixels = torch.einsum("tij,tnj->tni", K, points)
    keypoints = torch.cat(
        [pixels[..., :2] / pixels[..., 2:], torch.zeros(20, 33, 1), torch.ones(20, 33, 1)], -1
    )
    seen = Detections(
        keypoints=keypoints.numpy(),
        keypoints_world=(points - points[:, 23:25].mean(1, keepdim=True)).numpy(),
        confidence=np.ones(20, np.float32),
        boxes=torch.cat([keypoints[..., :2].amin(1), keypoints[..., :2].amax(1)], -1).numpy(),
        image_size=size,
        frames=np.arange(20),
        crops=np.zeros((20, 4)),
        masks=(b"",) * 20,
    )
    return (betas, rotations, trans), seen


def test_landmarks_that_are_exact_are_met(body, tmp_path):
    """A detector's are moved to where it is known to err; those of markers or a careful hand must not be."""
    _, seen = seen_walk(body)
    exact = replace(seen, exact=True)
    exact.save(tmp_path / "exact.npz")
    assert Detections.load(tmp_path / "exact.npz").exact
    errors = [landmark_errors(fit_detections(one, body, fps=30.0), body).mean() for one in (exact, seen)]
    assert errors[0] < 0.005  # of the height
    assert errors[0] < 0.8 * errors[1]


def test_a_fit_starts_from_another_tools_motion(body):
    """From a guest a few degrees off in every joint and 10 cm in place, the solver comes back to what it saw."""
    (betas, rotations, trans), seen = seen_walk(body)
    keypoints, size = torch.from_numpy(seen.keypoints), seen.image_size
    K = default_intrinsics(size).expand(20, 3, 3)
    poses, placed, R, t, _ = camera_to_world(body, betas, rotations, trans)
    torch.manual_seed(0)
    guest = Motion(
        (poses + 0.1 * torch.randn(1, 72)).numpy(),
        (placed + 0.1).numpy(),
        betas.numpy(),
        fps=30,
        camera_K=K.numpy(),
        camera_R=R.expand(20, 3, 3).numpy(),
        camera_t=t.expand(20, 3).numpy(),
        image_size=size,
    )
    started = fit_detections(seen, body, fps=30.0, start=guest)
    assert (
        landmark_errors(started, body).mean()
        < 0.5
        * landmark_errors(
            replace(guest, keypoints=keypoints.numpy(), confidence=np.ones(20, np.float32)), body
        ).mean()
    )
    alone = fit_detections(seen, body, fps=30.0)
    joints = []
    for motion in (started, alone):  # in the camera's axes: the worlds may lean a little differently
        world = body.joints(*(torch.as_tensor(value) for value in (motion.betas, motion.poses, motion.trans)))
        joints.append(world @ torch.as_tensor(motion.camera_R[0]).T + torch.as_tensor(motion.camera_t[0]))
    assert (joints[0] - joints[1]).norm(dim=-1).mean() < 0.03
