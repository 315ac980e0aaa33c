"""Motion files and recordings as clips, against Blender's own importer and skinning written down apart."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
import small_person
from moving import degrees_apart, sine_clip, sine_motion

from blender_addon.errors import AddonError
from blender_addon.retarget.bvh import bvh_clip
from blender_addon.retarget.figure import figure_of
from blender_addon.retarget.matcher import match
from blender_addon.retarget.options import Options
from blender_addon.retarget.smpl import motion_clip
from blender_addon.retarget.solve import solve
from blender_addon.retarget.source import read_clip
from blender_addon.retarget.standing import stands, with_standing_rest
from blender_addon.scene.build import add_person
from blender_addon.scene.files import read_body, read_motion

BVHS = ("cmu_12_01_walk", "jesse_dance", "jumping_jacks")


@pytest.mark.parametrize("name", BVHS)
def test_bvh_is_what_blender_imports(name, shared):
    path = shared(f"mocap/{name}.bvh")
    clip = bvh_clip(path)
    bpy.ops.import_anim.bvh(filepath=str(path), update_scene_fps=False)
    rig = bpy.context.object
    for frame in (1, 60, 111):
        bpy.context.scene.frame_set(frame)
        poses = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        shown = np.array([rig.matrix_world @ poses[n].matrix for n in clip.skeleton.names], float)
        assert np.abs(shown[:, :3, 3] - clip.positions[frame - 1]).max() < 2e-3, "the file's units are large"
        turned = shown[:, :3, :3] @ np.array(
            [
                (rig.matrix_world @ rig.data.bones[n].matrix_local).to_3x3().inverted()
                for n in clip.skeleton.names
            ]
        )
        ours = clip.rotations[frame - 1] @ np.swapaxes(clip.rest_rotations(), -1, -2)
        assert degrees_apart(turned, ours).max() < 0.05
    assert len(bpy.data.actions[0].frame_range) == 2 and clip.frame_count == int(
        bpy.data.actions[0].frame_range[1]
    )


@pytest.mark.parametrize(
    "text",
    ["", "HIERARCHY", "not a recording", "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Wrotation } MOTION",
     "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xrotation } MOTION Frames: 2 Frame Time: 0.1 5",
     "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xrotation } MOTION Frames: 1 Frame Time: 0 5",
     "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xrotation } MOTION Frames: 1 Frame Time: 0.1 nan"],
)  # fmt: skip
def test_broken_bvh(text, tmp_path):
    path = tmp_path / "broken.bvh"
    path.write_text(text)
    with pytest.raises(AddonError, match="broken.bvh"):
        bvh_clip(path)
    with pytest.raises(AddonError, match="no such file"):
        bvh_clip(tmp_path / "missing.bvh")


def test_motion_is_what_the_extension_animates(tmp_path):
    """The clip's joints are where the rig that build-scene makes has its bones."""
    motion = read_motion(small_person.write(tmp_path / "motion.npz", small_person.motion_arrays()))
    body = read_body(small_person.write(tmp_path / "body.npz", small_person.body_arrays()))
    clip = motion_clip(motion, body)
    person = add_person(bpy.context.scene, motion, body)
    rest = np.array([person.rig.data.bones[n].matrix_local.to_3x3() for n in clip.skeleton.names], float)
    for frame in (1, 4):
        bpy.context.scene.frame_set(frame)
        poses = person.rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        shown = np.array([poses[n].matrix for n in clip.skeleton.names], float)
        assert np.abs(shown[:, :3, 3] - clip.positions[frame - 1]).max() < 1e-5
        deltas = clip.rotations[frame - 1] @ np.swapaxes(clip.rest_rotations(), -1, -2)
        assert degrees_apart(shown[:, :3, :3] @ np.swapaxes(rest, -1, -2), deltas).max() < 0.01


