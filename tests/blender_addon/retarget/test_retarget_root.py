"""Who travels, how far, where to and how high."""

from dataclasses import replace

import numpy as np
import pytest
import rigs
from moving import armature_of, degrees_apart, evaluated, sine_clip

from blender_addon.errors import AddonError
from blender_addon.retarget.apply import Job, retarget
from blender_addon.retarget.matcher import match
from blender_addon.retarget.options import Options
from blender_addon.retarget.rotations import about_axis
from blender_addon.retarget.solve import solve
from blender_addon.scene.action import read_action

FREE = {"feet": False}


def with_root(skeleton):
    """The skeleton on a root bone at its origin, standing on the floor there."""
    drop = np.eye(4)
    drop[2, 3] = 1.2
    rest = np.concatenate([np.eye(4)[None], drop @ skeleton.rest])
    parents = np.concatenate([[-1], skeleton.parents + 1])
    count = len(rest)
    return replace(
        skeleton,
        names=("root", *skeleton.names),
        parents=parents,
        rest=rest,
        lengths=np.concatenate([[0.3], skeleton.lengths]),
        rotation_modes=("QUATERNION",) * count,
        inherit_rotation=np.ones(count, bool),
        inherit_scale=("FULL",) * count,
        local_location=np.ones(count, bool),
        connected=np.zeros(count, bool),
        deform=np.ones(count, bool),
        constrained=np.zeros(count, bool),
        properties=((),) * count,
        basis=np.tile(np.eye(4), (count, 1, 1)),
    )


@pytest.mark.parametrize("mode", ["hips", "root", "both"])
def test_every_mode_shows_the_same_pose(mode):
    clip = replace(sine_clip(12), fps=24.0)
    target = with_root(clip.skeleton)
    rig = armature_of(target)
    [applied] = retarget([Job(rig, clip, options=Options(root=mode, **FREE))])
    located = {path.split('"')[1] for path, _ in read_action(applied.action) if path.endswith("location")}
    assert located == {"hips": {"pelvis"}, "root": {"root"}, "both": {"root", "pelvis"}}[mode]
    names = [name for name in clip.skeleton.names if "hand" not in name]
    rows = [clip.skeleton.index(name) for name in names]
    for frame in (1, 7, 12):
        shown = evaluated(rig, frame, names)
        assert np.abs(shown[:, :3, 3] - clip.positions[frame - 1, rows]).max() < 1e-4
        assert degrees_apart(shown[:, :3, :3], clip.rotations[frame - 1, rows]).max() < 0.01
    if mode == "both":
        root = np.array([evaluated(rig, frame, ["root"])[0] for frame in range(1, 13)])
        assert np.abs(root[:, 2, 3]).max() < 1e-5, "the root stays on the ground"
        assert np.abs(root[:, :3, 2] - [0, 0, 1]).max() < 1e-5, "and upright"
        hips = clip.positions[:, 0, :2] - clip.positions[0, 0, :2]
        assert np.abs(root[:, :2, 3] - root[0, :2, 3] - hips).max() < 0.2, "under the hips"


def test_in_place_keeps_the_height_only():
    clip = sine_clip()
    who = match(clip.skeleton)
    there, here = (
        solve(clip, who, clip.skeleton, who, Options(root=root, **FREE)).heads[:, 0]
        for root in ("hips", "in_place")
    )
    assert np.ptp(there[:, :2]) > 0.2
    middle = np.abs(here[:, :2] - here[0, :2]).max()
    assert middle < 0.05, "the pelvis only turns about the middle of the hips"
    assert np.allclose(here[:, 2], there[:, 2])


def test_root_mode_without_a_root_bone():
    clip = sine_clip(4)
    who = match(clip.skeleton)
    with pytest.raises(AddonError, match="root bone"):
        solve(clip, who, clip.skeleton, who, Options(root="root"))


@pytest.mark.parametrize("changes", [{"root": "left"}, {"scale": "arms"}, {"scale": -1.0}, {"limbs": "both"}])
def test_bad_options(changes):
    clip = sine_clip(4)
    who = match(clip.skeleton)
    with pytest.raises(AddonError):
        solve(clip, who, clip.skeleton, who, Options(**changes))


