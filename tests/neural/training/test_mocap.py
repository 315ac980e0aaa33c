"""Acclaim files and their retargeting, against hand-made skeletons and the recorded limbs themselves."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neural.training.mocap import (
    Y_UP_TO_Z_UP,
    MocapError,
    bone_of_joint,
    load_amc,
    load_asf,
    retarget,
    sole_normal,
)
from smpl_fitting.body import load_body
from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS

ASF = """:version 1.10
:units
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
:bonedata
  begin
     id 1
     name upper
     direction 0 1 0
     length 9.0
     axis 0 0 90  XYZ
     dof rx
     limits (-10 10)
  end
  begin
     id 2
     name lower
     direction 0 1 0
     length 4.5
     axis 0 0 0  XYZ
     dof rz
     limits (-10 10)
  end
:hierarchy
  begin
    upper lower
    root upper
  end
"""
AMC = ":FULLY-SPECIFIED\n:DEGREES\n1\nroot 1 2 3 0 0 0\nupper 90\nlower 90\n2\nroot 0 0 0 0 90 0\nupper 0\nlower 0\n"


@pytest.fixture
def acclaim(tmp_path):
    (tmp_path / "a.asf").write_text(ASF)
    (tmp_path / "a.amc").write_text(AMC)
    return tmp_path


@pytest.fixture(scope="module")
def rest_joints():
    return load_body("open").J_template.numpy().astype(float)


def test_forward_kinematics_by_hand(acclaim):
    skeleton = load_asf(acclaim / "a.asf")
    recording = load_amc(acclaim / "a.amc", skeleton)
    metres = 0.0254 / 0.45
    assert skeleton.names == ("root", "upper", "lower")
    np.testing.assert_allclose(recording.tails[0, 0], np.array([1, 2, 3]) * metres)
    # The upper bone's own frame is turned by 90 degrees about Z, so its rx turns about the world's Y, which
    # leaves an upright bone upright; the lower bone's rz then acts in the frame turned about Y.
    np.testing.assert_allclose(recording.tails[0, 1] - recording.tails[0, 0], [0, 0.508, 0], atol=1e-9)
    turn = Rotation.from_euler("y", 90, degrees=True).as_matrix()
    np.testing.assert_allclose(
        recording.tails[0, 2] - recording.tails[0, 1], turn @ [-0.254, 0, 0], atol=1e-9
    )
    np.testing.assert_allclose(recording.rotations[1, 2], turn, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.amc", AMC.replace("upper 90\n", "upper 90 3\n"), "expected 1"),
        ("a.amc", AMC.replace("lower 90\n", ""), "cut off"),
        ("a.amc", AMC.replace("lower", "tail"), "tail"),
        ("a.asf", ASF.replace("root upper", "root nobody"), "upper"),
        ("a.asf", ASF.replace("length 9.0", "length long"), "long"),
    ],
)
def test_broken_files_name_the_file(acclaim, name, text, says):
    (acclaim / name).write_text(text)
    with pytest.raises(MocapError, match=says) as error:
        load_amc(acclaim / "a.amc", load_asf(acclaim / "a.asf"))
    assert name in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(MocapError, match=r"none\.asf"):
        load_asf(tmp_path / "none.asf")


def cmu(shared, trial: str):
    skeleton = load_asf(shared(f"mocap/cmu/{trial[:2]}.asf"))
    return load_amc(shared(f"mocap/cmu/{trial}.amc"), skeleton)


def test_bones_keep_their_lengths(shared):
    recording = cmu(shared, "02_03")
    parents = np.array(recording.skeleton.parents[1:])
    lengths = np.linalg.norm(recording.tails[:, 1:] - recording.tails[:, parents], axis=-1)
    np.testing.assert_allclose(lengths, np.tile(recording.skeleton.lengths[1:], (len(lengths), 1)), rtol=1e-5)
    head, toes = recording.skeleton.names.index("head"), recording.skeleton.names.index("ltoes")
    assert 1.4 < (recording.tails[0, head] - recording.tails[0, toes])[1] < 1.9  # a grown person, in metres


def world_joints(poses, trans, rest):
    """(T, 24, 3) by the plain recursion, Z-up world."""
    local = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(len(poses), 24, 3, 3)
    turned, at = local.copy(), np.tile(rest[0] + trans[:, None], (1, 24, 1))
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        turned[:, joint] = turned[:, parent] @ local[:, joint]
        at[:, joint] = at[:, parent] + turned[:, parent] @ (rest[joint] - rest[parent])
    return at


def test_limbs_point_where_the_recording_points(shared, rest_joints):
    recording = cmu(shared, "02_04")
    poses, trans = retarget(recording, rest_joints, 120.0)
    joints = world_joints(poses, trans, rest_joints)
    names = recording.skeleton.names
    limbs = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    for side in ("left", "right"):
        for start, end in limbs:
            bone = names.index(bone_of_joint(f"{side}_{start}"))
            theirs = recording.rotations[:, bone] @ recording.skeleton.directions[bone] @ Y_UP_TO_Z_UP.T
            first, second = JOINT_NAMES.index(f"{side}_{start}"), JOINT_NAMES.index(f"{side}_{end}")
            ours = joints[:, second] - joints[:, first]
            ours /= np.linalg.norm(ours, axis=1, keepdims=True)
            angle = np.degrees(np.arccos(np.clip((ours * theirs).sum(1), -1, 1)))
            assert angle.max() < 1.0, (side, start)


def test_retarget_changes_the_rate_not_the_path(shared, rest_joints):
    recording = cmu(shared, "02_04")
    fast, fast_trans = retarget(recording, rest_joints, 120.0)
    slow, slow_trans = retarget(recording, rest_joints, 30.0)
    assert len(slow) == -(-len(fast) // 4)
    np.testing.assert_allclose(slow, fast[::4], atol=1e-6)
    np.testing.assert_allclose(slow_trans, fast_trans[::4], atol=1e-9)


def test_standing_feet_are_flat(shared, rest_joints):
    recording = cmu(shared, "02_10")
    poses, _ = retarget(recording, rest_joints, 120.0)
    local = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(len(poses), 24, 3, 3)
    for side in ("left", "right"):
        turned = local[:, 0]
        for joint in ("hip", "knee", "ankle"):
            turned = turned @ local[:, JOINT_NAMES.index(f"{side}_{joint}")]
        up = turned[:, 2, 1]  # the world's vertical part of the foot's own vertical
        assert np.degrees(np.arccos(np.median(up))) < 5.0


def test_without_standing_the_foot_is_square_to_the_shin(shared):
    recording = cmu(shared, "02_03")  # a run
    shin = recording.skeleton.names.index("ltibia")
    np.testing.assert_allclose(sole_normal(recording, "left"), -recording.skeleton.directions[shin])
