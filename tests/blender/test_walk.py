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

import numpy as np
import pytest

REPO = Path(__file__).parents[2]
WALK = Path(__file__).with_name("walk.py")
PROGRAM = shlex.split(os.environ.get("LIQUID_MOTION_TEST_BLENDER", "")) or [shutil.which("blender")]
BPYS = [sys.executable, *filter(None, os.environ.get("LIQUID_MOTION_TEST_BPYS", "").split(os.pathsep))]
OF_BLENDER = r"STATUS |Info: |Error: |Saved|Read blend|Blender (quit|\d)|\s*$"
OF_EXPORTERS = r"FBX export|export finished|\(bpy\.data\.armatures|(\S+ \| )?INFO\W"
EXPECTED = re.compile(f"{OF_BLENDER}|{OF_EXPORTERS}")
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
    """What the walk needs: the zip, the same as an earlier version, and a person."""
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
    make_person(folder)
    return folder


def make_person(folder, frames=6):
    """Six frames of the open body, in some pose before a camera."""
    from smpl_fitting.body import load_body
    from smpl_fitting.motion import Motion

    poses = 0.2 * np.random.default_rng(0).normal(size=(frames, 72))
    cameras = {
        "camera_K": np.tile([[100.0, 0, 32], [0, 100, 48], [0, 0, 1]], (frames, 1, 1)),
        "camera_R": np.tile([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]], (frames, 1, 1)),
        "camera_t": np.tile([0.0, 0, 4], (frames, 1)),
        "image_size": (96, 64),
    }
    motion = Motion(poses, np.zeros((frames, 3)), np.zeros(10), fps=30.0, **cameras)
    motion.save(folder / "motion.npz")
    load_body("open").save_export(folder / "body.npz", motion.betas)


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
    if blender == [sys.executable] or blender[0] == PROGRAM[0]:  # it takes a minute: not in every bpy
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
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    answer = json.loads((folder / "walk.json").read_text())
    assert "failed" not in answer, answer["failed"] + said
    judge(answer)
    assert [line for line in said.splitlines() if not EXPECTED.match(line)] == []
    # torch makes the folder of its compiler as it trains, and leaves it
    left = [path.name for path in (folder / "temporary").iterdir()]
    assert [name for name in left if not name.startswith("torchinductor")] == []


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
    for name in ("find_people", "do_it_all", "combine", "textured_body") if footage else ():
        assert footage[f"footage: {name}"] == ["FINISHED"], footage
