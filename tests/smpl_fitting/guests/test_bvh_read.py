"""BVH recordings: the format, the names, and the movement on the open body."""

import numpy as np
import pytest
from bvh_files import CONVENTIONS, LIMBS, globals_of, movement, names_of, offsets_of, write
from scipy.spatial.transform import Rotation

from smpl_fitting.body import load_body
from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests import read_motion
from smpl_fitting.guests.bvh import read_bvh
from smpl_fitting.guests.bvh_motion import read_bvh_motion
from smpl_fitting.guests.skeleton_names import find_body_joints

UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
BVH = """HIERARCHY
ROOT Hips {
  OFFSET 1 2 3
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Left Arm
  {
    OFFSET 0 10 0
    CHANNELS 3 Yrotation Xrotation Zrotation
    End Site
    { OFFSET 5 0 0 }
  }
}
MOTION
Frames: 2
Frame Time: .0333
1 0 0 90 0 0 0 0 0
0 0 0 10 20 30 40 50 60
"""


def test_forward_kinematics_by_hand(tmp_path):
    (tmp_path / "a.bvh").write_text(BVH)
    recording = read_bvh(tmp_path / "a.bvh")
    assert recording.names == ("Hips", "Left Arm", "Left Arm end")
    assert recording.fps == 30.0
    rotations, joints = recording.forward(slice(None))
    # the position channels replace the root's offset; a quarter turn about Z takes +Y to -X and +X to +Y
    np.testing.assert_allclose(joints[0], [[1, 0, 0], [-9, 0, 0], [-9, 5, 0]], atol=1e-12)
    expected = Rotation.from_euler("ZXY", [10, 20, 30], degrees=True)
    np.testing.assert_allclose(rotations[1, 0], expected.as_matrix(), atol=1e-12)
    arm = expected * Rotation.from_euler("YXZ", [40, 50, 60], degrees=True)
    np.testing.assert_allclose(rotations[1, 1], arm.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(joints[1, 2] - joints[1, 1], arm.apply([5, 0, 0]), atol=1e-12)


def test_position_channels_of_other_joints(tmp_path):
    """Where they are all zero the offset holds (some programs write them idly), else they replace it."""
    text = BVH.replace("CHANNELS 3 Yrotation", "CHANNELS 6 Xposition Yposition Zposition Yrotation")
    idle = text.replace("90 0 0 0 0 0", "90 0 0 0 0 0 0 0 0").replace("30 40", "30 0 0 0 40")
    meant = text.replace("90 0 0 0 0 0", "90 0 0 0 11 0 0 0 0").replace("30 40", "30 0 12 0 40")
    (tmp_path / "idle.bvh").write_text(idle)
    (tmp_path / "meant.bvh").write_text(meant)
    np.testing.assert_allclose(read_bvh(tmp_path / "idle.bvh").forward([0])[1][0, 1], [-9, 0, 0], atol=1e-12)
    np.testing.assert_allclose(
        read_bvh(tmp_path / "meant.bvh").forward([0])[1][0, 1], [-10, 0, 0], atol=1e-12
    )


@pytest.mark.parametrize(
    ("written", "fps"),
    [
        (".0333", 30),
        (".008333", 120),
        ("0.0416667", 24),
        ("0.0417083", 24 / 1.001),
        ("0.0166833", 60 / 1.001),
        ("0.013", 1 / 0.013),
    ],
)
def test_frame_times_are_rounded_rates(tmp_path, written, fps):
    (tmp_path / "a.bvh").write_text(BVH.replace(".0333", written))
    assert read_bvh(tmp_path / "a.bvh").fps == pytest.approx(fps, rel=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("MOTION", "", "no MOTION"),
        ("Frames: 2", "Frames: 3", "promises 3 frames of 9 values and holds 18"),
        ("Frames: 2", "Frames: 0", "no frames"),
        ("Frames: 2", "Frames: 99999999999", "promises"),
        (".0333", "0", "frame time"),
        (".0333", "nan", "frame time"),
        ("0 10 0", "0 10", "three numbers"),
        ("0 10 0", "0 inf 0", "three numbers"),
        ("CHANNELS 3", "CHANNELS 4", "CHANNELS"),
        ("Yrotation Xrotation Zrotation", "Yrotation Yrotation Zrotation", "CHANNELS"),
        ("10 20 30 40", "10 twenty 30 40", "no number"),
        ("10 20 30 40", "10 nan 30 40", "not finite"),
        ("    OFFSET 0 10 0\n", "", "OFFSET"),
        ("JOINT Left", "JOINED Left", "out of place"),
        ("ROOT Hips {", "ROOT Hips", "out of place"),
    ],
)
def test_broken_files_say_what_is_wrong(tmp_path, old, new, says):
    assert old in BVH
    (tmp_path / "a.bvh").write_text(BVH.replace(old, new, 1))
    with pytest.raises(MotionFileError, match=says) as error:
        read_bvh(tmp_path / "a.bvh")
    assert "a.bvh" in str(error.value) and "\n" not in str(error.value)


