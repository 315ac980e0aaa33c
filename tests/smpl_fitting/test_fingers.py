"""Fingers, wrists and head from landmarks of bodies whose poses are known."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from smpl_fitting.body import load_body
from smpl_fitting.body.skinning import forward_kinematics
from smpl_fitting.detection.face import HeadDetections
from smpl_fitting.detection.hands import HandDetections
from smpl_fitting.errors import BodyModelError
from smpl_fitting.fingers import finger_misfit, finger_poses, relaxed_fingers, steady, wrist_rotations
from smpl_fitting.geometry import axis_angle_to_matrix
from smpl_fitting.hand_rig import FINGERS, hand_landmarks, hand_rig
from smpl_fitting.hands import add_hands_and_head
from smpl_fitting.motion import Motion
from smpl_fitting.world import LEVEL_CAMERA, view_rotation

SIDES = ("left", "right")
FRAMES = 12


@pytest.fixture(scope="module")
def body():
    return load_body("open_h")


def joint(body, name):
    return body.joint_names.index(name)


def bent_hands(body, frames, seed):
    """(T, 52, 3) random poses of arms and fingers: hinges bend, knuckles bend and spread."""
    rng = np.random.default_rng(seed)
    poses = np.zeros((frames, 52, 3))
    for name in ("shoulder", "elbow", "wrist"):
        for side in SIDES:
            poses[:, joint(body, f"{side}_{name}")] = rng.normal(0, 0.3, (frames, 3))
    for side in SIDES:
        rig = hand_rig(body, side)
        for finger in range(1, 5):
            e, h = rig.bones[finger, 0], rig.axes[finger]
            for t in range(frames):
                bend, spread = rng.uniform(-0.3, 1.2), rng.uniform(-0.3, 0.3)
                knuckle = Rotation.from_rotvec(bend * h) * Rotation.from_rotvec(spread * np.cross(e, h))
                poses[t, rig.joints[finger, 0]] = knuckle.as_rotvec()
            poses[:, rig.joints[finger, 1]] = rng.uniform(0, 1.6, (frames, 1)) * h
            poses[:, rig.joints[finger, 2]] = rng.uniform(0, 1.2, (frames, 1)) * h
        poses[:, rig.joints[0, 0]] = rng.normal(0, 0.2, (frames, 3))
    return poses


def globals_of(body, poses):
    local = axis_angle_to_matrix(torch.from_numpy(poses.reshape(len(poses), -1, 3)))
    return forward_kinematics(local, body.J_template.double(), body.parent_ids)[0].numpy()


def apart(a, b):
    """Degrees between rotations (..., 3, 3)."""
    cosine = (np.einsum("...ij,...ij->...", a, b) - 1) / 2
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


def matrices(vectors):
    return axis_angle_to_matrix(torch.as_tensor(vectors, dtype=torch.float64)).numpy()


@pytest.mark.parametrize("side", SIDES)
def test_known_poses_are_recovered(body, side):
    poses = bent_hands(body, 40, 1)
    points = hand_landmarks(body, side, torch.zeros(10), torch.from_numpy(poses).float())
    wrists = wrist_rotations(points, body, side)
    truth = globals_of(body, poses)[:, joint(body, f"{side}_wrist")]
    assert apart(wrists, truth).max() < 0.1
    found = finger_poses(points, wrists, body, side)
    first = joint(body, f"{side}_index1")
    error = apart(matrices(found), matrices(poses[:, first : first + 15]))
    assert error[:, :12].max() < 0.5  # the four fingers
    assert np.median(error[:, 12:]) < 5  # the thumb's twist cannot be seen


@pytest.mark.parametrize("side", SIDES)
def test_fingers_do_not_fit_a_palm_that_is_read_wrong(body, side):
    poses = bent_hands(body, 30, 6)
    points = hand_landmarks(body, side, torch.zeros(10), torch.from_numpy(poses).float())
    wrists = wrist_rotations(points, body, side)
    assert finger_misfit(points, wrists, finger_poses(points, wrists, body, side), body, side).max() < 0.02
    along = hand_rig(body, side).frame[:, 0]
    rolled = wrists @ Rotation.from_rotvec(1.2 * along).as_matrix()
    wrong = finger_misfit(points, rolled, finger_poses(points, rolled, body, side), body, side)
    assert np.median(wrong) > 0.3


@pytest.mark.parametrize("side", SIDES)
def test_scale_origin_and_other_shapes_matter_little(body, side):
    poses = bent_hands(body, 20, 2)
    betas = torch.randn(10, generator=torch.Generator().manual_seed(3))
    points = hand_landmarks(body, side, betas, torch.from_numpy(poses).float())
    truth = globals_of(body, poses)[:, joint(body, f"{side}_wrist")]
    wrists = wrist_rotations(points * 7 + 3, body, side)
    assert apart(wrists, truth).max() < 8
    first = joint(body, f"{side}_index1")
    error = apart(matrices(finger_poses(points, truth, body, side)), matrices(poses[:, first : first + 15]))
    assert np.median(error[:, :12]) < 3


def test_fingers_never_bend_backwards(body):
    """Landmarks of fingers that are bent the wrong way give joints at their limits."""
    rig = hand_rig(body, "left")
    poses = np.zeros((1, 52, 3))
    for finger in range(1, 5):
        poses[0, rig.joints[finger]] = -1.2 * rig.axes[finger]
    points = hand_landmarks(body, "left", torch.zeros(10), torch.from_numpy(poses).float())
    found = finger_poses(points, np.eye(3)[None], body, "left")[0]
    for finger in range(1, 5):
        chain = found[rig.joints[finger] - joint(body, "left_index1")]
        assert (chain @ rig.axes[finger] > -np.deg2rad([80, 35, 35])).all()
    spread = np.zeros((1, 21, 3))
    assert np.isfinite(finger_poses(spread, np.eye(3)[None], body, "left")).all()


def test_right_hand_is_the_mirror_of_the_left(body):
    mirror = np.array([-1.0, 1, 1])
    left, right = (hand_rig(body, side) for side in SIDES)
    assert np.allclose(left.bones * mirror, right.bones, atol=2e-2)
    assert np.allclose(left.axes * (1, -1, -1), right.axes, atol=2e-2)
    assert np.allclose(relaxed_fingers(body, "left") * (1, -1, -1), relaxed_fingers(body, "right"), atol=2e-2)


def test_relaxed_hand_is_a_little_bent(body):
    poses = np.zeros((1, 52, 3))
    poses[0, 22:37] = relaxed_fingers(body, "left")
    points = hand_landmarks(body, "left", torch.zeros(10), torch.from_numpy(poses).float())[0]
    for finger in range(1, len(FINGERS)):
        chain = points[[0, *range(1 + 4 * finger, 5 + 4 * finger)]]
        bones = np.diff(chain, axis=0)
        bones /= np.linalg.norm(bones, axis=1, keepdims=True)
        bends = np.rad2deg(np.arccos((bones[1:] * bones[:-1]).sum(1)))
        assert 15 < bends[0] < 45 and 25 < bends[1] < 45 and 8 < bends[2] < 25


def test_body_without_fingers_is_refused():
    with pytest.raises(BodyModelError, match="open: has no fingers"):
        hand_rig(load_body("open"), "left")


def test_gaps_are_bridged_and_then_fade():
    values = np.ones((200, 2))
    seen = np.ones(200)
    seen[40:44] = 0
    seen[100:] = 0
    values[seen == 0] = 50.0  # what was not seen must not matter
    result = steady(values, seen, 30.0, np.zeros(2), np.array([0.02]))
    assert np.abs(result[:36] - 1).max() < 0.05 and result[36:48].min() > 0.75
    assert result[100].min() > 0.5 and np.abs(result[140:]).max() < 1e-3
    assert np.abs(np.diff(result, axis=0)).max() < 0.12
    assert np.allclose(
        steady(np.ones((1, 2)), np.ones(1), 30.0, np.zeros(2), np.array([0.02])), 1, atol=0.03
    )  # a photo


def test_nothing_is_smoothed_over_a_cut():
    values = np.concatenate((np.zeros(30), np.ones(30)))[:, None]
    joined = steady(values, np.ones(60), 30.0, np.zeros(1), np.array([1e-6]))
    cut = steady(values, np.ones(60), 30.0, np.zeros(1), np.array([1e-6]), [30])
    assert 0.1 < joined[29, 0] < 0.6
    assert np.allclose(cut[:, 0], values[:, 0], atol=1e-4)


def filmed(body, poses, seed=0):
    """A motion of these poses (T, J, 3) before a camera, with the landmarks the networks would see of it."""
    rng = np.random.default_rng(seed)
    count = len(poses)
    world_poses = poses.copy()
    upright = Rotation.from_matrix(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    world_poses[:, 0] = (upright * Rotation.from_rotvec((0, 0.4, 0))).as_rotvec()
    R = LEVEL_CAMERA.numpy().T.astype(float)
    trans = np.tile([0.4, 3.0, 1.2], (count, 1))
    K = np.tile([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]], (count, 1, 1))
    tensors = [torch.from_numpy(a).float() for a in (world_poses.reshape(count, -1), trans)]
    landmarks = body.landmarks(torch.zeros(10), *tensors).double().numpy() @ R.T
    pixels = np.concatenate(
        (landmarks[..., :2] / landmarks[..., 2:] * 600 + (320, 240), landmarks[..., 2:]), -1
    )
    keypoints = np.concatenate((pixels, np.ones((count, 33, 1))), -1)
    motion = Motion(
        world_poses.reshape(count, -1), trans, np.zeros(10), 30.0, model=body.name, camera_K=K,
        camera_R=np.tile(R, (count, 1, 1)), camera_t=np.zeros((count, 3)), image_size=(480, 640),
        keypoints=keypoints, confidence=np.ones(count),
    )  # fmt: skip

    def crop_axes(landmark):
        at = torch.from_numpy(keypoints[:, landmark, :2]).float()
        turn = view_rotation(at, torch.from_numpy(K).float()).double().numpy()
        return np.swapaxes(turn, 1, 2) @ R

    world = np.stack(
        [
            np.einsum(
                "tij,tnj->tni", crop_axes(15 + i), hand_landmarks(body, side, torch.zeros(10), tensors[0])
            )
            for i, side in enumerate(SIDES)
        ],
        axis=1,
    )
    hands = HandDetections(
        np.zeros_like(world), world + rng.normal(0, 1e-4, world.shape), np.ones((count, 2))
    )
    turns = globals_of(body, world_poses)[:, joint(body, "head")]
    return motion, hands, HeadDetections(crop_axes(0) @ turns, np.ones(count))


def unsure(motion, body, seed):
    """The motion as a fit without fingers would have it: wrists, forearms' twist and head wrong, fingers at rest."""
    rng = np.random.default_rng(seed)
    poses = motion.poses.reshape(len(motion.poses), -1, 3).copy()
    for name in ("left_wrist", "right_wrist", "head"):
        wrong = Rotation.from_rotvec(rng.normal(0, 0.25, 3))
        index = joint(body, name)
        poses[:, index] = (Rotation.from_rotvec(poses[:, index]) * wrong).as_rotvec()
    poses[:, 22:] = 0
    twenty_four = np.zeros((len(poses), 24, 3))
    twenty_four[:, :22] = poses[:, :22]
    return Motion(
        twenty_four.reshape(len(poses), -1), motion.trans, motion.betas, motion.fps, camera_K=motion.camera_K,
        camera_R=motion.camera_R, camera_t=motion.camera_t, image_size=motion.image_size,
        keypoints=motion.keypoints, confidence=motion.confidence,
    )  # fmt: skip


