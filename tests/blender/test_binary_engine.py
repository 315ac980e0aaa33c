"""Frames of the real Blender: rendered in any order, killed and taken up again, the same pixels."""

import os
import shlex
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blender_addon"))
from test_binary import VARIABLE, blender, studio  # noqa: E402, F401

pytestmark = [pytest.mark.binary, pytest.mark.slow]


@pytest.mark.parametrize("how", ["command", "stock"])
def test_killed_and_taken_up_again(blender, studio, how):  # noqa: F811
    import resuming
    from engine_studio import pixels

    blend = studio.folder / "project" / "scene.blend"
    files = ["--motion", studio.person["motion"], "--subject", studio.subject, "--out", blend]
    blender("-b", "--command", "liquid_motion", "build-scene", *files)
    setting = "import bpy; bpy.context.scene.render.use_overwrite = False"

    def render(folder, frames):
        words = ["-b", blend]
        if how == "command":
            words += ["--command", "liquid_motion", "render", "--engine", "LIQUID_MOTION"]
            words += ["--frames", ",".join(map(str, frames)), "--out", folder / "####.png"]
        else:
            words += ["--python-expr", setting, "-E", "LIQUID_MOTION", "-o", folder / "####"]
            words += ["-s", min(frames), "-e", max(frames), "-a"]
        environment = blender.environment | {
            "LIQUID_MOTION_PYTHON": studio.environment["LIQUID_MOTION_PYTHON"]
        }
        return resuming.start([*shlex.split(os.environ.get(VARIABLE, "blender")), *words], environment)

    truth = resuming.unbroken(render, studio, pixels)
    resuming.check_orders(render, studio, pixels, truth)
    resuming.check_killed(render, studio, pixels, truth)
