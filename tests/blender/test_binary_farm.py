"""The commands in the tasks of the Flamenco job type, run in their order in the real Blender."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blender_addon"))
from test_binary import VARIABLE, blender, studio  # noqa: E402, F401

pytestmark = [pytest.mark.binary, pytest.mark.slow]


def test_flamenco_job(blender, studio):  # noqa: F811
    """From footage to frames; every task can be queued again and then does nothing anew."""
    import flamenco

    out = studio.folder / "farm"
    for name in ("source.jpg", "driving.mp4"):
        (studio.folder / name).write_bytes(b"footage, which the test's worker does not read")
    settings = {
        "frames": "1-5", "chunk_size": 2, "output": str(out), "format": "PNG", "fps": 30.0, "cam_strategy": "smooth",
        "blendfile": str(studio.folder / "submitted.blend"),
        "source": str(studio.folder / "source.jpg"), "driving": str(studio.folder / "driving.mp4"),
    }  # fmt: skip
    program = shlex.split(os.environ.get(VARIABLE, "blender"))
    environment = blender.environment | {"LIQUID_MOTION_PYTHON": studio.environment["LIQUID_MOTION_PYTHON"]}
    tasks = flamenco.compile_job(settings)["tasks"]
    for task in (*tasks, *tasks):
        for command in task["commands"]:
            if command["name"] == "frames-to-video" and shutil.which("ffmpeg") is None:
                continue
            words = flamenco.words(command, program)
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "Traceback" not in done.stdout + done.stderr
    assert sorted(p.name for p in (out / "frames").iterdir()) == [f"{n:04d}.png" for n in range(1, 6)]
    kinds = [kind for kind, _ in studio.requests()]
    assert kinds == ["fit", "subject", "adapt", *["render_frame"] * 5]
