"""The buttons give what the functions give, say why they cannot, and undo brings the rig back exactly."""

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="needs pip's bpy: pip install 'liquid-motion[blender]'")

import rigs  # noqa: E402
import small_person  # noqa: E402

from blender_addon.retarget.apply import Job, retarget  # noqa: E402
from blender_addon.retarget.matcher import match  # noqa: E402
from blender_addon.retarget.options import Options  # noqa: E402
from blender_addon.retarget.rig import read_skeleton  # noqa: E402
from blender_addon.retarget.source import read_clip  # noqa: E402
from blender_addon.scene.action import read_action  # noqa: E402
from blender_addon.scene.conventions import Y_UP_TO_Z_UP  # noqa: E402

FRAMES = 12


@pytest.fixture
def motion(tmp_path):
    """A body that swings its limbs and walks on, as a motion file of the open body."""
    t = np.linspace(0, 2 * np.pi, FRAMES)[:, None]
    rng = np.random.default_rng(0)
    poses = 0.3 * np.sin(t + rng.uniform(0, 6, 72)) * rng.uniform(0, 1, 72)
    poses[:, :3] = [np.pi / 2, 0, 0]  # Y-up to Z-up
    trans = np.stack([0 * t[:, 0], -0.1 * t[:, 0], 0.95 + 0 * t[:, 0]], 1)
    assert np.allclose(Y_UP_TO_Z_UP @ [0, 1, 0], [0, 0, 1])
    return small_person.write(
        tmp_path / "motion.npz",
        {
            "poses": poses,
            "trans": trans,
            "betas": np.zeros(10),
            "open_betas": np.zeros(10),
            "gender": np.array("neutral"),
            "model": np.array("open"),
            "mocap_frame_rate": np.array(24.0),
            "mocap_framerate": np.array(24.0),
        },
    )


@pytest.fixture
def stage(addon, motion):
    """``stage(rig name)``: the settings, with that character and the motion chosen."""

    def build(name="unity", rubbish=False):
        rig = rigs.rubbish(name) if rubbish else rigs.build(name)
        settings = bpy.context.scene.liquid_motion_retarget
        settings.target, settings.motion = rig, str(motion)
        return settings

    return build


def snapshot(name):
    """All of a rig that a retargeting could touch."""
    rig = bpy.data.objects[name]
    bones = {}
    for bone in rig.pose.bones:
        constraints = [
            {p.identifier: repr(getattr(c, p.identifier)) for p in c.bl_rna.properties if p.type != "POINTER"}
            for c in bone.constraints
        ]
        bones[bone.name] = (
            bone.rotation_mode,
            tuple(map(tuple, bone.matrix_basis)),
            tuple(map(tuple, bone.bone.matrix_local)),
            tuple(map(tuple, bone.matrix)),
            constraints,
            {key: repr(value) for key, value in bone.items()},
        )
    action = rig.animation_data and rig.animation_data.action
    return bones, action and action.name, tuple(map(tuple, rig.matrix_world)), rig.mode, sorted(rig.keys())


def test_apply_equals_function(stage, motion):
    settings = stage()
    settings.frame_start, settings.turn, settings.root = 7, 0.5, "both"
    assert bpy.ops.liquid_motion.retarget_detect() == {"FINISHED"}
    assert bpy.ops.liquid_motion.retarget() == {"FINISHED"}
    found = read_action(settings.target.animation_data.action)
    other = rigs.build("unity")
    expected = retarget(
        [Job(other, read_clip(motion), options=Options(turn=0.5, root="both"))], frame_start=7
    )[0]
    expected = read_action(expected.action)
    assert found.keys() == expected.keys()
    assert all(np.allclose(found[key], expected[key], atol=1e-6) for key in found)  # options are floats


@pytest.mark.parametrize("name", ["unity", "arp_controls", "ue5"])
def test_undo_brings_everything_back(stage, name):
    settings = stage(name)
    rig = settings.target.name
    pose = settings.target.pose.bones
    pose[3].rotation_mode = "XYZ"
    pose[3].rotation_euler = (0.1, 0.2, 0.3)
    pose[5].location = (0.01, 0.02, 0.03)
    bpy.ops.liquid_motion.retarget_detect()
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="before")
    before = snapshot(rig)
    for step in (bpy.ops.liquid_motion.retarget_preview, bpy.ops.liquid_motion.retarget):
        step("EXEC_DEFAULT", True)
        assert bpy.data.objects[rig].animation_data.action is not None
        bpy.ops.ed.undo()
        bpy.context.view_layer.update()
        assert snapshot(rig) == before
        assert not bpy.data.actions