@pytest.fixture(scope="module")
def scene(body):
    poses = np.repeat(bent_hands(body, 1, 4), FRAMES, axis=0)
    poses[:, joint(body, "head")] = (0.2, 0.5, -0.1)
    motion, hands, head = filmed(body, poses)
    return motion, hands, head, unsure(motion, body, 5)


def test_hands_and_head_are_put_right(body, scene):
    truth, hands, head, fitted = scene
    result = add_hands_and_head(fitted, body, hands, head)
    assert result.model == "open_h" and result.poses.shape == (FRAMES, 156)
    wanted, found = (globals_of(body, m.poses.astype(float)) for m in (truth, result))
    before = globals_of(load_body("open"), fitted.poses)
    for name in ("left_wrist", "right_wrist", "head"):
        index = joint(body, name)
        after = apart(wanted[:, index], found[:, index])
        assert after.max() < 0.35 * apart(wanted[:, index], before[:, index]).max(), (
            name
        )  # a sixth is the fit's
    fingers = [
        joint(body, f"{s}_{f}{k}") for s in SIDES for f in ("index", "middle", "ring") for k in (1, 2, 3)
    ]
    own = matrices(truth.poses.reshape(FRAMES, 52, 3)[:, fingers])
    assert np.median(apart(own, matrices(result.poses.reshape(FRAMES, 52, 3)[:, fingers]))) < 3