def test_a_skeleton_without_names_we_know(tmp_path):
    (tmp_path / "a.bvh").write_text(BVH)
    with pytest.raises(MotionFileError, match="neither legs nor arms"):
        read_motion(tmp_path / "a.bvh")


@pytest.fixture(scope="module")
def rest(body):
    return body.J_template.double().numpy()


@pytest.fixture(scope="module")
def moved():
    return movement()


def as_written(moved, rest):
    """The open body's own motion: what reading a file of its very skeleton must give."""
    local, path = moved
    world = local.copy()
    world[:, 0] = UPRIGHT @ local[:, 0]
    poses = Rotation.from_matrix(world.reshape(-1, 3, 3)).as_rotvec().reshape(len(world), -1)
    poses[:, 66:] = 0
    return poses, path @ UPRIGHT.T - rest[0]


def angle_between(poses, truth):
    """(T, J) degrees."""
    first, second = (Rotation.from_rotvec(p.reshape(-1, 3)) for p in (poses, truth))
    return np.rad2deg((first.inv() * second).magnitude()).reshape(len(poses), -1)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_names_of_many_programs(tmp_path, moved, rest, convention):
    names = names_of(convention)
    found = find_body_joints(names, SMPL_PARENTS)
    own = {name: names.index(names_of(convention)[JOINT_NAMES.index(name)]) for name in JOINT_NAMES}
    for name, joint in found.limbs.items():
        assert name.endswith("hand") or joint == own[name]
    assert len(found.limbs) >= 16
    assert (found.pelvis, found.spine, found.neck, found.head) == (0, (3, 6, 9), 12, 15)
    local, path = moved
    write(tmp_path / "a.bvh", names, SMPL_PARENTS, offsets_of(rest), path, local)
    motion = read_motion(tmp_path / "a.bvh")
    poses, trans = as_written(moved, rest)
    assert angle_between(motion.poses, poses).max() < 0.01
    np.testing.assert_allclose(motion.trans, trans, atol=1e-4)
    assert (motion.model, motion.fps) == ("open", 30.0)


def test_arms_that_hang_on_the_neck_do_not_turn_the_chest():
    """3ds Max's Biped."""
    parents = list(SMPL_PARENTS)
    parents[13] = parents[14] = 12
    found = find_body_joints(names_of("biped"), parents)
    assert (found.spine, found.neck, found.head) == ((3, 6, 9), 12, 15)


@pytest.mark.parametrize("unit", [100.0, 39.37, 1000.0])
def test_the_unit_does_not_matter(tmp_path, moved, rest, unit):
    local, path = moved
    write(tmp_path / "a.bvh", names_of("lafan"), SMPL_PARENTS, unit * offsets_of(rest), unit * path, local)
    np.testing.assert_allclose(read_motion(tmp_path / "a.bvh").trans, as_written(moved, rest)[1], atol=1e-4)


def test_z_up_files(tmp_path, moved, rest):
    local, path = moved
    turned = UPRIGHT @ local @ UPRIGHT.T
    write(
        tmp_path / "a.bvh",
        names_of("unreal"),
        SMPL_PARENTS,
        offsets_of(rest) @ UPRIGHT.T,
        path @ UPRIGHT.T,
        turned,
    )
    motion = read_motion(tmp_path / "a.bvh")
    poses, trans = as_written(moved, rest)
    # the skeleton is no longer ours joint for joint, so limbs are aligned: within what feet and hands leave open
    assert np.median(angle_between(motion.poses, poses)[:, :22], axis=0).max() < 15
    assert angle_between(motion.poses, poses)[:, [0, 3, 6, 12, 15]].max() < 1.5
    np.testing.assert_allclose(motion.trans, trans, atol=0.02)


def test_another_rest_pose(tmp_path, moved, rest):
    """A file whose skeleton rests with hanging arms shows the same person: limbs in the world agree."""
    local, path = moved
    turns = np.tile(np.eye(3), (24, 1, 1))
    for side, angle in (("left", -75), ("right", 75)):
        turns[JOINT_NAMES.index(f"{side}_shoulder")] = Rotation.from_euler(
            "z", angle, degrees=True
        ).as_matrix()
    assert_same_person(tmp_path, moved, rest, globals_of(turns[None])[0], limbs=0.5, twist=8)


def test_bones_along_their_own_axes(tmp_path, moved, rest):
    """LAFAN's kind: resting joints mean nothing, each joint has axes of its own; the pose is learnt from the motion."""
    axes = Rotation.random(24, random_state=4).as_matrix()
    assert_same_person(tmp_path, moved, rest, axes, limbs=0.5, twist=20)


