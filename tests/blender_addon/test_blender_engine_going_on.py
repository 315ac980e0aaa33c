"""Engine and worker when something goes wrong, and the ways to start a range of frames."""

import shutil
import sys

import numpy as np
import pytest
import resuming
from engine_studio import known_picture, pixels


def test_moved_project_still_renders(studio):
    """Paths in the file are relative to it."""
    studio.show(known_picture() / 255)
    studio.build()
    shutil.move(studio.folder / "project", studio.folder / "elsewhere")
    studio.blend = studio.folder / "elsewhere" / "scene.blend"
    studio.render("--frames", "1")
    assert studio.requests()[0][1]["subject"] == str(studio.folder / "elsewhere" / "subject")


def test_dead_worker_is_reported_and_replaced(studio):
    """Killed in the middle of a range: one line, exit code 1, no half frame; the second run does the rest."""
    studio.show(known_picture() / 255)
    studio.build()
    studio.render("--frames", "1")
    (studio.folder / "die").write_text("")
    said = studio.render("--frames", "1-3", code=1)
    assert "0002.png: frame 2: the worker" in said
    assert "its last line: out of luck" in said
    assert "Traceback" not in said
    assert sorted(p.name for p in (studio.folder / "frames").iterdir()) == ["0001.png"]
    said = studio.render("--frames", "1-3")
    assert said.count("Saved:") == 2
    assert said.count("Skipped:") == 1


def test_worker_serves_again_after_its_death_in_one_process(studio):
    studio.show(known_picture() / 255)
    studio.build()
    found = studio.script(
        f"""
from pathlib import Path
said = []
for die in (False, True, False):
    if die: Path({str(studio.folder / "die")!r}).write_text('')
    try: said.append(sorted(bpy.ops.render.render())[0])
    except RuntimeError as error: said.append(str(error))
print('JSON' + json.dumps(said))
"""
    )
    assert found[0] == found[2] == "FINISHED"
    assert "was killed" in found[1]


def test_animation_operator(studio):
    """What stock ``-a`` runs."""
    picture = known_picture()
    studio.show(picture / 255)
    studio.build()
    studio.script(
        f"""
scene.frame_end = 2
scene.render.image_settings.file_format = 'PNG'
scene.render.image_settings.color_mode = 'RGBA'
scene.render.filepath = {str(studio.folder / "frames") + "/"!r}
bpy.ops.render.render(animation=True)
print('JSON0')
"""
    )
    assert np.array_equal(studio.frame(1), picture)
    assert np.array_equal(studio.frame(2), picture)


def test_command_line_says_what_is_wrong(studio):
    studio.show(known_picture() / 255)
    studio.build()
    assert "Error: " in studio.render("--frames", "3-1", code=1)
    assert "several frames need a place" in studio.render("--frames", "1-2", out="x.png", code=1)
    assert "usage" in studio.run("-m", "blender_addon", "render", code=2)
    assert "usage" in studio.run("-m", "blender_addon", "--help")
    missing = ["render", "--blend", str(studio.folder / "no.blend"), "--out", "x.png"]
    assert "no.blend: no such file" in studio.run("-m", "blender_addon", *missing, code=1)
    build = ["build-scene", "--motion", str(studio.folder / "no.npz"), "--subject", str(studio.subject)]
    said = studio.run("-m", "blender_addon", *build, "--out", str(studio.folder / "new.blend"), code=1)
    assert said.strip().splitlines()[-1].startswith("Error: ")
    assert "no such motion file" in said
    assert not list(studio.folder.glob("*.blend"))
    said = studio.run("-m", "blender_addon", *build, "--background", "mauve", "--out", "x.blend", code=1)
    assert "'mauve' is not understood" in said


@pytest.mark.slow
def test_killed_and_taken_up_again(studio):
    """The ``render`` command."""
    studio.build()

    def render(folder, frames):
        command = [sys.executable, "-m", "blender_addon", "render", "--blend", studio.blend]
        command += ["--engine", "LIQUID_MOTION", "--frames", ",".join(map(str, frames))]
        return resuming.start([*command, "--out", folder / "####.png"], studio.environment)

    truth = resuming.unbroken(render, studio, pixels)
    resuming.check_orders(render, studio, pixels, truth)
    resuming.check_killed(render, studio, pixels, truth)


@pytest.mark.slow
def test_stock_animation_killed_and_taken_up_again(studio):
    """Blender's own animation render, which skips what is there: the handler removes what is broken."""
    studio.build()
    script = studio.folder / "animation.py"
    script.write_text(
        f"""
import sys
import bpy, blender_addon
blender_addon.register()
bpy.ops.wm.open_mainfile(filepath={str(studio.blend)!r})
scene = bpy.context.scene
scene.render.engine, scene.render.use_overwrite = 'LIQUID_MOTION', False
scene.render.filepath = sys.argv[1] + '/####'
scene.render.image_settings.color_mode = 'RGBA'
scene.frame_start, scene.frame_end = int(sys.argv[2]), int(sys.argv[3])
bpy.ops.render.render(animation=True)
scene.render.engine = 'CYCLES'
blender_addon.unregister()
"""
    )

    def render(folder, frames):
        command = [sys.executable, script, folder, min(frames), max(frames)]
        return resuming.start(command, studio.environment)

    truth = resuming.unbroken(render, studio, pixels)
    resuming.check_killed(render, studio, pixels, truth)
