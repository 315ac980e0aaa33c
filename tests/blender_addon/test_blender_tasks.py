"""The queue: results arrive in the scene they are for, and nothing else does, whatever happens to the worker."""

import os
import time

import pytest

bpy = pytest.importorskip("bpy")
from blender_addon import jobs, tasks  # noqa: E402
from blender_addon.errors import AddonError  # noqa: E402

SPEAK = """
import json, sys, time, os
def say(**m): print(json.dumps({"v": 1, **m}), flush=True)
say(id=None, type="hello", version="test")
for line in sys.stdin:
    r = json.loads(line)
    if r["type"] == "quit": break
    if r["type"] != "run": continue
    say(id=r["id"], type="log", level="info", message="at work")
    say(id=r["id"], type="progress", stage="half", fraction=0.5, eta_s=3.0)
"""


@pytest.fixture
def pump(addon, monkeypatch):
    """The queue as in a window, where a timer drives it; ``pump(until)`` plays that timer."""
    monkeypatch.setattr(tasks, "_blocks", lambda: False)

    def play(until, seconds=10.0):
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, "nothing happened in time"
            tasks._tick()
            time.sleep(0.02)

    return play


@pytest.fixture
def worker(fake_worker, monkeypatch):
    """``worker(source)``: what the worker does after its greeting with each request ``r``."""

    def make(source):
        monkeypatch.setenv("LIQUID_MOTION_PYTHON", fake_worker(SPEAK + source))

    yield make
    jobs.stop_workers()


def test_work_comes_back_to_the_main_thread(pump):
    import threading

    seen = []

    def work(report, cancelled):
        report("half", 0.5, 1.5)
        seen.append(threading.current_thread() is threading.main_thread())
        return 5

    def take(result):
        seen.extend([result, threading.current_thread() is threading.main_thread(), bpy.context.scene.name])
        bpy.data.objects.new("made", None)

    task = tasks.submit("Count", work, take)
    assert (task.state, seen, tasks.running()) == (tasks.QUEUED, [], [task])
    pump(lambda: task.ended)
    assert (task.state, task.stage, task.message) == (tasks.DONE, "half", "")
    assert seen == [False, 5, True, "Scene"]
    assert "half" in task.log[0]


def test_words_for_the_artist(pump):
    """What a result has to say stays in the list until it is dismissed; silence makes room for the next."""
    spoken = tasks.submit("a", lambda r, c: None, lambda _: "the camera moves")
    silent = tasks.submit("b", lambda r, c: None, lambda _: None)
    pump(lambda: silent.ended)
    assert (spoken.state, spoken.message) == (tasks.DONE, "the camera moves")
    third = tasks.submit("c", lambda r, c: None, lambda _: None)
    assert tasks.all() == [spoken, third]
    tasks.dismiss(spoken)
    tasks.dismiss(third)  # has not ended
    assert tasks.all() == [third]
    pump(lambda: third.ended)


def test_one_undo_step_each(pump):
    bpy.ops.ed.undo_push(message="before")
    for name in ("one", "two"):
        task = tasks.submit(
            name,
            lambda report, cancelled: None,
            lambda _, n=name: bpy.context.scene.collection.objects.link(bpy.data.objects.new(n, None)),
        )
        pump(lambda task=task: task.ended)
    assert {"one", "two"} <= set(bpy.data.objects.keys())
    bpy.ops.ed.undo()
    assert "one" in bpy.data.objects and "two" not in bpy.data.objects
    bpy.ops.ed.undo()
    assert "one" not in bpy.data.objects
    bpy.ops.ed.redo()
    assert "one" in bpy.data.objects


def test_undo_and_renaming_while_it_works(pump):
    """The scene is another object in memory then, and the same scene."""
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects.new("passing", None)
    bpy.ops.ed.undo_push(message="passing")
    hold, seen = [], []
    task = tasks.submit(
        "Wait", lambda report, cancelled: _until(hold), lambda _: seen.append(bpy.context.scene)
    )
    pump(lambda: task.state == tasks.RUNNING)
    bpy.ops.ed.undo()
    bpy.context.scene.name = "Renamed"
    hold.append(1)
    pump(lambda: task.ended)
    assert seen == [bpy.data.scenes["Renamed"]]


def _until(hold):
    while not hold:
        time.sleep(0.01)


