"""Which Python the worker gets, and the buttons that look after it."""

import json
import sys

import pytest

bpy = pytest.importorskip("bpy")
from blender_addon import environment, jobs, preferences, tasks  # noqa: E402
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.interpreters import environment_python  # noqa: E402


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder with what stands for a finished environment."""
    python = environment_python(tmp_path / "worker" / "venv")
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / "worker" / "environment.json").write_text(json.dumps({"wheel": "0"}))
    monkeypatch.setattr(preferences, "environment_folder", lambda: tmp_path / "worker")
    return python


def test_order(addon, made, monkeypatch, tmp_path):
    """The variable, then what was created, then, with pip's bpy, this interpreter."""
    monkeypatch.setenv(preferences.PYTHON_VARIABLE, sys.executable)
    assert preferences.find_worker() == (sys.executable, preferences.PYTHON_VARIABLE)
    monkeypatch.delenv(preferences.PYTHON_VARIABLE)
    assert preferences.find_worker() == (str(made), "created here")
    (tmp_path / "worker" / "environment.json").unlink()
    assert environment.state(tmp_path / "worker") == environment.UNFINISHED
    assert preferences.find_worker() == (sys.executable, "pip's bpy")
    monkeypatch.setenv(preferences.PYTHON_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(AddonError, match="none: no such interpreter .LIQUID_MOTION_PYTHON."):
        preferences.worker_python()


def test_a_damaged_mark_is_none(made, tmp_path):
    (tmp_path / "worker" / "environment.json").write_text("{")
    assert environment.state(tmp_path / "worker") == environment.UNFINISHED


def test_nothing_is_downloaded_unasked(addon):
    """Neither outside an extension, where pip's bpy is the worker's Python, nor offline, as tests are."""
    assert not bpy.app.online_access
    assert not bpy.ops.liquid_motion.environment_create.poll()
    assert not bpy.ops.liquid_motion.fetch_detector.poll()
    from blender_addon.operators.environment import may_go_online

    assert "Online access is off" in may_go_online()


def test_remove_deletes_and_says_when_there_is_nothing(addon, made, tmp_path):
    assert bpy.ops.liquid_motion.environment_remove.poll()
    assert bpy.ops.liquid_motion.environment_remove() == {"FINISHED"}
    assert not (tmp_path / "worker").exists()
    assert not bpy.ops.liquid_motion.environment_remove.poll()


def test_check_keeps_the_findings(addon, fake_worker, monkeypatch):
    """As the worker tells them; those of a worker that dies are none, and the task says why."""
    from blender_addon.operators import environment as operators

    finding = {"name": "version", "state": "broken", "detail": "0.0.1 here", "mend": "update"}
    speak = f"""
import json, sys
def say(**message): print(json.dumps({{"v": 1, **message}}), flush=True)
say(id=None, type="hello", version="x", jobs=["doctor"])
for line in sys.stdin:
    request = json.loads(line)
    if request["type"] != "run": break
    assert request["params"]["extension"] == {environment.extension_version()!r}
    say(id=request["id"], type="result", result={{"healthy": False, "findings": [{finding!r}]}})
"""
    monkeypatch.setenv(preferences.PYTHON_VARIABLE, fake_worker(speak))
    assert bpy.ops.liquid_motion.environment_check() == {"FINISHED"}
    assert operators.findings == [finding]
    jobs.stop_workers()
    monkeypatch.setenv(preferences.PYTHON_VARIABLE, fake_worker("import sys; sys.exit('no module neural')"))
    with pytest.raises(RuntimeError, match="no module neural"):
        bpy.ops.liquid_motion.environment_check()
    assert operators.findings == []
    assert operators.last_failure().state == tasks.FAILED


def test_the_heavy_detector_is_fetched_by_the_worker(addon, fake_worker, monkeypatch):
    from blender_addon.operators import environment as operators

    speak = """
import json, sys
def say(**message): print(json.dumps({"v": 1, **message}), flush=True)
say(id=None, type="hello", version="x", jobs=["fetch"])
request = json.loads(sys.stdin.readline())
assert request["params"] == {}
say(id=request["id"], type="result", result={"path": "here"})
sys.stdin.read()
"""
    monkeypatch.setattr(operators, "may_go_online", lambda: "")
    monkeypatch.setenv(preferences.PYTHON_VARIABLE, fake_worker(speak))
    assert bpy.ops.liquid_motion.fetch_detector() == {"FINISHED"}
    assert tasks.all()[-1].title == operators.FETCH


def test_smpl_files_without_preferences(addon):
    with pytest.raises(AddonError, match="no SMPL-H file is chosen"):
        preferences.body_file("smplh")
    assert not bpy.ops.liquid_motion.check_body.poll()
