"""``liquid-motion retarget``: the job that has Blender put a motion on a character."""

import json
import sys

import numpy as np
import pytest

from neural.blender import BLENDER_VARIABLE, error_line, find_blender
from neural.cli import main
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
    said = retarget_file(RetargetJob(motion, rig, out, words=("--root", "both")))
    assert f"'--rig', '{rig}', '--out', '{out}', '--root', 'both'" in said
    assert "'--motion', " in said


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
        retarget_file(RetargetJob(**paths))


def test_cancelled_blender_is_ended(motion, tmp_path, fake_blender):
    fake_blender("import time; time.sleep(60)")
    rig = tmp_path / "char.glb"
    rig.touch()

    def poll():
        raise Cancelled

    with pytest.raises(Cancelled):
        retarget_file(RetargetJob(motion, rig, tmp_path / "x.glb"), poll)


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
