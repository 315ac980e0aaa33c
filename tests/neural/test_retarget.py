"""``liquid-motion retarget``: the job that has Blender put a motion on a character."""

import argparse
import inspect
import json
import sys
from enum import Enum

import numpy as np
import pytest

from neural.blender import BLENDER_VARIABLE, error_line, find_blender
from neural.cli import main
from neural.cli.retarget import command
from neural.retarget import RetargetJob, retarget_file
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Cancelled


@pytest.fixture
def motion(tmp_path):
    poses = np.zeros((5, 72))
    poses[:, 0] = np.pi / 2
    path = tmp_path / "motion.npz"
    Motion(poses, np.tile([0.0, 0.0, 1.2], (5, 1)), np.zeros(10), 30.0).save(path)
    return path


@pytest.fixture
def fake_blender(tmp_path, monkeypatch):
    """``fake_blender(python source)``: a program in Blender's place; ``words`` are what it was asked."""

    def make(source):
        path = tmp_path / "blender"
        path.write_text(f"#!{sys.executable}\nimport sys\nwords = sys.argv[1:]\n{source}\n")
        path.chmod(0o755)
        monkeypatch.setenv(BLENDER_VARIABLE, str(path))

    return make


def test_what_blender_is_asked(motion, tmp_path, fake_blender):
    fake_blender(
        "assert words[:4] == ['--background', '--command', 'liquid_motion', 'retarget']; print(words[4:])"
    )
    rig, out = tmp_path / "char.glb", tmp_path / "out.fbx"
    rig.touch()
    said = retarget_file(RetargetJob([motion], rig, out, words=("--root", "both")))
    assert f"'--rig', '{rig}', '--out', '{out}', '--motion', " in said and "'--root', 'both'" in said


def test_blenders_own_error_is_told(motion, tmp_path, fake_blender, capfd):
    fake_blender(
        "print('Error: char.glb: no bones; choose another', file=sys.stderr); print('bye'); sys.exit(1)"
    )
    rig = tmp_path / "char.glb"
    rig.touch()
    words = [
        "retarget",
        "--motion",
        str(motion),
        "--rig",
        str(rig),
        "--out",
        str(tmp_path / "x.glb"),
        "--json",
    ]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 1
    answer = json.loads(capfd.readouterr().out)
    assert answer["code"] == "user" and "no bones; choose another" in answer["message"]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"out": "x.obj"}, "end in"), ({"rig": "x.txt"}, "end in"), ({"motion": "none.npz"}, "no such file")],
)
def test_mistakes_are_found_before_blender_starts(change, said, motion, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rig = tmp_path / "char.glb"
    rig.touch()
    paths = {"motion": motion, "rig": rig, "out": tmp_path / "x.glb"} | {
        k: tmp_path / v for k, v in change.items()
    }
    with pytest.raises(LiquidMotionError, match=said):
        retarget_file(RetargetJob([paths["motion"]], paths["rig"], paths["out"]))


def declared(parser):
    """Option -> (default, choices, number of values) of the extension's command."""
    found = {}
    for action in parser._actions:  # argparse keeps no public list
        name = action.option_strings[-1].removeprefix("--no-").strip("-")
        default = True if action.option_strings[-1].startswith("--no-") else action.default
        found[name] = (default or None, tuple(action.choices or ()), action.nargs)
    return found


def test_every_option_of_the_extension_is_here():
    pytest.importorskip("bpy")
    from blender_addon.retarget.command import add_to

    commands = argparse.ArgumentParser().add_subparsers()
    add_to(commands)
    theirs = declared(commands.choices["retarget"])
    ours = {name.replace("_", "-"): p for name, p in inspect.signature(command).parameters.items()}
    assert set(ours) - {"context", "as-json"} == set(theirs) - {"help"}
    for name in set(theirs) - {"help", "rig", "out"}:
        default, choices, count = theirs[name]
        assert (ours[name].default or None) == default, name
        kind = type(ours[name].default)
        assert (tuple(kind) if issubclass(kind, Enum) else ()) == choices, name
        if isinstance(ours[name].default, tuple):
            assert len(ours[name].default) == count


def test_options_reach_the_extension(motion, tmp_path, fake_blender, capfd):
    fake_blender("open(words[words.index('--out') + 1], 'w').write('\\n'.join(words[4:]))")
    rig, out = tmp_path / "char.blend", tmp_path / "said.blend"
    rig.touch()
    given = [
        "--target",
        "A",
        "--target",
        "B",
        "--flat",
        "--offset",
        "1",
        "-2",
        "0.5",
        "--floor=-0.5",
        "--nla",
    ]
    given += [
        "--no-feet",
        "--no-fingers",
        "--hands",
        "--fade=0.3",
        "--limbs=ik",
        "--turn=-90",
        "--frame-start=7",
    ]
    with pytest.raises(SystemExit) as end:
        main(
            [
                "retarget",
                "--motion",
                str(motion),
                "--motion",
                str(motion),
                "--rig",
                str(rig),
                "--out",
                str(out),
                *given,
            ]
        )
    assert end.value.code == 0, capfd.readouterr().err
    said = out.read_text().splitlines()
    assert said[said.index("--target") :][:3] == ["--target", "A", "B"]
    assert said[said.index("--offset") :][:4] == ["--offset", "1.0", "-2.0", "0.5"]
    wanted = {"--flat", "--nla", "--no-feet", "--no-fingers", "--hands"}
    assert wanted | {"--fade=0.3", "--limbs=ik", "--turn=-90.0", "--frame-start=7", "--floor=-0.5"} <= set(
        said
    )
    motions = said[said.index("--motion") + 1 :][:2]
    assert [path.endswith("/motion.npz") for path in motions] == [True, True] and len(set(motions)) == 2


def test_an_armature_of_the_file_as_the_source(tmp_path, fake_blender, capfd):
    fake_blender("assert '--motion' not in words and '--from-armature=Actor' in words")
    rig = tmp_path / "char.blend"
    rig.touch()
    with pytest.raises(SystemExit) as end:
        main(["retarget", "--from-armature", "Actor", "--rig", str(rig), "--out", str(tmp_path / "x.blend")])
    assert end.value.code == 0, capfd.readouterr().err


def test_cancelled_blender_is_ended(motion, tmp_path, fake_blender):
    fake_blender("import time; time.sleep(60)")
    rig = tmp_path / "char.glb"
    rig.touch()

    def poll():
        raise Cancelled

    with pytest.raises(Cancelled):
        retarget_file(RetargetJob([motion], rig, tmp_path / "x.glb"), poll)


def test_no_blender(monkeypatch):
    monkeypatch.setenv(BLENDER_VARIABLE, "/nowhere/blender")
    with pytest.raises(LiquidMotionError, match="no such program"):
        find_blender()
    assert error_line("Blender 4.5\nError: a\nBlender quit\n") == "a"


@pytest.mark.slow
def test_from_motion_to_glb(motion, shared, tmp_path, capfd):
    pytest.importorskip("bpy")
    out = tmp_path / "out.glb"
    words = [
        "retarget",
        "--motion",
        str(motion),
        "--rig",
        str(shared("rigs/meebit.vrm")),
        "--out",
        str(out),
        "--json",
    ]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["characters"] == {"Armature": {"frames": 5, "bones": 19}}
    assert out.read_bytes()[:4] == b"glTF"
