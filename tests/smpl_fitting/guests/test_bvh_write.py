"""BVH as we write it: read by ourselves, and by Blender."""

import dataclasses
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch
from bvh_files import movement
from scipy.spatial.transform import Rotation

from smpl_fitting.body import load_body
from smpl_fitting.errors import LiquidMotionError, MotionFileError
from smpl_fitting.guests import read_motion, write_bvh
from smpl_fitting.guests.bvh import read_bvh
from smpl_fitting.guests.euler import continuous_euler
from smpl_fitting.motion import Motion

UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
MM = 1e-3


@pytest.fixture(scope="module")
def motion(body):
    local, path = movement(frames=40, seed=5)
    local[:, 0] = UPRIGHT @ local[:, 0]
    local[:, 22:] = np.eye(3)
    rng = np.random.default_rng(1)
    return Motion(
        poses=Rotation.from_matrix(local.reshape(-1, 3, 3))
        .as_rotvec()
        .reshape(len(local), -1)
        .astype(np.float32),
        trans=(path @ UPRIGHT.T - body.J_template[0].numpy()).astype(np.float32),
        betas=rng.normal(0, 1, body.num_betas).astype(np.float32),
        fps=25.0,
    )


def own_joints(motion, body):
    tensors = (torch.as_tensor(value) for value in (motion.betas, motion.poses, motion.trans))
    return body.joints(*tensors).double().numpy()


def test_comes_back_exactly(motion, body, tmp_path):
    write_bvh(motion, tmp_path / "a.bvh")
    again = read_motion(tmp_path / "a.bvh")
    first, second = (Rotation.from_rotvec(m.poses.reshape(-1, 3)) for m in (motion, again))
    assert np.rad2deg((first.inv() * second).magnitude()).max() < 0.01
    np.testing.assert_allclose(own_joints(again, body), own_joints(motion, body), atol=0.1 * MM)
    np.testing.assert_allclose(again.betas, motion.betas, atol=1e-3)
    assert (again.fps, again.model) == (25.0, "open")


def test_the_file_is_y_up_in_centimetres(motion, body, tmp_path):
    write_bvh(motion, tmp_path / "a.bvh")
    recording = read_bvh(tmp_path / "a.bvh")
    _, points = recording.forward(slice(None))
    at = [recording.names.index(name) for name in body.joint_names]
    np.testing.assert_allclose(points[:, at] @ UPRIGHT.T / 100, own_joints(motion, body), atol=0.01 * MM)
    assert recording.channels[0][:3] == ("Xposition", "Yposition", "Zposition")
    assert all(
        channels[-3:] == ("Zrotation", "Xrotation", "Yrotation")
        for channels in recording.channels
        if channels
    )


def test_fingers_go_along(tmp_path):
    body = load_body("open_h")
    rng = np.random.default_rng(0)
    poses = rng.normal(0, 0.2, (3, 3 * body.num_joints)).astype(np.float32)
    motion = Motion(
        poses, np.zeros((3, 3), np.float32), np.zeros(body.num_betas, np.float32), 30.0, model="open_h"
    )
    write_bvh(motion, tmp_path / "a.bvh")
    recording = read_bvh(tmp_path / "a.bvh")
    _, points = recording.forward(slice(None))
    at = [recording.names.index(name) for name in body.joint_names]
    np.testing.assert_allclose(points[:, at] @ UPRIGHT.T / 100, own_joints(motion, body), atol=0.01 * MM)
    again = read_motion(tmp_path / "a.bvh")  # on the open body of 24 joints
    np.testing.assert_allclose(again.poses[:, :66], poses[:, :66], atol=1e-3)


def test_a_licensed_motion_needs_no_model(motion, tmp_path):
    smplx = dataclasses.replace(
        motion, model="smplx", poses=np.pad(motion.poses[:, :66], ((0, 0), (0, 99))), betas=np.zeros(10)
    )
    write_bvh(smplx, tmp_path / "a.bvh")
    again = read_motion(tmp_path / "a.bvh")
    np.testing.assert_allclose(again.poses[:, :66], motion.poses[:, :66], atol=1e-4)
    with pytest.raises(MotionFileError, match="model smplx, the body given is open"):
        write_bvh(smplx, tmp_path / "a.bvh", load_body("open"))


def test_nothing_is_left_where_it_cannot_be_written(motion, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LiquidMotionError, match="cannot be written"):
        write_bvh(motion, tmp_path / "file" / "a.bvh")


@pytest.mark.parametrize("order", ["ZXY", "ZYX", "XYZ", "YXZ", "XZY", "YZX"])
def test_euler_angles_make_the_rotations(order):
    rotations = Rotation.random(300, random_state=2).as_matrix().reshape(50, 6, 3, 3)
    for frame, middle in ((0, 90), (7, -90), (8, 90)):  # locked
        rotations[frame, 2] = Rotation.from_euler(order, [25, middle, 40], degrees=True).as_matrix()
    angles = continuous_euler(rotations, order)
    again = Rotation.from_euler(order, angles.reshape(-1, 3)).as_matrix().reshape(rotations.shape)
    np.testing.assert_allclose(again, rotations, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_euler_angles_do_not_jump(axis):
    """Three whole turns about one axis, through the lock and beyond pi: every step is the small one it was."""
    turns = np.linspace(0, 6 * np.pi, 400)
    rotations = Rotation.from_rotvec(np.outer(turns, np.eye(3)[axis])).as_matrix()[:, None]
    angles = continuous_euler(rotations, "ZXY")[:, 0]
    assert np.abs(np.diff(angles, axis=0)).max() < 1.01 * turns[1]
    np.testing.assert_allclose(np.abs(angles[-1]).sum(), 6 * np.pi, rtol=1e-6)


SCRIPT = """
import sys, numpy as np, bpy, addon_utils
addon_utils.enable("io_anim_bvh")
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_anim.bvh(filepath=sys.argv[1], global_scale=0.01, axis_forward="-Z", axis_up="Y", update_scene_fps=True)
rig, scene = bpy.context.object, bpy.context.scene
names = [bone.name for bone in rig.pose.bones]
places = []
for frame in range(1, int(sys.argv[3]) + 1):
    scene.frame_set(frame)
    places.append([list(rig.matrix_world @ bone.head) for bone in rig.pose.bones])
np.savez(sys.argv[2], names=np.array(names), places=np.array(places), fps=scene.render.fps / scene.render.fps_base)
"""


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="needs bpy, the extra 'blender'")
def test_blender_reads_the_same(motion, body, tmp_path):
    """Blender's own importer puts every joint where the body has it."""
    write_bvh(motion, tmp_path / "a.bvh")
    words = [sys.executable, "-c", SCRIPT, tmp_path / "a.bvh", tmp_path / "b.npz", str(motion.frame_count)]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    with np.load(tmp_path / "b.npz") as read:
        order = [read["names"].tolist().index(name) for name in body.joint_names]
        places, fps = read["places"][:, order], float(read["fps"])
    np.testing.assert_allclose(places, own_joints(motion, body), atol=0.1 * MM)
    assert fps == pytest.approx(25.0)
