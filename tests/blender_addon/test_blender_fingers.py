"""The body with fingers in Blender: 52 bones, animated, against ``BodyModel``."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
from blender_addon.scene import build, files  # noqa: E402


def test_fingers_bend_as_in_the_body_model(addon, evaluated, tmp_path):
    torch = pytest.importorskip("torch")
    from smpl_fitting.body import load_body
    from smpl_fitting.body.names import SMPLH_JOINT_NAMES
    from smpl_fitting.motion import Motion

    model = load_body("open_h")
    rng = np.random.default_rng(5)
    poses, trans, betas = rng.normal(0, 0.5, (3, 156)), rng.normal(0, 1, (3, 3)), rng.normal(0, 1.5, 10)
    model.save_export(tmp_path / "body.npz", betas)
    Motion(poses, trans, betas, fps=25, model="open_h").save(tmp_path / "motion.npz")
    body = files.read_body(tmp_path / "body.npz")
    made = build.add_person(bpy.context.scene, files.read_motion(tmp_path / "motion.npz"), body)
    bones = made.rig.data.bones
    assert {bone.name for bone in bones} == set(SMPLH_JOINT_NAMES)
    for side in ("left", "right"):
        for finger in ("index", "middle", "ring", "pinky", "thumb"):
            names = [f"{side}_wrist", *(f"{side}_{finger}{k}" for k in (1, 2, 3))]
            assert [bones[name].parent.name for name in names[1:]] == names[:-1]
            for first, second in zip(names[1:], names[2:], strict=False):  # a bone ends where the next begins
                assert np.allclose(bones[first].tail_local, bones[second].head_local, atol=6e-3)
    expected = model(*(torch.tensor(a, dtype=torch.float32) for a in (betas, poses, trans))).vertices
    for frame in range(3):
        assert np.abs(evaluated(made.mesh, 1 + frame) - expected[frame].numpy()).max() < 1e-5