def test_elbows_and_wrists_stay_in_their_places(body, scene):
    _, hands, head, fitted = scene
    result = add_hands_and_head(fitted, body, hands, head)
    before = load_body("open").joints(torch.zeros(10), torch.from_numpy(fitted.poses).float())
    after = body.joints(torch.zeros(10), torch.from_numpy(result.poses).float())
    kept = [j for j, name in enumerate(body.joint_names[:22]) if name != "head"]
    assert torch.allclose(before[:, kept], after[:, kept], atol=1e-5)
    faces = [
        m.landmarks(torch.zeros(10), torch.from_numpy(p).float())[:, :11].mean(1)
        for m, p in ((load_body("open"), fitted.poses), (body, result.poses))
    ]
    assert (faces[0] - faces[1]).norm(dim=-1).max() < 0.02  # the neck is as long as before


def test_what_was_not_seen_stays_as_fitted(body, scene):
    truth, hands, head, fitted = scene
    blind = HandDetections(hands.keypoints, hands.world * 0, np.zeros((FRAMES, 2), np.float32))
    unseen = HeadDetections(np.tile(np.eye(3), (FRAMES, 1, 1)), np.zeros(FRAMES, np.float32))
    result = add_hands_and_head(fitted, body, blind, unseen).poses.reshape(FRAMES, 52, 3)
    assert np.allclose(
        matrices(result[:, :22]), matrices(fitted.poses.reshape(FRAMES, 24, 3)[:, :22]), atol=1e-5
    )
    assert np.allclose(result[:, 22:37], relaxed_fingers(body, "left"), atol=1e-5)
    assert np.allclose(result[:, 37:], relaxed_fingers(body, "right"), atol=1e-5)


