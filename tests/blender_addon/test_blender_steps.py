"""The buttons from footage to a person, pressed one after the other: what is in the scene, and what undo leaves."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from blender_addon import jobs, tasks  # noqa: E402

DEMO = Path(__file__).parents[2] / "neural" / "data" / "demo"


@pytest.fixture
def press(addon, tmp_path, monkeypatch):
    """The operators, in a saved file, with a worker that answers at once."""
    folder = tmp_path / "worker"
    folder.mkdir()
    small_person.write(folder / "motion.npz", small_person.motion_arrays())
    small_person.write(folder / "body.npz", small_person.body_arrays())
    image = bpy.data.images.new("grey", 8, 8)
    image.filepath_raw, image.file_format = str(folder / "grey.png"), "PNG"
    image.save()
    bpy.data.images.remove(image)
    script = Path(__file__).with_name("steps_worker.py")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} {script} {folder}\n")
    python.chmod(0o755)
    monkeypatch.setenv("LIQUID_MOTION_PYTHON", str(python))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    yield bpy.ops.liquid_motion
    jobs.stop_workers()


@pytest.fixture
def footage(tmp_path):
    """A photo and a clip to choose; the worker does not look into them, Blender sees the demo's clip."""
    photo, clip = tmp_path / "photo.jpg", tmp_path / "walk.mp4"
    photo.write_bytes((DEMO / "source.jpg").read_bytes())
    clip.write_bytes((DEMO / "driving.mp4").read_bytes())
    return photo, clip


@pytest.fixture
def requests(tmp_path):
    """``requests()``: the jobs the worker was asked for, with their parameters."""
    return lambda: [json.loads(line) for line in open(tmp_path / "worker" / "requests.jsonl")]


def work():
    return bpy.context.scene.liquid_motion.work


def shown():
    return {o.name for o in bpy.context.scene.objects if not o.hide_render and o.type == "MESH"}


def test_every_step(press, footage, requests, tmp_path):
    photo, clip = footage
    press.source_add(filepath=str(photo))
    assert (work().sources[0].path, work().sources[0].name) == ("//photo.jpg", "photo.jpg")
    press.find_people()
    assert (work().sources[0].people, work().sources[0].person) == (2, "0")
    assert (tmp_path / bpy.path.abspath(work().sources[0].people_picture)).is_file()
    work().sources[0].person = "1"
    work().driving.path = str(clip)
    press.fit()
    assert work().motion == "//liquid_motion/shot/motions/walk.npz"
    assert work().stand_in.name == "Fitted Body rig" and shown() == {"Fitted Body"}
    assert bpy.context.scene.camera.data.background_images[0].image.filepath.endswith("walk.mp4")
    press.make_person()
    scene = bpy.context.scene
    assert shown() == {"Person"} and work().person == bpy.context.object
    assert scene.render.engine == "LIQUID_MOTION" and scene.liquid_motion.background == "plate"
    person = bpy.data.objects["Person"]
    assert person.liquid_motion.subject == work().subject == "//liquid_motion/shot/people/photo"
    asked = dict(requests())
    assert asked["subject"]["people"] == [1] and asked["adapt"]["cam_strategy"] == "smooth"
    assert [job for job, _ in requests()] == ["fit", "fit", "export_body", "subject", "adapt"]


def test_do_it_all(press, footage, requests):
    photo, clip = footage
    press.source_add(filepath=str(photo))
    work().driving.path = str(clip)
    work().view = "copy"
    press.do_it_all()
    assert shown() == {"Person"} and work().motion.endswith("walk.npz")
    settings = bpy.context.scene.liquid_motion
    assert settings.background == "driving" and bpy.path.abspath(settings.footage) == str(clip)
    assert [job for job, _ in requests()] == ["subject", "fit", "adapt"]


def test_fit_options(press, footage, requests, tmp_path):
    """What is chosen is what is asked; a part of the clip stands behind the camera from its first frame on."""
    _, clip = footage
    guest = tmp_path / "gvhmr.npz"
    guest.write_bytes(b"")
    settings = work()
    settings.driving.path = str(clip)
    settings.body, settings.use_stature, settings.stature = "open_h", True, 1.8
    settings.foot_lock, settings.start = False, str(guest)
    settings.use_range, settings.first_frame, settings.last_frame = True, 11, 16
    press.fit()
    [(_, asked), (_, exported)] = requests()
    assert {k: asked[k] for k in ("body", "foot_lock", "frames", "start")} == {
        "body": "open_h",
        "foot_lock": False,
        "frames": [10, 15],
        "start": str(guest),
    }
    assert asked["height"] == pytest.approx(1.8) and exported["body"] == "open_h"
    scene = bpy.context.scene
    assert (scene.frame_start, scene.liquid_motion.footage_start) == (1, -9)
    assert scene.camera.data.background_images[0].image_user.frame_start == -9
    settings.last_frame = 5
    with pytest.raises(RuntimeError, match="frames 11 to 5 are none"):
        press.fit()