def test_jobs_wait_for_one_another(pump):
    order, hold = [], []
    first = tasks.submit("1", lambda r, c: _until(hold), lambda _: order.append(1))
    second = tasks.submit("2", lambda r, c: order.append("works"), lambda _: order.append(2))
    third = tasks.submit("3", lambda r, c: order.append("never"), lambda _: order.append("never"))
    pump(lambda: first.state == tasks.RUNNING)
    assert (second.state, third.state) == (tasks.QUEUED, tasks.QUEUED)
    tasks.cancel(third)
    assert third.state == tasks.CANCELLED
    hold.append(1)
    pump(lambda: second.ended)
    assert order == [1, "works", 2]


def test_result_waits_for_object_mode(pump, person):
    bpy.ops.liquid_motion.import_motion(filepath=str(person["motion"]), body=str(person["body"]))
    bpy.ops.object.mode_set(mode="POSE")
    modes = []
    task = tasks.submit("Quick", lambda r, c: None, lambda _: modes.append(bpy.context.mode))
    pump(lambda: task.stage == "Waits for Object Mode")
    assert not modes
    bpy.ops.object.mode_set(mode="OBJECT")
    pump(lambda: task.ended)
    assert modes == ["OBJECT"]


def test_file_load_while_it_works(pump, tmp_path):
    """The work goes on, its result goes into no scene, and the task says where it is."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    hold, seen = [], []
    task = tasks.submit("Wait", lambda report, cancelled: _until(hold), seen.append)
    pump(lambda: task.state == tasks.RUNNING)
    bpy.ops.wm.read_homefile(use_empty=True)
    hold.append(1)
    pump(lambda: task.ended)
    assert task.state == tasks.DONE and not seen
    assert str(tmp_path / "liquid_motion" / "shot") in task.message


def test_scene_deleted_while_it_works(pump):
    hold, seen = [], []
    other = bpy.data.scenes.new("Other")
    task = tasks.submit("Wait", lambda report, cancelled: _until(hold), seen.append)
    pump(lambda: task.state == tasks.RUNNING)
    first = bpy.context.scene
    bpy.context.window_manager.windows[0].scene = other
    bpy.data.scenes.remove(first)
    hold.append(1)
    pump(lambda: task.ended)
    assert task.state == tasks.DONE and not seen and "closed" in task.message


def test_another_scene_in_the_window(pump):
    """The result goes to the scene in which the button was pressed."""
    hold, seen = [], []
    pressed = bpy.context.scene
    task = tasks.submit("Wait", lambda r, c: _until(hold), lambda _: seen.append(bpy.context.scene))
    bpy.context.window_manager.windows[0].scene = bpy.data.scenes.new("Other")
    hold.append(1)
    pump(lambda: task.ended)
    assert seen == [pressed] and bpy.context.scene.name == "Other"


def test_errors_are_told(pump):
    def broken(report, cancelled):
        raise AddonError("walk.mp4: no such file; check the path")

    def bug(report, cancelled):
        raise ZeroDivisionError("division by zero")

    told = tasks.submit("a", broken, lambda _: None)
    pump(lambda: told.ended)
    assert (told.state, told.message) == (tasks.FAILED, "walk.mp4: no such file; check the path")
    unknown = tasks.submit("b", bug, lambda _: None)
    pump(lambda: unknown.ended)
    assert unknown.state == tasks.FAILED and "division by zero" in unknown.message
    assert any("in bug" in line for line in unknown.log)  # the traceback
    taking = tasks.submit("c", lambda r, c: 1, lambda _: bug(0, 0))
    pump(lambda: taking.ended)
    assert taking.state == tasks.FAILED


def test_progress_of_several_jobs(pump, worker):
    worker("    say(id=r['id'], type='result', result={'n': r['params']['n']})")
    seen, results = [], []
    steps = [tasks.Step("a", {"n": 1}, 3.0), tasks.Step("b", {"n": 2})]
    task = tasks.submit_jobs(steps, "Two", results.extend)
    report = task.report
    task.report = lambda *said: (seen.append(said), report(*said))
    pump(lambda: task.ended)
    assert results == [{"n": 1}, {"n": 2}], task.message
    assert [fraction for _, fraction, _ in seen] == [0.375, 0.875]
    assert seen[0][2] > 3.0  # the first job's rest, and the second
    assert any("at work" in line for line in task.log)


@pytest.mark.parametrize(
    ("does", "words"),
    [
        (
            "print('cannot allocate', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)",
            "was killed.*memory",
        ),
        ("print('Warp 1.19 initialized', flush=True); time.sleep(60)", "not a message.*Warp 1.19"),
        (
            "say(id=r['id'], type='error', code='memory', message='out of memory; smaller')",
            "out of memory; smaller",
        ),
        ("sys.exit(3)", "exit code 3"),
    ],
)
def test_what_happens_to_workers(pump, worker, does, words):
    """A readable report, the scene as it was, and the next job runs."""
    import re

    worker(f"    if r['job'] == 'fit': {does}\n    say(id=r['id'], type='result', result={{}})")
    before = len(bpy.data.objects)
    task = tasks.submit_job("fit", {}, "Fit", lambda _: bpy.data.objects.new("wrong", None))
    pump(lambda: task.ended)
    assert task.state == tasks.FAILED and re.search(words, task.message), task.message
    assert task.log and len(bpy.data.objects) == before
    after = tasks.submit_job("other", {}, "Other", lambda _: None)
    pump(lambda: after.ended)
    assert after.state == tasks.DONE, after.message


@pytest.mark.parametrize("does", ["time.sleep(60)", "[None for _ in iter(int, 1)]", "pass"])
def test_cancel_takes_less_than_a_second(pump, worker, does):
    """Also of a job that does not listen, which ends with its worker; and of a worker that never says hello."""
    worker(f"    {does}")
    task = tasks.submit_job("fit", {}, "Fit", lambda _: bpy.data.objects.new("wrong", None))
    pump(lambda: task.fraction == 0.5)
    pid = jobs.shared_worker(os.environ["LIQUID_MOTION_PYTHON"], tasks.ROLE).pid
    began = time.monotonic()
    tasks.cancel(task)
    pump(lambda: task.ended)
    assert time.monotonic() - began < 1.0
    assert task.state == tasks.CANCELLED and "wrong" not in bpy.data.objects
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_cancel_while_the_worker_starts(pump, fake_worker, monkeypatch):
    monkeypatch.setenv("LIQUID_MOTION_PYTHON", fake_worker("import time; time.sleep(60)"))
    task = tasks.submit_job("fit", {}, "Fit", lambda _: None)
    pump(lambda: task.state == tasks.RUNNING)
    began = time.monotonic()
    tasks.cancel(task)
    pump(lambda: task.ended)
    assert task.state == tasks.CANCELLED and time.monotonic() - began < 1.0
    jobs.stop_workers()


def test_cancel_and_escape(pump):
    """ESC stops what works, the button what it stands beside; without work, ESC is free for others."""

    def work(report, cancelled):
        while not cancelled():
            time.sleep(0.01)
        raise jobs.JobCancelled

    ours = bpy.ops.liquid_motion
    assert not ours.escape.poll()
    first, second, third = (tasks.submit(name, work, lambda _: None) for name in "abc")
    pump(lambda: first.state == tasks.RUNNING)
    ours.cancel(number=third.number)
    assert [task.state for task in (first, second, third)] == [tasks.RUNNING, tasks.QUEUED, tasks.CANCELLED]
    ours.escape()
    pump(lambda: first.ended and second.state == tasks.RUNNING)
    assert first.state == tasks.CANCELLED
    ours.escape()
    pump(lambda: second.ended)
    assert not ours.escape.poll()


def test_nothing_is_left_at_unregister(addon, worker, monkeypatch):
    """Threads, timers and processes end; what was under way changes nothing any more."""
    import threading

    monkeypatch.setattr(tasks, "_blocks", lambda: False)
    worker("    time.sleep(60)")
    task = tasks.submit_job("fit", {}, "Fit", lambda _: bpy.data.objects.new("wrong", None))
    tasks.submit_job("fit", {}, "Queued", lambda _: None)
    end = time.monotonic() + 10
    while task.fraction != 0.5 and time.monotonic() < end:
        tasks._tick()
        time.sleep(0.02)
    pid = jobs.shared_worker(os.environ["LIQUID_MOTION_PYTHON"], tasks.ROLE).pid
    addon.unregister()
    try:
        assert not bpy.app.timers.is_registered(tasks._tick)
        assert not [t for t in threading.enumerate() if t.name.startswith("liquid-motion")]
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert not tasks.all() and "wrong" not in bpy.data.objects
    finally:
        addon.register()


def test_without_a_window_it_blocks(addon, worker):
    """Under -b, an operator's result is there when it returns."""
    worker("    say(id=r['id'], type='result', result={'n': 7})")
    got = []
    task = tasks.submit_job("fit", {}, "Fit", got.append)
    assert (task.state, got) == (tasks.DONE, [{"n": 7}])


def test_tick_is_short(pump):
    """The timer does next to nothing while a job works."""
    hold = []
    task = tasks.submit("Wait", lambda report, cancelled: _until(hold), lambda _: None)
    tasks._tick()
    took = []
    for _ in range(50):
        began = time.perf_counter()
        tasks._tick()
        took.append(time.perf_counter() - began)
    hold.append(1)
    pump(lambda: task.ended)
    assert sorted(took)[-3] < 0.005