def test_impossible_readings_are_left_out(body, scene):
    """Palms seen from the wrong side, upside down, do not wring the arm."""
    truth, hands, head, fitted = scene
    inside_out = HandDetections(hands.keypoints, hands.world * (-1, 1, -1), hands.confidence)
    result = add_hands_and_head(fitted, body, inside_out, head)
    before = globals_of(load_body("open"), fitted.poses)
    after = globals_of(body, result.poses.astype(float))
    for name in ("left_wrist", "right_wrist"):
        index = joint(body, name)
        assert apart(before[:, index], after[:, index]).max() < 60


def test_a_short_loss_is_bridged(body, scene):
    truth, hands, head, fitted = scene
    confidence = hands.confidence.copy()
    confidence[5:7] = 0
    result = add_hands_and_head(fitted, body, HandDetections(hands.keypoints, hands.world, confidence), head)
    whole = add_hands_and_head(fitted, body, hands, head)
    assert np.abs(result.poses[5:7] - whole.poses[5:7]).max() < 0.35
    assert np.abs(np.diff(result.poses, axis=0)).max() < 0.2


def test_motion_without_a_camera_is_refused(body, scene):
    _, hands, head, fitted = scene
    bare = Motion(fitted.poses, fitted.trans, fitted.betas, 30.0)
    with pytest.raises(ValueError, match="cameras"):
        add_hands_and_head(bare, body, hands, head)
