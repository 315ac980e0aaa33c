"""The worker process: started, talked to in JSON lines, cancelled, and ended (design, section 2).

The protocol's other side is ``neural/worker.py``. Messages are ``{"v": 1, "id": …, "type":
"hello|progress|log|result|error", …}``, requests ``{"v": 1, "id": …, "type": "run|cancel|quit", …}``.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from .errors import AddonError

PROTOCOL_VERSION = 1
START_TIMEOUT_S = 60.0
SILENCE_TIMEOUT_S = 300.0
"""A job that reports nothing for this long is taken for hung."""
CANCEL_TIMEOUT_S = 5.0
_POLL_S = 0.05
_STDERR_LINES = 40

Report = Callable[[str, float, "float | None"], None]
"""``report(stage, fraction, eta_s)``."""


class WorkerError(AddonError):
    """The worker could not be started, died, or does not follow the protocol. ``details``: its last output."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class JobError(AddonError):
    """The job failed and the worker lives on. ``code`` is the protocol's: user, memory, internal …"""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class JobCancelled(Exception):
    """The job ended because it was cancelled."""


class Worker:
    """One worker process. ``run`` may be called from any thread; jobs wait for one another inside the worker."""

    def __init__(self, command: list[str]) -> None:
        """Start ``command`` without waiting for it to be ready.

        Raises:
            WorkerError: the program cannot be started.
        """
        self._command = command
        self._stderr: collections.deque[str] = collections.deque(maxlen=_STDERR_LINES)
        self._answers: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}
        self._hello: dict[str, Any] | None = None
        self._rubbish = ""
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self.folder = Path(tempfile.mkdtemp(prefix="liquid_motion_"))
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=worker_environment(),
                # beside this package: where `neural` is in a source tree, and no folder of the user's,
                # whose files Python would take for modules
                cwd=Path(__file__).parents[1],
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise WorkerError(
                f"{command[0]}: the worker cannot be started ({error.strerror}); "
                "choose the Python of your liquid-motion environment in the preferences"
            ) from error
        self._threads = [
            threading.Thread(target=target, name="liquid-motion", daemon=True)
            for target in (self._read_messages, self._read_stderr)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None and not self._rubbish

    @property
    def greeting(self) -> dict[str, Any] | None:
        """What it has said of itself, None before."""
        return self._hello

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self, cancelled: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """The worker's greeting: its version, Python, torch and kinds of job.

        Raises:
            WorkerError: it died, printed rubbish, or said nothing for ``START_TIMEOUT_S``.
            JobCancelled: ``cancelled()`` became true.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._hello is None:
            self._check_alive()
            if cancelled():
                raise JobCancelled
            if time.monotonic() > deadline:
                self.close()
                raise self._error(f"said nothing for {START_TIMEOUT_S:.0f} s after its start")
            time.sleep(_POLL_S)
        return self._hello

    def run(
        self,
        job: str,
        params: dict[str, Any],
        *,
        report: Report | None = None,
        log: Callable[[str], None] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        cancel_timeout_s: float | None = None,
        silence_timeout_s: float = SILENCE_TIMEOUT_S,
    ) -> dict[str, Any]:
        """Run a job and wait for its result.

        Args:
            job: a kind of job, a module of ``neural/jobs``.
            params: JSON values; arrays travel as files, for instance in ``folder``.
            report: called in this thread with every progress message; log: with the text of every log message.
            cancelled: polled about 20 times a second.
            cancel_timeout_s: how long the job may take to stop then before the worker is ended
                (``CANCEL_TIMEOUT_S``).

        Raises:
            JobError: the job failed.
            JobCancelled: ``cancelled()`` became true. A worker that does not stop in time is ended.
            WorkerError: the worker died, printed rubbish, or was silent for ``silence_timeout_s``.
        """
        self.wait_until_ready(cancelled)
        id = str(next(self._ids))
        answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._answers[id] = answers
        try:
            self._send({"id": id, "type": "run", "job": job, "params": params})
            return self._await(id, job, answers, report, log, cancelled, cancel_timeout_s, silence_timeout_s)
        finally:
            del self._answers[id]

    def _await(
        self, id, job, answers, report, log, cancelled, cancel_timeout_s, silence_timeout_s
    ) -> dict[str, Any]:
        deadline = time.monotonic() + silence_timeout_s
        cancelling = False
        while True:
            try:
                message = answers.get(timeout=_POLL_S)
            except queue.Empty:
                self._check_alive()
                if not cancelling and cancelled():
                    cancelling = True
                    self._send({"id": id, "type": "cancel"})
                    deadline = time.monotonic() + (
                        CANCEL_TIMEOUT_S if cancel_timeout_s is None else cancel_timeout_s
                    )
                if time.monotonic() > deadline:
                    self.close(patience_s=0.0)
                    if cancelling:
                        raise JobCancelled from None
                    raise self._error(f"was silent for {silence_timeout_s:.0f} s in job {job!r}") from None
                continue
            if not cancelling:
                deadline = time.monotonic() + silence_timeout_s
            kind = message["type"]
            if kind == "result":
                return message.get("result") or {}
            if kind == "error":
                if message.get("code") == "cancelled":
                    raise JobCancelled
                raise JobError(str(message.get("code")), str(message.get("message")))
            if kind == "progress" and report is not None:
                report(str(message.get("stage")), float(message.get("fraction") or 0), message.get("eta_s"))
            if kind == "log" and log is not None:
                log(str(message.get("message")))

    def close(self, patience_s: float = 2.0) -> None:
        """Ask the worker to quit, end it if it does not in time, and remove its folder. May be called again."""
        with contextlib.suppress(WorkerError):
            self._send({"id": None, "type": "quit"})
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=1.0)
        for stream in (self._process.stdout, self._process.stderr):
            stream.close()  # type: ignore[union-attr]
        shutil.rmtree(self.folder, ignore_errors=True)

    def _send(self, request: dict[str, Any]) -> None:
        line = (json.dumps({"v": PROTOCOL_VERSION, **request}) + "\n").encode("ascii")
        try:
            with self._lock:
                self._process.stdin.write(line)  # type: ignore[union-attr]
                self._process.stdin.flush()  # type: ignore[union-attr]
        except (OSError, ValueError) as error:  # ValueError: the pipe is closed on our side
            self._check_alive()
            raise self._error("does not take requests any more") from error

    def _read_messages(self) -> None:
        for line in self._process.stdout:  # type: ignore[union-attr]
            try:
                message = json.loads(line)
                kind, version = message["type"], message["v"]
                if version != PROTOCOL_VERSION:
                    raise ValueError(f"protocol version {version}")
            except (ValueError, KeyError, TypeError):
                self._rubbish = line.decode("utf-8", "replace").strip()[:200]
                self._process.kill()
                return
            if kind == "hello":
                self._hello = message
            elif message.get("id") in self._answers:
                self._answers[message["id"]].put(message)

    def _read_stderr(self) -> None:
        for line in self._process.stderr:  # type: ignore[union-attr]
            self._stderr.append(line.decode("utf-8", "replace").rstrip())

    def _check_alive(self) -> None:
        if self.alive:
            return
        code = self._process.wait()
        for thread in self._threads:
            thread.join(timeout=1.0)  # the last words may still be in the pipe
        if self._rubbish:
            raise self._error(f"printed what is not a message ({self._rubbish!r})")
        raise self._error(_how_it_ended(code))

    def _error(self, what: str) -> WorkerError:
        details = "\n".join(self._stderr)
        last = next((line for line in reversed(self._stderr) if line.strip()), "")
        words = f"; its last line: {last.strip()}" if last else ""
        return WorkerError(f"the worker ({self._command[0]}) {what}{words}", details)


def worker_environment() -> dict[str, str]:
    """Ours, less what would make another Python look for its library in Blender's, and with the Blender that jobs
    may start: an environment that was created for the worker has none of its own."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT")}
    if bpy.app.binary_path:
        kept.setdefault("LIQUID_MOTION_BLENDER", bpy.app.binary_path)
    return kept


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return "was killed (SIGKILL; often the system does so when memory runs out: try a smaller size)"
    return f"was ended by {name}"


