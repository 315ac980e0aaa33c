"""The worker's caller: the real worker, and workers that die, hang, or print rubbish."""

import os
import signal
import sys
import threading
import time

import pytest

pytest.importorskip("bpy")
from blender_addon import jobs  # noqa: E402

SPEAK = """
import json, sys, time, os
def say(**m): print(json.dumps({"v": 1, **m}), flush=True)
def requests():
    for line in sys.stdin:
        yield json.loads(line)
say(id=None, type="hello", version="test")
"""


@pytest.fixture
def start(fake_worker):
    """``start(source)``: a worker of our making; closed afterwards."""
    workers = []

    def make(source):
        workers.append(jobs.Worker([fake_worker(source), "-m", "neural.worker"]))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_result_and_progress(start):
    worker = start(
        SPEAK
        + """
for r in requests():
    if r["type"] == "run":
        say(id=r["id"], type="log", level="info", message="working")
        say(id=r["id"], type="progress", stage="half", fraction=0.5, eta_s=None)
        say(id=r["id"], type="result", result={"sum": sum(r["params"]["numbers"])})
    if r["type"] == "quit":
        break
"""
    )
    seen = []
    answer = worker.run("add", {"numbers": [1, 2, 3]}, report=lambda *report: seen.append(report))
    assert answer == {"sum": 6}
    assert seen == [("half", 0.5, None)]
    pid, folder = worker.pid, worker.folder
    assert folder.is_dir()
    worker.close()
    assert not folder.exists()
    assert gone(pid)


def test_job_error_leaves_the_worker_alive(start):
    worker = start(
        SPEAK
        + """
for r in requests():
    if r["type"] != "run": break
    say(id=r["id"], type="error", code="user", message="clip.mp4: no such file; check the path")
"""
    )
    for _ in range(2):
        with pytest.raises(jobs.JobError, match="clip.mp4: no such file") as error:
            worker.run("fit", {})
        assert error.value.code == "user"
    assert worker.alive


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import sys; print('no module named torch', file=sys.stderr); sys.exit(3)",
            "exit code 3; its last line: no",
        ),
        ("import os; os.kill(os.getpid(), 9)", "killed .SIGKILL"),
        ("import os; os.abort()", "SIGABRT"),
        ("print('Warp 1.19 initialized'); import time; time.sleep(60)", "not a message .*Warp 1.19"),
        ('print(\'{"v": 2, "type": "hello"}\'); import time; time.sleep(60)', "not a message"),
    ],
)
def test_start_that_fails(start, source, words):
    began = time.monotonic()
    with pytest.raises(jobs.WorkerError, match=words):
        start(source.replace("print(", "print(", 1) + "\n").wait_until_ready()
    assert time.monotonic() - began < 10


def test_death_in_a_job(start):
    worker = start(
        SPEAK
        + """
for r in requests():
    print("loading", file=sys.stderr)
    print("cannot allocate", file=sys.stderr, flush=True)
    os.kill(os.getpid(), 9)
"""
    )
    with pytest.raises(jobs.WorkerError, match="was killed.*its last line: cannot allocate") as error:
        worker.run("fit", {})
    assert error.value.details.splitlines() == ["loading", "cannot allocate"]
    assert not worker.alive
    with pytest.raises(jobs.WorkerError):
        worker.run("fit", {})


def test_rubbish_in_a_job(start):
    worker = start(
        SPEAK + "for r in requests():\n    print('\\xff\\x00 warning:', flush=True); time.sleep(60)"
    )
    with pytest.raises(jobs.WorkerError, match="not a message"):
        worker.run("fit", {})


def test_silence(start):
    worker = start(SPEAK + "for r in requests(): pass")
    with pytest.raises(jobs.WorkerError, match="silent for 0 s in job 'fit'"):
        worker.run("fit", {}, silence_timeout_s=0.3)
    assert gone(worker.pid)


def test_cancel_is_answered(start):
    worker = start(
        SPEAK
        + """
for r in requests():
    if r["type"] == "run": running = r["id"]
    if r["type"] == "cancel": say(id=r["id"], type="error", code="cancelled", message="cancelled")
    if r["type"] == "quit": break
"""
    )
    began = time.monotonic()
    with pytest.raises(jobs.JobCancelled):
        worker.run("fit", {}, cancelled=lambda: time.monotonic() - began > 0.2)
    assert time.monotonic() - began < 1.2
    assert worker.alive


def test_cancel_of_a_hung_job_ends_the_worker(start, monkeypatch):
    monkeypatch.setattr(jobs, "CANCEL_TIMEOUT_S", 0.3)
    worker = start(SPEAK + "time.sleep(0.1)\nsys.stdin.readline()\ntime.sleep(60)")
    with pytest.raises(jobs.JobCancelled):
        worker.run("fit", {}, cancelled=lambda: bool(worker._hello))
    assert gone(worker.pid)


def test_missing_interpreter(tmp_path):
    with pytest.raises(jobs.WorkerError, match="cannot be started"):
        jobs.Worker([str(tmp_path / "python"), "-m", "neural.worker"])


def test_threads_share_a_worker(start):
    worker = start(
        SPEAK
        + """
for r in requests():
    if r["type"] == "quit": break
    time.sleep(0.05)
    say(id=r["id"], type="result", result={"echo": r["params"]["n"]})
"""
    )
    answers = {}

    def ask(n):
        answers[n] = worker.run("echo", {"n": n})["echo"]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: n for n in range(5)}


def test_real_worker():
    """Our side and ``neural.worker``: greeting, an error of a job, death, and another one in its place."""
    pytest.importorskip("torch")
    try:
        worker = jobs.shared_worker(sys.executable)
        assert "render_frame" in worker.wait_until_ready()["jobs"]
        assert jobs.shared_worker(sys.executable) is worker
        with pytest.raises(jobs.JobError, match="parameter 'size' is missing"):
            worker.run("render_frame", {})
        with pytest.raises(jobs.JobError, match="unknown"):
            worker.run("dance", {})
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(jobs.WorkerError, match="was killed"):
            worker.run("doctor", {})
        assert jobs.shared_worker(sys.executable).wait_until_ready()
    finally:
        jobs.stop_workers()
    assert gone(worker.pid)