def test_steps_scale_with_the_legs_and_heights_too():
    clip = sine_clip()
    who = match(clip.skeleton)
    rest = clip.skeleton.rest.copy()
    rest[:, :3, 3] *= 2
    giant = replace(clip.skeleton, rest=rest, lengths=2 * clip.skeleton.lengths)
    small, large = (solve(clip, who, target, who, Options(**FREE)) for target in (clip.skeleton, giant))
    way = [s.heads[:, 0] - s.heads[0, 0] for s in (small, large)]
    assert np.allclose(way[1], 2 * way[0], atol=1e-6)
    assert np.allclose(large.heads[:, 0, 2], 2 * small.heads[:, 0, 2])
    fixed = solve(clip, who, giant, who, Options(scale=1.0, **FREE)).heads[:, 0]
    assert np.allclose(fixed[:, :2] - fixed[0, :2], way[0][:, :2], atol=0.05)


def test_a_recording_in_centimetres_begins_where_its_maker_stood():
    """160 m away in metres is 1.6 m in the centimetres of the file."""
    clip = sine_clip()
    rest = clip.skeleton.rest.copy()
    rest[:, :3, 3] *= 100
    in_cm = replace(
        clip,
        skeleton=replace(clip.skeleton, rest=rest, lengths=100 * clip.skeleton.lengths),
        positions=100 * (clip.positions + (1.6, 0, 0)),
        metric=False,
    )
    who = match(clip.skeleton)
    near, far = (solve(c, who, clip.skeleton, who, Options(**FREE)).heads[:, 0] for c in (clip, in_cm))
    assert np.allclose(far - near, (1.6, 0, 0), atol=1e-3)


def test_turn_offset_and_floor():
    clip = sine_clip()
    who = match(clip.skeleton)
    plain = solve(clip, who, clip.skeleton, who, Options(**FREE))
    moved = solve(
        clip, who, clip.skeleton, who, Options(turn=np.pi / 2, offset=(1.0, 2.0, 0.0), floor=0.5, **FREE)
    )
    R = about_axis(np.array([0.0, 0.0, 1.0]), np.array(np.pi / 2))
    assert np.allclose(moved.axes, R @ plain.axes, atol=1e-9)
    legs = [plain.bones.index(f"{side}_hip") for side in ("left", "right")]
    before, after = (s.heads[:, legs].mean(1) for s in (plain, moved))
    assert np.allclose(after[0], before[0] + [1.0, 2.0, 0.5])
    assert np.allclose(after - after[0], (before - before[0]) @ R.T)


def test_connected_hips_hand_their_travel_to_what_can_move(shared):
    """On a rig whose hips are connected to a bone below, a location there would do nothing."""
    clip = replace(sine_clip(6), fps=24.0)
    rig = armature_of(with_root(clip.skeleton))
    import bpy

    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    rig.data.edit_bones["root"].tail = rig.data.edit_bones["pelvis"].head
    rig.data.edit_bones["pelvis"].use_connect = True
    bpy.ops.object.mode_set(mode="OBJECT")
    [applied] = retarget([Job(rig, clip, options=Options(**FREE))])
    assert set(applied.solution.locations) == {"root"}
    for frame in (1, 6):
        shown = evaluated(rig, frame, applied.solution.bones)
        i = applied.solution.bones.index("pelvis")
        assert np.abs(shown[i, :3, 3] - clip.positions[frame - 1, 0]).max() < 1e-4


def test_mirrored_and_unevenly_scaled_objects(shared):
    """Stated behaviour: a mirrored rig shows the mirror image; uneven scale distorts, feet stay on the floor."""
    clip = replace(sine_clip(10, amplitude=0.2), fps=24.0)
    skeleton = replace(clip.skeleton, world=np.diag([-1.0, 1.0, 1.0, 1.0]))
    rig = armature_of(skeleton)
    [applied] = retarget([Job(rig, clip, options=Options(**FREE))])
    names = applied.solution.bones
    rows = [clip.skeleton.index(name) for name in names]
    shown = evaluated(rig, 7, names, world=True)
    assert np.abs(shown[:, :3, 3] - clip.positions[6, rows] * [-1, 1, 1]).max() < 1e-4

    stretched = rigs.build("smpl_body", shared)
    stretched.scale = (1.0, 1.0, 1.3)
    [applied] = retarget([Job(stretched, clip, options=Options(**FREE))])
    shown = evaluated(stretched, 7, names, world=True)
    bound = np.arcsin(0.3 / 2.3)
    for upper, lower in (
        ("left_shoulder", "left_elbow"),
        ("right_hip", "right_knee"),
        ("left_knee", "left_ankle"),
    ):
        ours = shown[names.index(lower), :3, 3] - shown[names.index(upper), :3, 3]
        a, b = (clip.positions[6, clip.skeleton.index(name)] for name in (upper, lower))
        cosine = ours @ (b - a) / np.linalg.norm(ours) / np.linalg.norm(b - a)
        assert np.arccos(cosine) < bound + 0.01