def test_motion_file_drives(press, footage, requests, tmp_path):
    """Motion capture brings no camera: one is put before the person, so that F12 shows it."""
    recording = tmp_path / "dance.bvh"
    recording.write_text("HIERARCHY")
    press.source_add(filepath=str(footage[0]))
    work().driving_kind, work().driving_motion = "FILE", str(recording)
    press.do_it_all()
    convert = dict(requests())["convert"]
    assert (convert["source"], convert["to"]) == (str(recording), "open")
    scene = bpy.context.scene
    assert scene.camera is not None and scene.liquid_motion.background == "transparent"
    bpy.context.view_layer.update()
    hips = work().person.matrix_world @ work().person.pose.bones[0].head
    seen = scene.camera.matrix_world.inverted() @ hips
    assert seen.z < -3 and abs(seen.x) < 1 and abs(seen.y) < 1


def test_photo_alone(press, footage):
    """Without a motion, the person stands as in the source, before its camera."""
    press.source_add(filepath=str(footage[0]))
    press.make_person()
    assert shown() == {"Person"} and bpy.context.scene.camera is not None
    assert work().motion == ""


def test_undo_and_redo_across_every_step(press, footage):
    photo, clip = footage
    bpy.ops.ed.undo_push(message="start")
    states = [state()]
    press.source_add("EXEC_DEFAULT", True, filepath=str(photo))
    states.append(state())
    work().driving.path = str(clip)
    bpy.ops.ed.undo_push(message="driving")
    states.append(state())
    for step in (press.find_people, press.fit, press.make_person, press.fit):
        step()
        states.append(state())
    for expected in reversed(states[:-1]):
        bpy.ops.ed.undo()
        assert state() == expected
    for expected in states[1:]:
        bpy.ops.ed.redo()
        assert state() == expected
    bpy.ops.ed.undo()
    press.fit()  # and on from there
    assert state()[0] == states[-1][0]


def state():
    settings = work()
    return (
        sorted(o.name for o in bpy.context.scene.objects),
        sorted(shown()),
        [source.path for source in settings.sources],
        settings.driving.path,
        [source.people for source in settings.sources],
        settings.person and settings.person.name,
        bpy.context.scene.render.engine,
    )


def test_save_and_reopen(press, footage, tmp_path, evaluated):
    photo, clip = footage
    press.source_add(filepath=str(photo))
    press.find_people()
    work().driving.path = "//walk.mp4"
    press.do_it_all()
    before = state()
    vertices = evaluated(bpy.data.objects["Person"], 3)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert state() == before and work().person == bpy.data.objects["Person rig"]
    assert np.abs(evaluated(bpy.data.objects["Person"], 3) - vertices).max() < 1e-6
    press.fit()
    assert work().motion.endswith("walk_002.npz")  # nothing is overwritten


def test_saved_elsewhere_the_people_stay_known(press, footage, tmp_path):
    """Paths that are rewritten relative to another folder mean the same files."""
    press.source_add(filepath=str(footage[0]))
    press.find_people()
    (tmp_path / "other" / "deep").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other" / "deep" / "shot.blend"))
    source = work().sources[0]
    assert Path(bpy.path.abspath(source.path)).resolve() == footage[0]
    assert source.people == 2
    assert Path(bpy.path.abspath(source.people_picture)).is_file()
    source.path = str(footage[1])  # another file shows other people
    assert (source.people, source.name) == (-1, "walk.mp4")


def test_again_hides_the_earlier(press, footage):
    """Nothing of the artist's is deleted, and one person is seen."""
    photo, clip = footage
    press.source_add(filepath=str(photo))
    work().driving.path = str(clip)
    for _ in range(2):
        press.fit()
    assert shown() == {"Fitted Body.001"}
    for _ in range(2):
        press.make_person()
    assert shown() == {"Person.001"} and work().person.name == "Person rig.001"
    assert {"Person", "Fitted Body", "Fitted Body.001"} <= set(bpy.data.objects.keys())
    bpy.data.objects.remove(work().person)  # deleted by hand
    press.make_person()
    assert work().person.name.startswith("Person rig")


