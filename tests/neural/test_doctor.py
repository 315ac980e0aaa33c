"""The doctor on this machine, and on ailments made for it."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from neural import __version__
from neural.cli.doctor import _show
from neural.doctor import Ailment, Check, checks, examine
from neural.jobs.check_body import run as check_body
from neural.jobs.context import JobContext
from neural.jobs.doctor import run
from smpl_fitting.body import load_body
from smpl_fitting.body.names import SMPL_PARENTS
from smpl_fitting.errors import BodyModelError


def fail(error: Exception):
    def examination() -> str:
        raise error

    return examination


def write_smpl(path):
    """The open body in the layout of SMPL's files: the joints are kept as a regressor."""
    body = load_body("open")
    vertices = body.v_template.double().numpy()
    joints = body.J_template.double().numpy()
    near = np.argsort(((vertices[None] - joints[:, None]) ** 2).sum(-1), axis=1)[:, :40]
    regressor = np.zeros((24, len(vertices)))
    np.put_along_axis(regressor, near, 1 / 40, axis=1)
    np.savez(
        path,
        v_template=vertices,
        f=body.faces.numpy(),
        shapedirs=body.shapedirs.numpy(),
        posedirs=np.zeros((len(vertices), 3, 207), np.float32),
        J_regressor=regressor,
        weights=body.weights.numpy(),
        kintree_table=np.array([SMPL_PARENTS, range(24)]),
    )
    return path


def test_what_these_tests_need_is_healthy():
    left_out = ("disk", "memory", "blender", "gpu", "heavy")  # of the machine and the moment
    quick = [check for check in checks(Path()) if check.name not in left_out]
    assert [check.name for check in quick] == [
        *("python", "version", "torch", "detector", "rasterizer", "video", "exr", "body")
    ]
    findings = [examine(check) for check in quick]
    assert [finding for finding in findings if finding.state != "ok"] == []


def test_versions_that_differ():
    """The extension says which it is; then its own Blender need not be looked for."""
    ours = {check.name: check for check in checks(Path(), extension=__version__)}
    assert "blender" not in ours
    assert examine(ours["version"]).state == "ok"
    [check] = [check for check in checks(Path(), extension="9.9.9") if check.name == "version"]
    finding = examine(check)
    assert (finding.state, finding.detail) == (
        "broken",
        f"liquid-motion {__version__} here, the extension is 9.9.9",
    )
    assert "Update Environment" in finding.mend


def test_smpl_files(tmp_path):
    good = write_smpl(tmp_path / "SMPL_FEMALE.npz")
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"no model")
    found = [examine(check) for check in checks(Path(), bodies=[good, bad]) if check.name == "SMPL file"]
    assert [finding.state for finding in found] == ["ok", "missing"]
    assert found[0].detail.startswith("SMPL_FEMALE.npz: smpl, female, ")
    assert str(bad) in found[1].detail
    assert found[1].mend == "choose another file"


def blender_that_says(folder, monkeypatch, answer, code=0):
    program = folder / "blender"
    program.write_text(f"#!/bin/sh\necho Blender 4.2\necho '{answer}'\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setenv("LIQUID_MOTION_BLENDER", str(program))
    [check] = [check for check in checks(Path()) if check.name == "blender"]
    return examine(check)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for Blender")
@pytest.mark.parametrize(
    ("extension", "state", "words"),
    [
        (__version__, "ok", f"with the extension {__version__}"),
        ("9.9.9", "missing", "has the extension 9.9.9, this is liquid-motion"),
        ("", "missing", "without the extension"),
    ],
)
def test_blender_and_its_extension(tmp_path, monkeypatch, extension, state, words):
    answer = "FOUND" + json.dumps({"blender": "4.2.1", "extension": extension})
    finding = blender_that_says(tmp_path, monkeypatch, answer)
    assert finding.state == state
    assert "Blender 4.2.1 at" in finding.detail
    assert words in finding.detail
    assert finding.mend or state == "ok"


def test_blender_that_fails(tmp_path, monkeypatch):
    assert "ended with 3" in blender_that_says(tmp_path, monkeypatch, "", code=3).detail
    assert "does not say its version" in blender_that_says(tmp_path, monkeypatch, "").detail


def test_a_graphics_card_that_torch_cannot_use(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho Big Card\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    [check] = [check for check in checks(Path()) if check.name == "gpu"]
    finding = examine(check)
    assert finding.state == "missing"
    assert finding.detail.startswith("Big Card is there")
    assert "CUDA" in finding.mend


def test_check_body_names_what_a_file_holds(tmp_path):
    path = write_smpl(tmp_path / "SMPL_MALE.npz")
    found = check_body({"path": str(path), "model": "smpl"}, JobContext())
    assert (found["model"], found["gender"], found["joints"]) == ("smpl", "male", 24)
    with pytest.raises(BodyModelError, match="is a model of SMPL, not SMPL-X"):
        check_body({"path": str(path), "model": "smplx"}, JobContext())
    with pytest.raises(BodyModelError, match="no such body model file"):
        check_body({"path": str(tmp_path / "none.npz")}, JobContext())


def test_a_folder_that_does_not_exist_yet_has_its_parents_disk(tmp_path):
    [disk] = [check for check in checks(tmp_path / "a" / "b") if check.name == "disk"]
    assert str(tmp_path) in examine(disk).detail


def test_ailments():
    broken = examine(Check("video", fail(RuntimeError("Traceback\n  no codec")), "install av"))
    assert (broken.state, broken.detail, broken.mend) == ("broken", "no codec", "install av")
    missing = examine(Check("smplx", fail(ImportError()), "pip install smplx", optional=True))
    assert (missing.state, missing.detail) == ("missing", "ImportError")
    particular = examine(Check("disk", fail(Ailment("no permission", "choose another")), "free some space"))
    assert particular.mend == "choose another"


def test_only_what_is_needed_makes_it_ill(monkeypatch):
    optional = Check("smplx", fail(ImportError("no smplx")), "pip install smplx", optional=True)
    needed = Check("video", fail(ImportError("no av")), "pip install av")
    monkeypatch.setattr("neural.doctor.checks", lambda *_: [optional])
    assert run({}, JobContext())["healthy"]
    monkeypatch.setattr("neural.doctor.checks", lambda *_: [optional, needed])
    answer = run({}, JobContext())
    assert not answer["healthy"]
    assert _show(answer).splitlines()[-2:] == [
        "broken  video       no av",
        "                    -> pip install av",
    ]
