"""The worker as the extension meets it: a process, JSON lines, and jobs that misbehave in every way."""

import json
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from neural import __version__, worker
from neural.eta import Eta, RateLimit
from neural.protocol import ProtocolError, decode, encode

REPO = Path(__file__).parents[2]
PATIENCE = 60.0

JOBS = {
    "echo": "def run(params, context):\n    return {'params': params, 'cache': len(context.cache)}",
    "remember": "def run(params, context):\n    context.cache[params['key']] = 1\n    return {}",
    "noisy": """
        import ctypes, os, subprocess, sys, warnings
        def run(params, context):
            print('python speaks')
            sys.stdout.flush()
            os.write(1, b'descriptor speaks\\n')
            libc = ctypes.CDLL(None)
            libc.printf(b'C speaks\\n')
            libc.fflush(None)
            subprocess.run([sys.executable, '-c', "print('child speaks')"], check=True)
            warnings.warn('careful')
            child = subprocess.run([sys.executable, '-c', 'input()'], capture_output=True)
            return {'child_read': child.returncode}
        """,
    "slow": """
        import time
        def run(params, context):
            for step in range(int(params['steps'])):
                context.progress.part('step %d' % (step // 100), 0, 1).update(step / params['steps'])
                time.sleep(0.005)
            return {}
        """,
    "deaf": "import time\ndef run(params, context):\n    time.sleep(30)",
    "wrong": "def run(params, context):\n    raise ZeroDivisionError('by me')",
    "user": """
        from smpl_fitting.errors import FootageError
        def run(params, context):
            raise FootageError('a.mp4: holds no picture; choose another')
        """,
    "greedy": "def run(params, context):\n    raise MemoryError",
    "leave": "def run(params, context):\n    raise SystemExit(3)",
    "unspeakable": "def run(params, context):\n    return {'object': object()}",
    "numbers": """
        import numpy as np
        def run(params, context):
            return {'a': np.float32(1), 'b': float('nan')}
        """,
    "die": "import os\ndef run(params, context):\n    os._exit(7)",
}