_shared: dict[tuple[str, str], Worker] = {}
_shared_lock = threading.Lock()


def shared_worker(python: str, role: str = "render") -> Worker:
    """The worker of a role, started once and used again; a dead one is replaced.

    Raises:
        WorkerError: it cannot be started.
    """
    with _shared_lock:
        worker = _shared.get((python, role))
        if worker is not None and not worker.alive:
            worker.close()
            worker = None
        if worker is None:
            worker = _shared[python, role] = Worker([python, "-m", "neural.worker"])
        return worker


def known_jobs(python: str) -> frozenset[str] | None:
    """The kinds of job that the workers of this interpreter know; None while none has said so yet."""
    for (path, _), worker in list(_shared.items()):
        if path == python and worker.greeting is not None:
            return frozenset(worker.greeting.get("jobs", ()))
    return None


def stop_workers() -> None:
    """End the shared workers: when the extension is disabled, and at exit."""
    with _shared_lock:
        for worker in _shared.values():
            worker.close()
        _shared.clear()


def register() -> None:
    _survive_broken_pipes()
    atexit.register(stop_workers)


def _survive_broken_pipes() -> None:
    """Turn a write to a dead worker into an error.

    Blender starts Python without its signal set-up (seen in 4.3.2), so that SIGPIPE would end Blender and the
    scene with it. Programs that Python starts get the default back.
    """
    if not hasattr(signal, "SIGPIPE") or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def unregister() -> None:
    atexit.unregister(stop_workers)
    stop_workers()
