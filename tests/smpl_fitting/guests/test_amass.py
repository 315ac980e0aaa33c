"""AMASS files in their published layouts, read; and ours, read by ourselves and by smplx as AMASS's own code does."""

import numpy as np
import pytest
import torch
from tool_files import world_joints

from smpl_fitting.body import load_body
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests import read_motion, write_amass
from smpl_fitting.motion import Motion

T = 5
RNG = np.random.default_rng(0)


FINGERS = [f"{side}{finger}" for side in "lr" for finger in ("thumb", "index", "middle", "ring", "pinky")]
POINTS = ["nose", "reye", "leye", "rear", "lear", *FINGERS]  # that smplx adds to the joints
POINTS += [f"{side}{part}" for side in "LR" for part in ("BigToe", "SmallToe", "Heel")]


def smplh_arrays():
    """AMASS 2019: ``*_poses.npz``."""
    return {
        "trans": RNG.normal(0, 1, (T, 3)),
        "gender": np.array("female", dtype="<U6"),
        "mocap_framerate": np.array(120.0),
        "betas": RNG.normal(0, 1, 16),
        "dmpls": RNG.normal(0, 1, (T, 8)),
        "poses": RNG.normal(0, 0.3, (T, 156)),
    }


def smplx_arrays():
    """AMASS 2021: ``*_stageii.npz``, with the object arrays that a strict reader must leave alone."""
    parts = {"root_orient": 3, "pose_body": 63, "pose_jaw": 3, "pose_eye": 6, "pose_hand": 90}
    poses = {name: RNG.normal(0, 0.3, (T, width)) for name, width in parts.items()}
    return {
        "gender": np.array("neutral", dtype="<U7"),
        "surface_model_type": np.array("smplx", dtype="<U5"),
        "mocap_frame_rate": np.array(60.0),
        "mocap_time_length": np.array(T / 60),
        "markers_latent": np.zeros((0, 3)),
        "latent_labels": np.zeros(0, "<U9"),
        "markers_latent_vids": np.array({"ARIEL": 1}, dtype=object),
        "trans": RNG.normal(0, 1, (T, 3)),
        "poses": np.concatenate(list(poses.values()), axis=1),
        "betas": RNG.normal(0, 1, 16),
        "num_betas": np.array(16),
        **poses,
    }


@pytest.mark.parametrize(
    ("arrays", "model", "gender", "fps"),
    [(smplh_arrays, "smplh", "female", 120.0), (smplx_arrays, "smplx", "neutral", 60.0)],
)
def test_published_layouts(tmp_path, arrays, model, gender, fps):
    data = arrays()
    np.savez(tmp_path / "a.npz", **data)
    motion = read_motion(tmp_path / "a.npz")
    assert (motion.model, motion.gender, motion.fps) == (model, gender, fps)
    np.testing.assert_array_equal(motion.poses, data["poses"])
    np.testing.assert_array_equal(motion.trans, data["trans"])
    np.testing.assert_allclose(motion.betas, data["betas"], rtol=1e-6)
    assert motion.camera_K is None


def test_parts_make_the_poses(tmp_path):
    data = smplx_arrays()
    poses = data.pop("poses")
    np.savez(tmp_path / "a.npz", **data)
    np.testing.assert_array_equal(read_motion(tmp_path / "a.npz").poses, poses)
    np.savez(
        tmp_path / "b.npz",
        **{k: data[k] for k in ("trans", "betas", "mocap_frame_rate", "root_orient", "pose_body")},
    )
    bare = read_motion(tmp_path / "b.npz")
    assert bare.model == "smplh"
    np.testing.assert_array_equal(bare.poses, np.pad(poses[:, :66], ((0, 0), (0, 90))))


def test_oddities(tmp_path):
    """Gender as bytes, betas one row a frame, the rate left to the caller."""
    data = smplh_arrays()
    data["gender"], data["betas"] = np.array(b"male"), np.tile(data["betas"], (T, 1))
    del data["mocap_framerate"]
    np.savez(tmp_path / "a.npz", **data)
    motion = read_motion(tmp_path / "a.npz", fps=50)
    assert (motion.gender, motion.fps, motion.betas.shape) == ("male", 50.0, (16,))
    with pytest.raises(MotionFileError, match="states no frame rate; give it with --fps"):
        read_motion(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"poses": np.zeros((T, 100))}, r"shape \(5, 100\)"),
        ({"trans": np.zeros((T + 1, 3))}, "trans has shape"),
        ({"poses": np.full((T, 156), np.nan)}, "not finite"),
        ({"trans": np.array([{}], dtype=object)}, "holds object"),
        ({"mocap_framerate": np.array(0.0)}, "frame rate"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, "poses have shape"),
        ({"poses": np.full((T, 156), "x")}, "poses"),
    ],
)
def test_broken_files_say_what_is_wrong(tmp_path, change, says):
    np.savez(tmp_path / "a.npz", **{**smplh_arrays(), **change})
    with pytest.raises(MotionFileError, match=says) as error:
        read_motion(tmp_path / "a.npz")
    assert "a.npz" in str(error.value) and "\n" not in str(error.value)


