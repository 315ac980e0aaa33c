"""The worker process: JSON lines in on stdin, JSON lines out on stdout, one job at a time.

Started as ``python -m neural.worker`` by the Blender extension. Libraries print to stdout, some of them from C.
So before anything else is imported the worker keeps a duplicate of descriptor 1 for the protocol, and points 1
at stderr. Descriptor 0 is kept likewise: a program that a job starts must not read our requests.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import platform
import queue
import signal
import sys
import threading
import time
import traceback
from importlib import metadata
from typing import Any, BinaryIO

PROGRESS_PER_SECOND = 10
GRACE_S = 5.0
"""How long a running job may take to clean up after stdin closed before the process is ended regardless."""


def main() -> int:
    """Serve until stdin closes or ``quit`` is asked."""
    requests, replies = take_stdio()
    faulthandler.enable(2)
    return Worker(requests, replies).serve()


def take_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for the protocol: 0 then reads nothing and 1 writes to stderr, for C code too."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    sys.stdout.flush()
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return requests, replies


class Worker:
    """Runs jobs on the calling thread while another thread reads requests."""

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests = requests
        self._replies = replies
        self._reply_lock = threading.Lock()
        # SimpleQueue, because its put may be called from a signal handler.
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._cancels: dict[str | int, threading.Event] = {}
        self._cancels_lock = threading.Lock()
        self._closing = threading.Event()
        self._cache: dict[Any, Any] = {}

    def serve(self) -> int:
        """Say hello, then work until told to stop. Returns the exit code."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: self._close())
        self._send("hello", None, **_versions())
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        while (request := self._queue.get()) is not None:
            self._run(request)
            if self._closing.is_set():
                break
        return 0

    def _read(self) -> None:
        """The reader thread: sorts requests until stdin closes."""
        from neural.protocol import ProtocolError, decode

        try:
            for line in self._requests:
                if not line.strip():
                    continue
                try:
                    request = decode(line)
                    if request.type == "quit":
                        break
                    self._accept(request)
                except ProtocolError as error:
                    self._send("error", error.id, code="protocol", message=str(error))
        finally:
            self._close()
        time.sleep(GRACE_S)
        os._exit(1)

    def _accept(self, request) -> None:
        from neural.protocol import ProtocolError

        with self._cancels_lock:
            known = self._cancels.get(request.id)
            if request.type == "run" and known is None:
                self._cancels[request.id] = threading.Event()
        if request.type == "cancel":
            if known is not None:  # else it has just ended, and its answer is on the way
                known.set()
        elif known is not None:
            raise ProtocolError(f"a job with id {request.id!r} is already waiting or running", request.id)
        else:
            self._queue.put(request)

    def _close(self) -> None:
        self._closing.set()
        for cancel in list(self._cancels.values()):
            cancel.set()
        self._queue.put(None)

    def _run(self, request) -> None:
        """One job, and its one answer: a result or an error."""
        from neural.failures import describe_failure
        from neural.jobs import UnknownJobError, load_job
        from neural.protocol import encode
        from smpl_fitting.progress import Cancelled

        cancel = self._cancels[request.id]
        try:
            if cancel.is_set():
                raise Cancelled
            result = load_job(request.job)(request.params, self._context(request.id, cancel))
            answer = encode("result", request.id, result=result)
        except UnknownJobError as error:
            answer = encode("error", request.id, code="unknown_job", message=str(error))
        except BaseException as error:  # whatever a job does, SystemExit too, the worker answers and lives on
            failure = describe_failure(error)
            if failure.code == "internal":
                self._log(request.id, "error", traceback.format_exc())
            if failure.code == "memory":
                self._cache.clear()
            answer = encode("error", request.id, code=failure.code, message=failure.message)
        with self._cancels_lock:
            del self._cancels[request.id]
        self._write(answer)

    def _context(self, id: str | int, cancel: threading.Event):
        from neural.eta import Eta, RateLimit
        from neural.jobs.context import JobContext
        from smpl_fitting.progress import Progress

        eta = Eta()
        limit = RateLimit(PROGRESS_PER_SECOND)

        def report(stage: str, fraction: float) -> None:
            if limit.allows(stage):
                self._send("progress", id, stage=stage, fraction=fraction, eta_s=eta.remaining(fraction))

        def log(text: str) -> None:
            self._log(id, "info", text)

        return JobContext(Progress(report, cancel.is_set), self._cache, log)

    def _log(self, id: str | int | None, level: str, text: str) -> None:
        self._send("log", id, level=level, message=text)

    def _send(self, kind: str, id: str | int | None, **content: Any) -> None:
        from neural.protocol import encode

        self._write(encode(kind, id, **content))

    def _write(self, line: bytes) -> None:
        # A broken pipe means the other side is gone: stdin closes too, and that ends the worker.
        with self._reply_lock, contextlib.suppress(BrokenPipeError):
            self._replies.write(line)
            self._replies.flush()


def _versions() -> dict[str, Any]:
    """What the other side wants to know first; read from metadata, since importing torch takes seconds."""
    from neural import __version__
    from neural.jobs import job_kinds

    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = None
    return {
        "version": __version__,
        "python": platform.python_version(),
        "torch": torch,
        "pid": os.getpid(),
        "jobs": job_kinds(),
    }


if __name__ == "__main__":
    sys.exit(main())