def test_table_holds_the_map(stage):
    settings = stage("arp_controls")
    bpy.ops.liquid_motion.retarget_detect()
    from blender_addon.operators.retarget_settings import read_table

    found, expected = read_table(settings), match(read_skeleton(settings.target))
    assert found.pairs == expected.pairs
    assert (found.switches, found.controls) == (expected.switches, expected.controls)
    assert settings.convention == "Auto-Rig Pro controls"
    states = {(pair.role, pair.link): pair.state for pair in settings.pairs}
    assert states["hips", 0] == "NAMED" and states["jaw", 0] == "OPTIONAL"
    sources = {pair.role: pair.source for pair in settings.pairs if pair.link == 0}
    assert sources["left_upper_arm"] == "left_shoulder"
    assert sources["spine"] == "spine1, spine2, spine3"


def test_states_of_odd_rigs(stage):
    settings = stage("loop", rubbish=True)
    bpy.ops.liquid_motion.retarget_detect()
    states = {pair.role: pair for pair in settings.pairs}
    assert states["left_upper_arm"].state == "DOUBTFUL"
    assert "constraint" in states["left_upper_arm"].reason
    settings.target = rigs.rubbish("same_names")
    bpy.ops.liquid_motion.retarget_detect()
    assert {pair.state for pair in settings.pairs if pair.bone} == {"BUILT"}


def test_edited_pairs(stage):
    settings = stage()
    bpy.ops.liquid_motion.retarget_detect()
    rows = {(pair.role, pair.link): row for row, pair in enumerate(settings.pairs)}
    settings.pairs[rows["head", 0]].bone = ""
    assert settings.pairs[rows["head", 0]].state == "MISSING"
    settings.active_pair = rows["neck", 0]
    bpy.ops.liquid_motion.retarget_add_link()
    settings.pairs[settings.active_pair].bone = "Head"
    assert settings.pairs[settings.active_pair].state == "CHOSEN"
    from blender_addon.operators.retarget_settings import read_table

    edited = read_table(settings)
    assert edited.pairs["neck"] == ("Neck", "Head")
    assert "head" not in edited.pairs
    bpy.ops.liquid_motion.retarget()
    bones = {path.split('"')[1] for path, _ in read_action(settings.target.animation_data.action)}
    assert {"Neck", "Head"} <= bones
    bpy.ops.liquid_motion.retarget_remove_link()
    assert read_table(settings).pairs["neck"] == ("Neck",)
    settings.active_pair = {p.role: row for row, p in enumerate(settings.pairs)}["jaw"]
    bpy.ops.liquid_motion.retarget_remove_link()
    assert [p.bone for p in settings.pairs if p.role == "jaw"] == [""]
    settings.target.data.bones.active = settings.target.data.bones["Jaw"]
    bpy.ops.liquid_motion.retarget_take_bone()
    assert read_table(settings).pairs["jaw"] == ("Jaw",)


def test_a_table_filled_by_hand(stage):
    """A rig that is nobody's can still be mapped; here a person whose bones are one unnamed, lopsided heap."""
    settings = stage()
    expected = match(read_skeleton(settings.target)).pairs
    rig = settings.target = rigs.build("unity")
    for number, bone in enumerate(rig.data.bones):
        bone.name = f"b{number}"
    renamed = {
        old.name: new.name for old, new in zip(rigs.build("unity").data.bones, rig.data.bones, strict=True)
    }
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    rig.data.edit_bones[renamed["LeftUpperArm"]].parent = None
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(RuntimeError, match="no bones found"):
        bpy.ops.liquid_motion.retarget_detect()
    assert {pair.state for pair in settings.pairs} == {"MISSING", "OPTIONAL"}
    for pair in settings.pairs:
        if pair.role in expected:
            pair.bone = renamed[expected[pair.role][0]]
    bpy.ops.liquid_motion.retarget()
    keyed = {path.split('"')[1] for path, _ in read_action(rig.animation_data.action)}
    assert {renamed[name] for name in ("Hips", "LeftUpperArm", "RightFoot")} <= keyed


def test_a_bone_with_two_parts_is_refused(stage):
    settings = stage()
    bpy.ops.liquid_motion.retarget_detect()
    settings.pairs[0].bone = "Hips"
    with pytest.raises(RuntimeError, match="'Hips' is both root and hips"):
        bpy.ops.liquid_motion.retarget()
    assert settings.target.animation_data is None