def test_result_for_a_scene_that_no_window_shows(press, footage, monkeypatch):
    """The body comes into the scene in which Fit was pressed; the one that is looked at now stays empty."""
    monkeypatch.setattr(tasks, "_blocks", lambda: False)
    pressed = bpy.context.scene
    work().driving.path = str(footage[1])
    press.fit()
    other = bpy.data.scenes.new("Other")
    bpy.context.window_manager.windows[0].scene = other
    end = time.monotonic() + 20
    while tasks.running():
        assert time.monotonic() < end
        tasks._tick()
        time.sleep(0.02)
    assert tasks.all()[0].state == tasks.DONE, tasks.all()[0].log
    assert "Fitted Body" in pressed.objects and pressed.liquid_motion.work.stand_in is not None
    assert not other.objects and bpy.context.scene == other
    assert pressed.frame_end == 6


def test_sources(press, footage, tmp_path):
    photo, clip = footage
    press.source_add(directory=str(tmp_path), files=[{"name": "photo.jpg"}, {"name": "walk.mp4"}])
    press.source_add(filepath=str(photo))  # is there already
    assert [source.name for source in work().sources] == ["photo.jpg", "walk.mp4"]
    with pytest.raises(RuntimeError, match="none.jpg: no such photo"):
        press.source_add(filepath=str(tmp_path / "none.jpg"))
    work().active_source = 0
    press.source_remove()
    assert [source.name for source in work().sources] == ["walk.mp4"] and work().active_source == 0
    press.source_remove()
    assert not press.source_remove.poll()


def test_why_buttons_are_grey(press, footage, tmp_path):
    """Pressed from a script all the same, each says what is missing."""
    photo, clip = footage
    for button, reason in (
        (press.find_people, "Choose a photo or clip first"),
        (press.find_drivers, "Choose a photo or clip first"),
        (press.fit, "Choose a driving clip first"),
        (press.make_person, "Add a photo or clip"),
        (press.do_it_all, "Add a photo or clip"),
        (press.personalise, "Make the person first"),
        (press.cancel, "Nothing is under way"),
        (press.show_picture, "no window"),
    ):
        assert not button.poll()
        with pytest.raises(RuntimeError, match=reason):
            button()
    work().driving.path = str(tmp_path / "gone.mp4")
    with pytest.raises(RuntimeError, match="gone.mp4: a driving clip is not there any more"):
        press.fit()
    work().body = "smplx"
    with pytest.raises(RuntimeError, match="no SMPL-X file is chosen"):
        press.fit()


def test_failures_leave_the_scene_as_it_was(press, footage, tmp_path):
    """The worker has no such job, or answers with a broken file: one line, and nothing added."""
    press.source_add(filepath=str(footage[0]))
    work().driving.path = str(footage[1])
    before = state()
    (tmp_path / "worker" / "motion.npz").write_bytes(b"rubbish")
    with pytest.raises(RuntimeError, match="walk.npz"):
        press.fit()
    (tmp_path / "worker" / "body.npz").unlink()
    with pytest.raises(RuntimeError, match="the worker .* ended with exit code 1"):
        press.fit()
    assert state() == before
    first, second = tasks.all()
    press.show_log(number=second.number)
    assert "FileNotFoundError" in bpy.data.texts["Liquid Motion Log"].as_string()
    press.dismiss(number=first.number)
    assert tasks.all() == [second]
    with pytest.raises(RuntimeError, match="not in the list any more"):
        press.show_log(number=first.number)
    assert not bpy.context.scene.liquid_motion.work.person


@pytest.mark.slow
def test_with_the_real_worker(addon, tmp_path, monkeypatch):
    """The demo's photo does what a part of the demo's clip does, and F12 shows the person."""
    pytest.importorskip("torch")
    monkeypatch.setenv("LIQUID_MOTION_PYTHON", sys.executable)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.liquid_motion.try_demo()
    settings = work()
    assert settings.driving.path == "//liquid_motion/shot/demo/driving.mp4"
    assert not bpy.ops.liquid_motion.try_demo.poll()
    settings.use_range, settings.first_frame, settings.last_frame = True, 31, 36
    try:
        bpy.ops.liquid_motion.do_it_all()
        scene = bpy.context.scene
        assert (scene.frame_start, scene.frame_end) == (1, 6) and shown() == {"Person"}
        scene.liquid_motion.background = "transparent"
        scene.render.resolution_percentage = 25
        scene.render.filepath = str(tmp_path / "frame.png")
        bpy.ops.render.render(write_still=True)
    finally:
        jobs.stop_workers()
    image = bpy.data.images.load(str(tmp_path / "frame.png"))
    alpha = np.array(image.pixels).reshape(*tuple(image.size)[::-1], 4)[..., 3]
    assert 0.05 < (alpha > 0.5).mean() < 0.5