class Client:
    """Starts a worker whose ``neural.jobs`` also finds the jobs above, and talks to it."""

    def __init__(self, folder: Path, grace: float = 5.0) -> None:
        for name, source in JOBS.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(source))
        code = (
            "import sys, neural.worker as w, neural.jobs\n"
            f"neural.jobs.__path__.append({str(folder)!r})\n"
            f"w.GRACE_S = {grace}\n"
            "sys.exit(w.main())"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=REPO,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.hello = self.read()

    def send(self, type: str, id=None, **content) -> None:
        self.send_raw(json.dumps({"v": 1, "id": id, "type": type, **content}))

    def send_raw(self, line: str) -> None:
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def read(self) -> dict:
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        assert line, "the worker has ended"
        message = json.loads(line)
        assert message["v"] == 1
        return message

    def answer(self, id) -> dict:
        """The result or error of one request, past its progress and logs, which are kept in ``seen``."""
        self.seen = []
        while True:
            message = self.read()
            if message["id"] == id and message["type"] in ("result", "error"):
                return message
            self.seen.append(message)

    def run(self, job: str, id="a", **params) -> dict:
        self.send("run", id, job=job, params=params)
        return self.answer(id)

    def close(self) -> tuple[float, str]:
        """Close stdin; how long the worker took to end, and what it wrote to stderr."""
        began = time.monotonic()
        self.process.stdin.close()
        errors = self.process.stderr.read().decode()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        return time.monotonic() - began, errors


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    client = Client(tmp_path_factory.mktemp("jobs"))
    yield client
    client.close()


def test_hello_names_versions(client):
    assert client.hello["type"] == "hello"
    assert client.hello["version"] == __version__
    assert client.hello["python"].startswith("3.")
    assert client.hello["torch"].startswith("2.")
    assert client.hello["pid"] == client.process.pid
    assert "render_frame" in client.hello["jobs"] and "context" not in client.hello["jobs"]


def test_result_and_cache(client):
    before = client.run("echo", x=1)["result"]["cache"]
    client.run("remember", key="subject")
    answer = client.run("echo", id=5, x=[1, "ü"])
    assert answer["result"] == {"params": {"x": [1, "ü"]}, "cache": before + 1}


def test_numbers_are_json(client):
    assert client.run("numbers")["result"] == {"a": 1.0, "b": None}


def test_printing_goes_to_stderr(tmp_path):
    client = Client(tmp_path)
    assert client.run("noisy")["result"] == {"child_read": 1}  # the child found stdin empty, not our requests
    assert not [message for message in client.seen if message["type"] != "log"]
    assert client.run("echo")["type"] == "result"
    _, errors = client.close()
    for speaker in ("python", "descriptor", "C", "child"):
        assert f"{speaker} speaks" in errors
    assert client.process.returncode == 0


@pytest.mark.parametrize(
    ("job", "code", "message"),
    [
        ("user", "user", "a.mp4: holds no picture; choose another"),
        ("wrong", "internal", "ZeroDivisionError: by me"),
        ("greedy", "memory", "out of memory"),
        ("leave", "internal", "SystemExit: 3"),
        ("unspeakable", "internal", "object cannot be written as JSON"),
        ("nothing", "unknown_job", "'nothing' is unknown; this version knows"),
        ("../worker", "unknown_job", "is unknown"),
        ("context", "unknown_job", "is unknown"),
    ],
)
def test_failures_are_answers(client, job, code, message):
    answer = client.run(job)
    assert (answer["type"], answer["code"]) == ("error", code)
    assert message in answer["message"] and "\n" not in answer["message"]
    tracebacks = [seen for seen in client.seen if "Traceback" in seen.get("message", "")]
    assert bool(tracebacks) == (code == "internal")
    assert client.run("echo")["type"] == "result"


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "[1]",
        "{",
        '{"v": 2, "id": "x", "type": "run", "job": "echo"}',
        '{"v": 1, "type": "run", "job": "echo"}',
        '{"v": 1, "id": "x", "type": "jump"}',
        '{"v": 1, "id": "x", "type": "run", "job": 3}',
        '{"v": 1, "id": "x", "type": "run", "job": "echo", "params": []}',
        '{"v": 1, "id": [], "type": "run", "job": "echo"}',
        "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
def test_rubbish_is_answered(client, line):
    client.send_raw(line)
    answer = client.read()
    assert (answer["type"], answer["code"]) == ("error", "protocol")
    assert client.run("echo")["type"] == "result"


def test_cancel_while_running(client):
    client.send("run", "long", job="slow", params={"steps": 4000})
    assert client.read()["type"] == "progress"
    client.send("cancel", "long")
    began = time.monotonic()
    assert client.answer("long")["code"] == "cancelled"
    assert time.monotonic() - began < 1.0
    assert client.run("echo")["type"] == "result"


def test_cancel_while_waiting_and_too_late(client):
    client.send("run", "first", job="slow", params={"steps": 100})
    client.send("run", "second", job="echo", params={})
    client.send("run", "third", job="echo", params={})
    client.send("cancel", "second")
    assert client.answer("first")["type"] == "result"
    assert client.answer("second")["code"] == "cancelled"
    assert client.answer("third")["type"] == "result"
    client.send("cancel", "third")
    assert client.run("echo")["type"] == "result"
    assert not client.seen


def test_same_id_twice(client):
    client.send("run", "twin", job="slow", params={"steps": 50})
    client.send("run", "twin", job="echo", params={})
    answers = [client.answer("twin") for _ in range(2)]
    assert sorted(answer["type"] for answer in answers) == ["error", "result"]


def test_progress_is_thin_and_has_an_eta(client):
    client.run("slow", steps=300)
    reports = [message for message in client.seen if message["type"] == "progress"]
    assert 3 <= len(reports) <= 25
    assert [report["fraction"] for report in reports] == sorted(report["fraction"] for report in reports)
    assert {report["stage"] for report in reports} == {"step 0", "step 1", "step 2"}
    assert 0 < reports[-1]["eta_s"] < 5


@pytest.mark.parametrize("job", [None, "slow"])
@pytest.mark.parametrize("how", ["stdin", "quit"])
def test_ends_within_a_second(tmp_path, job, how):
    client = Client(tmp_path)
    if job:
        client.send("run", "x", job=job, params={"steps": 10000})
        assert client.read()["type"] == "progress"
    if how == "quit":
        client.send("quit")
    seconds, _ = client.close()
    assert seconds < 1.0 and client.process.returncode == 0


def test_a_deaf_job_does_not_outlive_its_grace(tmp_path):
    client = Client(tmp_path, grace=0.5)
    client.send("run", "x", job="deaf", params={})
    time.sleep(0.2)
    seconds, _ = client.close()
    assert 0.4 < seconds < 2.0 and client.process.returncode == 1


def test_death_is_seen(tmp_path):
    client = Client(tmp_path)
    client.send("run", "x", job="die", params={})
    assert client.process.stdout.readline() == b""
    assert client.process.wait(PATIENCE) == 7
    client.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_termination_is_clean(tmp_path):
    client = Client(tmp_path)
    client.send("run", "x", job="slow", params={"steps": 10000})
    client.read()
    client.process.terminate()
    assert client.answer("x")["code"] == "cancelled"
    assert client.process.wait(PATIENCE) == 0
    client.close()


def test_module_starts_and_ends():
    """As the extension starts it, without the tests' wrapper."""
    done = subprocess.run(
        [sys.executable, "-m", "neural.worker"], cwd=REPO, input=b"", capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0 and done.stderr == b""
    assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["hello"]


def test_importing_the_worker_leaves_stdout_alone(capfd):
    assert worker.PROGRESS_PER_SECOND == 10
    print("still here")
    assert capfd.readouterr().out == "still here\n"


def test_encode_decode_are_one_line_each():
    line = encode("log", "x", message="two\nlines ü")
    assert line.count(b"\n") == 1 and json.loads(line)["message"] == "two\nlines ü"
    assert decode(b'{"v": 1, "id": 3, "type": "cancel"}').id == 3
    with pytest.raises(ProtocolError, match="needs an id"):
        decode(b'{"v": 1, "type": "cancel"}')


def test_eta_and_rate():
    now = [0.0]
    eta = Eta(lambda: now[0])
    assert eta.remaining(0.5) is None
    now[0] = 10.0
    assert eta.remaining(0.25) == pytest.approx(30.0)
    assert eta.remaining(1.0) == 0.0

    limit = RateLimit(10, lambda: now[0])
    sent = []
    for step in range(3000):
        now[0] += 0.001
        if limit.allows(f"stage {step // 7}"):
            sent.append(now[0])
    assert max(sum(1 for b in sent if a <= b < a + 1.0) for a in sent) <= 10