def test_maps_travel(stage, tmp_path):
    settings = stage("ue5")
    bpy.ops.liquid_motion.retarget_detect()
    from blender_addon.operators.retarget_settings import read_table

    before = read_table(settings).pairs
    path = tmp_path / "hero"
    assert bpy.ops.liquid_motion.retarget_save_map(filepath=str(path)) == {"FINISHED"}
    text = json.loads((tmp_path / "hero.json").read_text())
    text["pairs"]["spine"].pop()
    (tmp_path / "hero.json").write_text(json.dumps(text))
    bpy.ops.liquid_motion.retarget_load_map(filepath=str(tmp_path / "hero.json"))
    after = read_table(settings).pairs
    assert after["spine"] == before["spine"][:-1]
    assert {k: v for k, v in after.items() if k != "spine"} == {
        k: v for k, v in before.items() if k != "spine"
    }
    assert {pair.state for pair in settings.pairs if pair.bone} == {"CHOSEN"}
    settings.target = rigs.build("unity")
    with pytest.raises(RuntimeError, match="which this rig does not have"):
        bpy.ops.liquid_motion.retarget_load_map(filepath=str(tmp_path / "hero.json"))


def test_preview_shows_solved_frames(stage, motion):
    """The held keys are those of the whole motion with the feet left alone."""
    settings = stage()
    settings.preview_frames, settings.frame_start, settings.feet = 4, 11, False
    bpy.ops.liquid_motion.retarget_preview()
    shown = read_action(settings.target.animation_data.action)
    assert settings.target.animation_data.action.name == "Retarget preview"
    bpy.ops.liquid_motion.retarget()
    whole = read_action(settings.target.animation_data.action)
    frames = [11, 15, 18, 22]
    checked = 0
    for key, values in shown.items():
        if key[0].endswith("rotation_quaternion"):
            assert values[:, 0].tolist() == frames
            assert np.abs(np.abs(values[:, 1]) - np.abs(whole[key][[0, 4, 7, 11], 1])).max() < 1e-5
            checked += 1
    assert checked > 60
    assert "Retarget preview" not in bpy.data.actions


def test_preview_keeps_the_artist_s_action(stage):
    settings = stage()
    action = bpy.data.actions.new("mine")
    settings.target.animation_data_create().action = action
    bpy.ops.liquid_motion.retarget_preview()
    bpy.ops.liquid_motion.retarget()
    assert "mine" in bpy.data.actions and action.use_fake_user


def test_alignment_pose(stage):
    """Edited, kept and used: a character that is told it rests with arms hanging gets its arms turned accordingly."""
    settings = stage()
    rig = settings.target
    bones = rig.pose.bones
    bones["LeftUpperArm"].location = (0.0, 0.1, 0.0)
    bpy.ops.liquid_motion.retarget_align(step="EDIT")
    assert tuple(bones["LeftUpperArm"].location) == (0, 0, 0)
    with pytest.raises(RuntimeError, match="being edited already"):
        bpy.ops.liquid_motion.retarget_align(step="EDIT")
    bones["LeftUpperArm"].rotation_mode = "XYZ"
    bones["LeftUpperArm"].rotation_euler = (0.3, 0.0, 0.0)
    bpy.context.view_layer.update()
    posed = np.array(bones["LeftUpperArm"].matrix)[:3, :3]
    bpy.ops.liquid_motion.retarget_align(step="KEEP")
    assert np.allclose(bones["LeftUpperArm"].location, (0.0, 0.1, 0.0))
    kept = np.array(settings.alignment["LeftUpperArm"].matrix).reshape(4, 4)[:3, :3]
    assert np.abs(kept - posed).max() < 1e-6
    bpy.ops.liquid_motion.retarget()
    aligned = read_action(rig.animation_data.action)
    bpy.ops.liquid_motion.retarget_align(step="CLEAR")
    assert not settings.alignment
    bpy.ops.liquid_motion.retarget()
    plain = read_action(rig.animation_data.action)
    path = 'pose.bones["LeftUpperArm"].rotation_euler'
    assert np.abs(aligned[path, 0][:, 1] - plain[path, 0][:, 1]).max() > 0.1
    with pytest.raises(RuntimeError, match="no alignment pose is being edited"):
        bpy.ops.liquid_motion.retarget_align(step="KEEP")


def test_alignment_pose_of_another_rig(stage):
    settings = stage()
    bpy.ops.liquid_motion.retarget_align(step="EDIT")
    bpy.ops.liquid_motion.retarget_align(step="KEEP")
    settings.target = rigs.build("ue4")
    with pytest.raises(RuntimeError, match="alignment pose is of another rig"):
        bpy.ops.liquid_motion.retarget()


def test_from_an_armature(stage):
    settings = stage()
    bpy.ops.liquid_motion.retarget()
    first = settings.target
    settings.source_kind, settings.source = "ARMATURE", first
    settings.target = rigs.build("ue4")
    bpy.ops.liquid_motion.retarget_detect()
    assert {p.role: p.source for p in settings.pairs if p.link == 0}["left_upper_arm"] == "LeftUpperArm"
    bpy.ops.liquid_motion.retarget()
    assert settings.target.animation_data.action.frame_range[1] == FRAMES