def motion_of(model: str) -> Motion:
    body = load_body(model) if model.startswith("open") else None
    width = {"open": 72, "open_h": 156, "smpl": 72, "smplh": 156, "smplx": 165}[model]
    return Motion(
        poses=RNG.normal(0, 0.3, (T, width)).astype(np.float32),
        trans=RNG.normal(0, 1, (T, 3)).astype(np.float32),
        betas=np.zeros(body.num_betas if body else 10, np.float32),
        fps=30.0,
        model=model,
        gender="neutral",
    )


@pytest.mark.parametrize("model", ["open", "open_h", "smpl", "smplh", "smplx"])
def test_any_motion_as_amass(tmp_path, model):
    motion = motion_of(model)
    write_amass(motion, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as written:
        assert set(written.files) == {"poses", "trans", "betas", "dmpls", "gender", "mocap_framerate"}
        assert (
            written["poses"].shape == (T, 156)
            and written["dmpls"].shape == (T, 8)
            and written["betas"].shape == (16,)
        )
    again = read_motion(tmp_path / "a.npz")
    assert (again.model, again.fps) == ("smplh", 30.0)
    np.testing.assert_array_equal(again.poses[:, :66], motion.poses[:, :66])
    hands = motion.poses[:, -90:] if motion.poses.shape[1] > 72 else np.zeros((T, 90))
    np.testing.assert_array_equal(again.poses[:, 66:], hands)


def test_smplx_library_puts_the_pelvis_where_we_have_it(tmp_path):
    """Read as AMASS's tutorials do (root_orient, pose_body, pose_hand, trans into a SMPL-H layer of smplx)."""
    smplx = pytest.importorskip("smplx")
    motion, body = motion_of("open"), load_body("open")
    write_amass(motion, tmp_path / "a.npz")
    layer = smplx.SMPLHLayer(**synthetic_smplh(smplx))
    with np.load(tmp_path / "a.npz") as data:
        poses = torch.tensor(data["poses"]).float()
        matrices = smplx.lbs.batch_rodrigues(poses.reshape(-1, 3)).reshape(T, 52, 3, 3)
        joints = layer(
            betas=torch.tensor(data["betas"][:10]).float()[None].repeat(T, 1),
            global_orient=matrices[:, :1],
            body_pose=matrices[:, 1:22],
            left_hand_pose=matrices[:, 22:37],
            right_hand_pose=matrices[:, 37:],
            transl=torch.tensor(data["trans"]).float(),
        ).joints[:, :22]
    ours = world_joints(motion, body)[:, :22]
    np.testing.assert_allclose(joints[:, 0], ours[:, 0], atol=1e-5)
    np.testing.assert_allclose(joints, ours, atol=1e-4)  # the layer below has the open body's limbs


def synthetic_smplh(smplx) -> dict:
    """A SMPL-H layer whose vertices are its joints: the open body's, with the pelvis where SMPL-H's mean has it."""
    body = load_body("open_h")
    joints = body.J_template.double().numpy()
    joints = joints - joints[0] + np.array([0.0, -0.23, 0.03])
    count = len(joints)
    struct = smplx.utils.Struct(
        v_template=joints,
        shapedirs=np.zeros((count, 3, 10)),
        posedirs=np.zeros((count, 3, 9 * (count - 1))),
        J_regressor=np.eye(count),
        weights=np.eye(count),
        kintree_table=np.stack([body.parents.numpy(), np.arange(count)]),
        f=np.zeros((1, 3), np.int64),
        hands_meanl=np.zeros(45),
        hands_meanr=np.zeros(45),
        hands_componentsl=np.eye(45),
        hands_componentsr=np.eye(45),
    )
    return {"model_path": "", "data_struct": struct, "vertex_ids": dict.fromkeys(POINTS, 0)}