def assert_same_person(tmp_path, moved, rest, axes, limbs, twist):
    """Write the movement with joints turned by constants ``axes`` (24, 3, 3) at rest, read it, compare."""
    local, path = moved
    truth = globals_of(local)
    theirs = truth @ axes.swapaxes(-1, -2)  # global rotations, identity at the file's rest
    other = theirs.copy()
    offsets = offsets_of(rest)
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        other[:, joint] = theirs[:, parent].swapaxes(-1, -2) @ theirs[:, joint]
        offsets[joint] = axes[parent] @ offsets[joint]
    write(tmp_path / "a.bvh", names_of("lafan"), SMPL_PARENTS, offsets, path, other)
    motion = read_motion(tmp_path / "a.bvh")
    read = globals_of(Rotation.from_rotvec(motion.poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3))
    true = UPRIGHT @ truth
    for side in ("left", "right"):
        for start, end in LIMBS:
            a, b = JOINT_NAMES.index(f"{side}_{start}"), JOINT_NAMES.index(f"{side}_{end}")
            ways = [turned[:, a] @ (rest[b] - rest[a]) for turned in (read, true)]
            cosine = (ways[0] * ways[1]).sum(1) / np.linalg.norm(rest[b] - rest[a]) ** 2
            assert np.rad2deg(np.arccos(np.clip(cosine, -1, 1))).max() < limbs, (side, start)
    error = np.rad2deg(
        Rotation.from_matrix((read.swapaxes(-1, -2) @ true)[:, :22].reshape(-1, 3, 3)).magnitude()
    )
    assert np.median(error.reshape(len(read), 22), axis=0).max() < twist


def test_on_a_body_with_fingers(shared):
    """The same movement, whichever of the open bodies does it; only the hands' rest differs."""
    first = read_motion(shared("mocap/cmu_12_01_walk.bvh"))
    second = read_motion(shared("mocap/cmu_12_01_walk.bvh"), body=load_body("open_h"))
    assert (second.model, second.poses.shape[1]) == ("open_h", 156)
    assert angle_between(second.poses[:, :60], first.poses[:, :60]).max() < 0.1
    assert angle_between(second.poses[:, 60:66], first.poses[:, 60:66]).max() < 15


def test_missing_joints_are_tolerated(tmp_path, moved, rest):
    """No collars, no neck, no toes, one vertebra: what is there is followed, what is not keeps to its parent."""
    local, path = moved
    truth, names = globals_of(local), names_of("mixamo")
    kept = [
        j
        for j, n in enumerate(JOINT_NAMES)
        if not n.endswith(("collar", "neck", "foot", "hand", "spine1", "spine2"))
    ]
    parents, offsets, own = [], [], np.empty((len(local), len(kept), 3, 3))
    for place, joint in enumerate(kept):
        parent = SMPL_PARENTS[joint]
        while parent >= 0 and parent not in kept:
            parent = SMPL_PARENTS[parent]
        parents.append(kept.index(parent) if parent >= 0 else -1)
        offsets.append(rest[joint] - rest[parent] if parent >= 0 else rest[joint])
        own[:, place] = (
            truth[:, parent].swapaxes(-1, -2) @ truth[:, joint] if parent >= 0 else truth[:, joint]
        )
    write(tmp_path / "a.bvh", [names[j] for j in kept], parents, np.array(offsets), path, own)
    motion = read_motion(tmp_path / "a.bvh")
    poses, _ = as_written(moved, rest)
    angles = angle_between(motion.poses, poses)
    assert angles[:, [0, 1, 2, 4, 5]].max() < 1.0
    assert not motion.poses[:, 36:45].any()  # neck and collars keep to the chest


@pytest.mark.parametrize("name", ["cmu_12_01_walk", "jesse_dance", "jumping_jacks"])
def test_real_recordings(shared, rest, name):
    """Every limb of the body points where the recording's points; hips face its way; the path is scaled."""
    recording = read_bvh(shared(f"mocap/{name}.bvh"))
    motion = read_bvh_motion(shared(f"mocap/{name}.bvh"))
    joints = find_body_joints(recording.names, recording.parents)
    _, points = recording.forward(slice(None))
    points = points @ UPRIGHT.T
    turned = globals_of(Rotation.from_rotvec(motion.poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3))
    for side in ("left", "right"):
        for start, end in LIMBS:
            theirs = points[:, joints.limbs[f"{side}_{end}"]] - points[:, joints.limbs[f"{side}_{start}"]]
            a, b = JOINT_NAMES.index(f"{side}_{start}"), JOINT_NAMES.index(f"{side}_{end}")
            ours = turned[:, a] @ (rest[b] - rest[a])
            cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
            assert np.rad2deg(np.arccos(np.clip(cosine, -1, 1))).max() < 0.1, (side, start)
    hips = points[:, joints.limbs["left_hip"]] - points[:, joints.limbs["right_hip"]]
    facing = turned[:, 0, :, 0] * hips / np.linalg.norm(hips, axis=1, keepdims=True)
    assert facing.sum(1).min() > np.cos(np.deg2rad(5))
    way = np.linalg.norm(np.diff(points[:, joints.pelvis], axis=0), axis=1).sum()
    ours = np.linalg.norm(np.diff(motion.trans, axis=0), axis=1).sum()
    leg = sum(
        np.linalg.norm(recording.rest[joints.limbs[f"left_{b}"]] - recording.rest[joints.limbs[f"left_{a}"]])
        for a, b in LIMBS[:2]
    )
    own = np.linalg.norm(rest[4] - rest[1]) + np.linalg.norm(rest[7] - rest[4])
    assert ours == pytest.approx(way * own / leg, rel=0.05)