@pytest.mark.parametrize("kind", ["one_bone", "heap", "one_place", "cat", "no_bones"])
def test_rubbish_rigs_stay_as_they_are(stage, kind):
    settings = stage(kind, rubbish=True)
    before = snapshot(settings.target.name)
    for step in (bpy.ops.liquid_motion.retarget_detect, bpy.ops.liquid_motion.retarget):
        with pytest.raises(RuntimeError):
            step()
    assert snapshot(settings.target.name) == before
    assert not bpy.data.actions


def test_bones_in_a_loop_of_constraints_are_left_out_and_said(stage, capfd):
    settings = stage("loop", rubbish=True)
    constraints = [len(bone.constraints) for bone in settings.target.pose.bones]
    assert bpy.ops.liquid_motion.retarget() == {"FINISHED"}
    said = capfd.readouterr().out
    assert "held by constraints or drivers, and left out: LeftUpperArm, LeftLowerArm" in said
    assert [len(bone.constraints) for bone in settings.target.pose.bones] == constraints


def test_what_is_missing_is_said(addon, tmp_path):
    settings = bpy.context.scene.liquid_motion_retarget
    with pytest.raises(RuntimeError, match="Choose the character's armature first"):
        bpy.ops.liquid_motion.retarget()
    settings.target = rigs.build("unity")
    assert bpy.ops.liquid_motion.retarget_detect() == {"FINISHED"}  # needs no motion
    with pytest.raises(RuntimeError, match="choose the motion file"):
        bpy.ops.liquid_motion.retarget()
    settings.motion = str(tmp_path / "none.npz")
    with pytest.raises(RuntimeError, match="none.npz"):
        bpy.ops.liquid_motion.retarget()
    settings.source_kind = "ARMATURE"
    with pytest.raises(RuntimeError, match="choose the armature"):
        bpy.ops.liquid_motion.retarget()
    bpy.context.view_layer.objects.active = settings.target
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Edit Mode"):
        bpy.ops.liquid_motion.retarget()
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.scene.collection.objects.unlink(settings.target)
    with pytest.raises(RuntimeError, match="not in this scene"):
        bpy.ops.liquid_motion.retarget()


def test_works_in_pose_mode(stage):
    settings = stage()
    bpy.context.view_layer.objects.active = settings.target
    bpy.ops.object.mode_set(mode="POSE")
    assert bpy.ops.liquid_motion.retarget() == {"FINISHED"}
    assert settings.target.mode == "POSE"
    bpy.ops.object.mode_set(mode="OBJECT")


def test_nla_and_fewer_keys(stage):
    settings = stage()
    settings.nla, settings.use_sparse, settings.sparse = True, True, np.radians(5)
    bpy.ops.liquid_motion.retarget()
    animation = settings.target.animation_data
    assert animation.action is None and len(animation.nla_tracks) == 1
    counts = [len(values) for values in read_action(animation.nla_tracks[0].strips[0].action).values()]
    assert min(counts) < FRAMES


def test_every_property_says_what_it_is(addon):
    from blender_addon.operators import retarget as operators
    from blender_addon.operators import retarget_settings as groups

    for cls in (*groups._CLASSES, *operators._CLASSES):
        assert cls.__doc__
        rna = cls.bl_rna
        if issubclass(cls, bpy.types.Operator):
            rna = getattr(bpy.ops.liquid_motion, cls.bl_idname.partition(".")[2]).get_rna_type()
        for name in getattr(cls, "__annotations__", ()):
            assert rna.properties[name].description or name == "filter_glob", (cls.__name__, name)


def test_every_option_is_on_the_panel(addon):
    """Field by field the solver's options, so that a new one is not forgotten."""
    from dataclasses import fields

    from blender_addon.operators.retarget_settings import options_of

    settings = bpy.context.scene.liquid_motion_retarget
    for field in fields(Options):
        default = getattr(options_of(settings), field.name)
        assert default == pytest.approx(field.default) if field.name != "offset" else default == field.default
    settings.root, settings.limbs, settings.flat, settings.feet, settings.hands = (
        "both",
        "ik",
        True,
        False,
        True,
    )
    settings.scale, settings.scale_number, settings.turn, settings.offset = "number", 2.0, 0.5, (1, 2, 3)
    settings.floor, settings.fade, settings.fingers = 0.25, 0.5, False
    assert options_of(settings) == Options(
        "both", 2.0, (1, 2, 3), 0.5, 0.25, False, 0.5, True, False, True, "ik"
    )


def test_icons_are_blender_s(addon):
    import re
    from pathlib import Path

    from blender_addon.panels import retarget as panel

    known = set(bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys())
    used = set(re.findall(r'icon="(\w+)"', Path(panel.__file__).read_text())) | set(panel.ICONS.values())
    assert used <= known
