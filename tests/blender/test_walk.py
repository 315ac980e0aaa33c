"""The installed extension's whole life in Blender: it works from a read-only folder, and leaves nothing behind.

In pip's bpy of this interpreter and of those that LIQUID_MOTION_TEST_BPYS names (interpreters, joined as in PATH), and
in the program that LIQUID_MOTION_TEST_BLENDER names.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
WALK = Path(__file__).with_name("walk.py")
sys.path.insert(0, str(REPO / "tests" / "blender_addon"))
PROGRAM = shlex.split(os.environ.get("LIQUID_MOTION_TEST_BLENDER", "")) or [shutil.which("blender")]
BPYS = [sys.executable, *filter(None, os.environ.get("LIQUID_MOTION_TEST_BPYS", "").split(os.pathsep))]
EXPECTED = re.compile(r"STATUS |Info: |Error: |Saved|Read blend|Blender (quit|\d)|\s*$")
"""What Blender says of its own; errors of operators are judged where they are answers."""

pytestmark = pytest.mark.slow


def walkers():
    found = [pytest.param([python], id=f"bpy-{Path(python).parents[1].name}") for python in BPYS]
    if PROGRAM[0]:
        words = [*PROGRAM, "-b", "--factory-startup", "-P"]
        found.append(pytest.param(words, id="program", marks=pytest.mark.binary))
    return found


@pytest.fixture(scope="module")
def belongings(tmp_path_factory):
    """What the walk needs: the zip, the same as an earlier version, and a small person; real work for one walk."""
    import small_person

    folder = tmp_path_factory.mktemp("walk")
    build = [sys.executable, str(REPO / "build_addon.py"), "--output", str(folder)]
    subprocess.run(build, check=True, capture_output=True)
    (package,) = folder.glob("*.zip")
    package = package.rename(folder / "new.zip")
    with zipfile.ZipFile(package) as new, zipfile.ZipFile(folder / "old.zip", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            if name == "blender_manifest.toml":
                content = re.sub(rb'(?m)^version = ".*"', b'version = "0.0.1"', content)
            old.writestr(name, content)
    small_person.write(folder / "motion.npz", small_person.motion_arrays())
    small_person.write(folder / "body.npz", small_person.body_arrays())
    return folder


def make_footage(folder, frames=6):
    """The demo's source, and the first frames of its driving clip."""
    from smpl_fitting.video import VideoWriter, open_footage

    demo = REPO / "neural" / "data" / "demo"
    shutil.copy(demo / "source.jpg", folder)
    footage = open_footage(demo / "driving.mp4")
    with VideoWriter(folder / "driving.mp4", footage.fps, footage.image_size) as writer:
        for _, frame in footage.frames(0, frames):
            writer.write(frame)


def without_roots_privilege():
    """Root may write to any folder; less that, it is like everybody."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, or another user than root, to make a folder read-only")
    return ["setpriv", "--bounding-set", "-dac_override"]


@pytest.mark.parametrize("blender", walkers())
def test_life_of_the_extension(blender, belongings, tmp_path):
    folder = tmp_path / "walk"
    shutil.copytree(belongings, folder)
    if blender == [sys.executable]:
        make_footage(folder)
    for name in ("profile", "temporary"):
        (folder / name).mkdir()
    environment = os.environ | {
        "BLENDER_USER_RESOURCES": str(folder / "profile"),
        "TMPDIR": str(folder / "temporary"),
        "LIQUID_MOTION_PYTHON": sys.executable,
        "PYTHONPATH": str(REPO),
    }
    command = [*without_roots_privilege(), *blender, str(WALK), "--", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    answer = json.loads((folder / "walk.json").read_text())
    assert "failed" not in answer, answer["failed"] + said
    judge(answer)
    assert [line for line in said.splitlines() if not EXPECTED.match(line)] == []
    assert list((folder / "temporary").iterdir()) == []


def judge(answer):
    assert {when: left for when, left in answer["left"].items() if left} == {}
    assert answer["writable"] is False
    assert answer["written into the extension"] == []
    assert answer["files left"] is False
    assert answer["update"]["settings"] == [True, "/somewhere/SMPLX_NEUTRAL.npz"]
    assert answer["update"]["user's folder"]
    assert answer["update"]["from"] != answer["update"]["to"]
    crashed = {name: said for name, (said, _) in answer["operators"].items() if "Traceback" in said}
    assert crashed == {}
    assert answer["operators"]["empty: environment_check"][0] == ["FINISHED"]
    footage = {name: said for name, (said, _) in answer["operators"].items() if name.startswith("footage: ")}
    for name in ("find_people", "fit", "make_person") if footage else ():
        assert footage[f"footage: {name}"] == ["FINISHED"], footage
