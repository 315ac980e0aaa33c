"""Commands that hand on to the worker: its own command line, and the way from footage to a scene."""

import sys

import numpy as np
import pytest
from engine_studio import known_picture

bpy = pytest.importorskip("bpy")


def test_run_and_fit_are_the_workers_own(studio):
    """The same words, the same exit code, what it prints."""
    python = studio.folder / "other_python"
    python.write_text('#!/bin/sh\nshift 2\necho "WORDS $*"\nexit 7\n')
    python.chmod(0o755)
    studio.environment["LIQUID_MOTION_PYTHON"] = str(python)
    said = studio.run("-m", "blender_addon", "run", "--source", "a.jpg", "b.jpg", "--json", code=7)
    assert "WORDS run --source a.jpg b.jpg --json" in said
    studio.environment["LIQUID_MOTION_PYTHON"] = str(studio.folder / "none")
    assert "none: no such interpreter" in studio.run("-m", "blender_addon", "fit", "x.mp4", code=1)


@pytest.mark.slow
def test_the_real_fit_fails_with_its_own_words(studio):
    studio.environment["LIQUID_MOTION_PYTHON"] = sys.executable
    out = str(studio.folder / "o.npz")
    said = studio.run("-m", "blender_addon", "fit", "/nowhere.mp4", "--out", out, code=1)
    assert "/nowhere.mp4: no such file" in said


def test_make_scene_and_again(studio):
    """Started again it does only what is not there."""
    studio.show(known_picture() / 255)
    for name in ("source.jpg", "driving.mp4"):
        (studio.folder / name).write_bytes(b"footage, which the test's worker does not read")
    out = studio.folder / "made"
    words = [
        "-m",
        "blender_addon",
        "make-scene",
        "--driving",
        str(studio.folder / "driving.mp4"),
        "--out",
        str(out),
    ]
    words += ["--frames", "0-5", "--source", str(studio.folder / "source.jpg")]
    assert f"Saved: '{out}/scene.blend'" in studio.run(*words)
    assert [job for job, _ in studio.requests()] == ["fit", "subject", "adapt"]
    assert studio.requests()[0][1]["frames"] == [0, 5]
    (out / "scene.blend").unlink()
    said = studio.run(*words)
    assert said.count("Skipped:") == 2 and "Saved:" in said
    assert [job for job, _ in studio.requests()][3:] == ["adapt"]
    assert "scene.blend' is there" in studio.run(*words)
    words[words.index("--source") + 1] = str(studio.folder / "none.jpg")
    assert "none.jpg: no such file" in studio.run(*words, code=1)
    assert "is not FIRST-LAST" in studio.run(*words[:-4], "--frames", "5-1", *words[-2:], code=2)


def test_background_of_a_region_is_its_part_of_the_whole(studio):
    studio.show(np.zeros((80, 48, 4)))
    footage = studio.folder / "project" / "driving.png"
    image = bpy.data.images.new("made", 8, 6)
    image.filepath_raw, image.file_format = str(footage), "PNG"
    image.save()
    studio.build("--background", "driving", "--footage", footage)
    studio.script(
        """
render = scene.render
render.use_border = render.use_crop_to_border = True
render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.5, 1.0
bpy.ops.render.render()
print('JSON0')
"""
    )
    kind, params = studio.requests()[-1]
    assert kind == "footage_frame"
    assert (params["size"], params["crop"]) == ([80, 48], [12, 0, 36, 40])
