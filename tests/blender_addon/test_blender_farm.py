"""The Flamenco job type: its tasks, what waits for what, and the commands they hold."""

import json

import flamenco
import pytest

SETTINGS = {
    "frames": "1-25", "chunk_size": 10, "output": "/farm/shot/", "format": "PNG", "fps": 30.0,
    "blendfile": "/farm/shot.blend", "source": "", "driving": "", "cam_strategy": "smooth",
}  # fmt: skip


def test_footage_to_film():
    """Fit once, the chunks wait for it, the video for all of them."""
    settings = SETTINGS | {"source": "/a.jpg; /b.mp4", "driving": "/d.mp4"}
    tasks = {task["name"]: task for task in flamenco.compile_job(settings)["tasks"]}
    chunks = ["render-1-10", "render-11-20", "render-21-25"]
    assert list(tasks) == ["fit", *chunks, "video"]
    assert all(tasks[name]["dependencies"] == ["fit"] for name in chunks)
    assert tasks["video"]["dependencies"] == chunks
    fit = flamenco.words(tasks["fit"]["commands"][0], ["blender"])
    assert fit[:4] == ["blender", "--background", "--command", "liquid_motion"]
    assert fit[fit.index("--source") + 1 : fit.index("--driving")] == ["/a.jpg", "/b.mp4"]
    frames = flamenco.words(tasks["render-11-20"]["commands"][0], ["blender"])
    assert frames[:4] == ["blender", "-b", "-y", "/farm/shot/scene.blend"]
    assert frames[-3:] == ["--frames=11-20", "--out", "/farm/shot/frames/####.png"]


def test_a_scene_as_it_is():
    tasks = flamenco.compile_job(SETTINGS | {"frames": "1,5-8", "chunk_size": 3})["tasks"]
    assert [task["name"] for task in tasks] == ["render-1,5,6", "render-7-8", "video"]
    assert not any(task["dependencies"] for task in tasks[:2])
    assert tasks[0]["commands"][0]["parameters"]["blendfile"] == "/farm/shot.blend"


def test_no_video_of_exr():
    tasks = flamenco.compile_job(SETTINGS | {"format": "EXR"})["tasks"]
    assert [task["type"] for task in tasks] == ["blender"] * 3
    assert "####.exr" in json.dumps(tasks)


def test_a_source_needs_a_driving_clip():
    assert "needs a driving clip" in flamenco.compile_job(SETTINGS | {"source": "/a.jpg"}, code=1)


@pytest.mark.parametrize("name", ["frames", "output", "blendfile"])
def test_required_settings(name):
    found = {one["key"]: one for one in flamenco.compile_job(SETTINGS)["type"]["settings"]}
    assert found[name]["required"]
    assert set(found) == set(SETTINGS)
