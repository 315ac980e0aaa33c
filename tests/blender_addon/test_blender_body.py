"""The rigged body in Blender against skinning done elsewhere."""

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.scene import build, files  # noqa: E402


def add(person, body=None, **options):
    body = files.read_body(body or person["body"])
    return build.add_person(bpy.context.scene, files.read_motion(person["motion"]), body, **options)


@pytest.mark.parametrize("correctives", [False, True])
def test_skinning_equals_the_formula(addon, person, evaluated, tmp_path, correctives):
    arrays = small_person.body_arrays(correctives)
    made = add(person, small_person.write(tmp_path / "other.npz", arrays), frame_start=5)
    for frame in range(6):
        expected = small_person.skinned(arrays, person["motion_arrays"], frame)
        assert np.abs(evaluated(made.mesh, 5 + frame) - expected).max() < 1e-5


def test_skinning_equals_the_body_model(addon, evaluated, tmp_path):
    """The open body, every joint turned at random: Blender's mesh against ``BodyModel``, to a hundredth of a mm."""
    torch = pytest.importorskip("torch")
    from smpl_fitting.body import load_body
    from smpl_fitting.motion import Motion

    model = load_body("open")
    rng = np.random.default_rng(3)
    poses, trans, betas = rng.normal(0, 0.6, (4, 72)), rng.normal(0, 1, (4, 3)), rng.normal(0, 1.5, 10)
    poses[:, :3] *= 4
    model.save_export(tmp_path / "body.npz", betas)
    Motion(poses, trans, betas, fps=25).save(tmp_path / "motion.npz")
    made = add({"motion": tmp_path / "motion.npz", "body": tmp_path / "body.npz"})
    expected = model(*(torch.tensor(a, dtype=torch.float32) for a in (betas, poses, trans))).vertices
    for frame in range(4):
        assert np.abs(evaluated(made.mesh, 1 + frame) - expected[frame].numpy()).max() < 1e-5


def test_skinning_equals_smplx(addon, evaluated, tmp_path):
    """A model in SMPL's layout with pose correctives: Blender's mesh against smplx, the oracle, to 1 mm."""
    torch, smplx = pytest.importorskip("torch"), pytest.importorskip("smplx")
    from smpl_fitting.body import load_body
    from smpl_fitting.body.names import SMPL_PARENTS
    from smpl_fitting.body.open_body import joint_regressor, read_packed
    from smpl_fitting.motion import Motion

    body = load_body("open")
    rng = np.random.default_rng(4)
    parents = np.array(SMPL_PARENTS, np.int64)
    parents[0] = 2**32 - 1
    arrays = {
        "v_template": body.v_template.numpy().astype(float),
        "shapedirs": body.shapedirs.numpy().astype(float),
        "posedirs": rng.normal(0, 0.003, (body.num_vertices, 3, 207)),
        "J_regressor": joint_regressor(read_packed()),
        "weights": body.weights.numpy().astype(float),
        "kintree_table": np.stack((parents, np.arange(24))),
        "f": body.faces.numpy().astype(np.uint32),
    }
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **arrays)
    poses, trans, betas = rng.normal(0, 0.5, (2, 72)), rng.normal(0, 1, (2, 3)), rng.normal(0, 1, 10)
    load_body(tmp_path / "SMPL_NEUTRAL.npz").save_export(tmp_path / "body.npz", betas)
    Motion(poses, trans, betas, fps=30, model="smpl").save(tmp_path / "motion.npz")
    made = add({"motion": tmp_path / "motion.npz", "body": tmp_path / "body.npz"})
    ids = dict.fromkeys(("nose", "reye", "leye", "rear", "lear"), 0)
    options = {"vertex_ids": ids, "use_feet_keypoints": False, "use_hands": False, "batch_size": 2}
    oracle = smplx.SMPL("", data_struct=smplx.utils.Struct(**arrays), **options)
    values = [torch.tensor(a, dtype=torch.float32) for a in (np.tile(betas, (2, 1)), poses, trans)]
    truth = oracle(
        betas=values[0], global_orient=values[1][:, :3], body_pose=values[1][:, 3:], transl=values[2]
    ).vertices.detach()
    assert len(made.mesh.data.shape_keys.key_blocks) == 1 + 10 + 207
    for frame in range(2):
        assert np.abs(evaluated(made.mesh, 1 + frame) - truth[frame].numpy()).max() < 1e-3


def test_cleared_pose_stands_and_faces_the_front_view(addon, person, evaluated):
    made = add(person)
    made.rig.animation_data_clear()
    for bone in made.rig.pose.bones:
        bone.matrix_basis.identity()
    arrays = person["body_arrays"]
    rest = arrays["v_template"] + arrays["shapedirs"] @ arrays["betas"]
    x, y, z = rest.T
    assert np.abs(evaluated(made.mesh, 1) - np.stack([x, -z, y], 1)).max() < 1e-5


def test_rig_has_the_joints(addon, person):
    made = add(person)
    arrays = person["body_arrays"]
    joints = arrays["J_template"] + arrays["J_shapedirs"] @ arrays["betas"]
    assert [bone.name for bone in made.rig.data.bones] == list(small_person.NAMES)
    for joint, name in enumerate(small_person.NAMES):
        bone = made.rig.data.bones[name]
        parent = small_person.PARENTS[joint]
        assert (bone.parent.name if bone.parent else None) == (small_person.NAMES[parent] if joint else None)
        x, y, z = joints[joint]
        assert np.allclose(bone.head_local, (x, -z, y), atol=1e-6)
        assert bone.length > 0.015
    assert not made.mesh.modifiers["Armature"].use_deform_preserve_volume
    assert [key.name for key in made.mesh.data.shape_keys.key_blocks] == [
        "Basis",
        "beta_0",
        "beta_1",
        "beta_2",
    ]


def test_texture_points_are_the_files(addon, person):
    made = add(person)
    arrays = person["body_arrays"]
    found = np.empty(len(arrays["faces_uv"]) * 6, np.float32)
    made.mesh.data.uv_layers[0].data.foreach_get("uv", found)
    assert np.allclose(found.reshape(-1, 2), arrays["uv"][arrays["faces_uv"].ravel()], atol=1e-6)


def test_wrong_motion_for_the_body_is_refused(addon, person, tmp_path):
    arrays = person["motion_arrays"] | {"poses": np.zeros((6, 72))}
    motion = small_person.write(tmp_path / "other.npz", arrays)
    before = len(bpy.data.objects)
    with pytest.raises(AddonError, match="24 joints.* 5 "):
        add(person | {"motion": motion})
    assert len(bpy.data.objects) == before


def test_impossible_shape_is_refused(addon, person, tmp_path):
    arrays = person["body_arrays"] | {"betas": np.array([1.0, 12.0, 0.0])}
    with pytest.raises(AddonError, match=r"12\.0 is beyond 10"):
        add(person, small_person.write(tmp_path / "giant.npz", arrays))