def test_shipped_joints_are_the_open_body():
    pytest.importorskip("torch")
    from smpl_fitting.body import load_body

    for model, width in (("open", 72), ("open_h", 156)):
        body = load_body(model)
        betas = np.array([1.0, -2.0, 0.5, 0.3, 0, 0, 1.0, 0, 0, -0.4])
        joints = np.asarray(body.J_template, float) + np.asarray(body.J_shapedirs, float) @ betas
        clip = motion_clip(replace(sine_motion(2, width), betas=betas, model=model))
        assert clip.skeleton.names == tuple(body.joint_names)
        assert np.abs(clip.skeleton.heads - joints[:, [0, 2, 1]] * [1, -1, 1]).max() < 1e-4
        lowest = (np.asarray(body.v_template, float) + np.asarray(body.shapedirs, float) @ betas)[:, 1].min()
        assert abs(clip.soles.height - lowest) < 2e-3


@pytest.mark.parametrize("width", [72, 156, 165])
def test_every_smpl_without_a_body(width):
    clip = motion_clip(replace(sine_motion(3, width), model="smpl", betas=np.ones(16)))
    assert len(clip.skeleton.names) == width // 3
    assert clip.skeleton.parents[0] == -1 and (clip.skeleton.parents[1:] < np.arange(1, width // 3)).all()
    assert {"hips", "spine", "head", "left_hand", "right_toes"} <= set(match(clip.skeleton).pairs)


@pytest.mark.parametrize("kind", ["SMPL", "SMPLH", "SMPLX"])
def test_joints_are_named_and_joined_as_in_the_body_models(kind):
    """The extension may not import the body models: its own table is held to theirs here."""
    pytest.importorskip("torch")  # other Blenders' environments hold none
    from smpl_fitting.body import names

    prefix = "" if kind == "SMPL" else f"{kind}_"
    theirs = getattr(names, f"{prefix}JOINT_NAMES")
    skeleton = motion_clip(replace(sine_motion(2, 3 * len(theirs)), model="smpl")).skeleton
    assert skeleton.names == tuple(theirs)
    parents = getattr(names, f"{kind}_PARENTS", None)
    if parents is not None:
        assert skeleton.parents.tolist() == list(parents)


def test_motion_of_another_skeleton(tmp_path):
    with pytest.raises(AddonError, match="joints"):
        motion_clip(sine_motion(3, 72 + 3))
    body = read_body(small_person.write(tmp_path / "body.npz", small_person.body_arrays()))
    with pytest.raises(AddonError, match="joints"):
        motion_clip(sine_motion(3, 72), body)


def test_resampling_keeps_the_movement():
    clip = sine_clip(61)
    slow = clip.resample(20.0)
    assert slow.frame_count == 41
    assert np.allclose(slow.positions[2], clip.positions[3]) and np.allclose(
        slow.rotations[2], clip.rotations[3]
    )
    fast = clip.resample(60.0)
    assert fast.frame_count == 121 and np.allclose(fast.positions[::2], clip.positions)
    assert clip.resample(30.0).frame_count == 61


def test_a_recording_without_a_rest_pose(shared):
    clip = read_clip(shared("mocap/jesse_dance.bvh"))
    who = match(clip.skeleton)
    assert not stands(figure_of(clip.skeleton, who, "dance"))
    told = with_standing_rest(clip, figure_of(clip.skeleton, who, "dance"))
    assert stands(figure_of(told.skeleton, who, "dance"))
    assert told.positions is clip.positions
    target = sine_clip(2).skeleton
    map_ = match(target)
    solution = solve(clip, who, target, map_, Options(feet=False))
    errors = []
    for upper, lower in (("left_upper_arm", "left_lower_arm"), ("right_lower_leg", "right_foot")):
        ours = _between(solution.heads, solution.bones, map_, upper, lower)
        theirs = _between(clip.positions, clip.skeleton.names, who, upper, lower)
        errors.append(np.degrees(np.arccos(np.clip((ours * theirs).sum(-1), -1, 1))).max())
    assert max(errors) < 0.1


def _between(heads, names, who, upper, lower):
    a, b = (heads[:, list(names).index(who.pairs[role][0])] for role in (upper, lower))
    return (b - a) / np.linalg.norm(b - a, axis=-1, keepdims=True)
