"""The Flamenco job type, compiled by node, and its commands as a Flamenco worker would run them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "blender_addon" / "farm" / "liquid_motion.js"


def compile_job(settings, code=0):
    """The job type and the tasks that it makes of these settings; with ``code`` 1 what the error says."""
    if shutil.which("node") is None:
        pytest.skip("needs node, which is not here")
    command = [
        "node",
        str(Path(__file__).with_name("flamenco_manager.js")),
        str(SCRIPT),
        json.dumps(settings),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stderr if code else json.loads(done.stdout)


def words(command, blender):
    """The words of a command, ``{blender}`` and ``{blenderArgs}`` expanded as the manager expands them."""
    given = command["parameters"]
    if command["name"] == "frames-to-video":
        frames = ["-pattern_type", "glob", "-i", given["inputGlob"]]
        return [
            given["exe"],
            "-r",
            str(given["fps"]),
            *frames,
            *given["args"],
            "-r",
            str(given["fps"]),
            given["outputFile"],
        ]
    exe = blender if given["exe"] == "{blender}" else [given["exe"]]
    before = given.get("exeArgs", "").replace("{blenderArgs}", "-b -y").split()
    file = [given["blendfile"]] if "blendfile" in given else []
    return [*exe, *before, *given.get("argsBefore", []), *file, *given["args"]]
