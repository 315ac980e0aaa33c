"""Run one job for a command: show progress, print the result or the error, end with the right code."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, TextIO

import typer

from neural.failures import Failure, describe_failure

FAILED = 1
INTERRUPTED = 130
CHATTER_LINES = 20

Show = Callable[[dict[str, Any]], str]
"""Makes the lines that a person reads from a job's result."""


@dataclass(frozen=True)
class Streams:
    """The real stdout and stderr, and the file that takes what libraries print meanwhile."""

    out: TextIO
    err: TextIO
    chatter: IO[bytes]


def perform(kind: str, params: dict[str, Any], show: Show, *, as_json: bool = False) -> dict[str, Any]:
    """Run the job ``kind`` as the worker would, here.

    stdout gets the result alone: the lines of ``show``, or a JSON object with ``status`` ``ok`` or ``error``.

    Raises:
        typer.Exit: the job failed (1) or was interrupted (130); the error has been printed.
    """
    from neural.cli._display import display
    from neural.jobs import load_job
    from neural.jobs.context import JobContext
    from neural.protocol import to_json
    from smpl_fitting.progress import Progress

    with _own_streams() as streams, _terminable():
        try:
            with display(streams.err) as shown:
                context = JobContext(Progress(shown.report), {}, shown.log)
                result = load_job(kind)(params, context)
            text = json.dumps({"status": "ok", **to_json(result)}) if as_json else show(result)
        except (Exception, KeyboardInterrupt) as error:
            failure = describe_failure(error)
            if failure.code == "internal":
                _explain(error, streams)
            _fail(failure, streams, as_json=as_json)
        print(text, file=streams.out, flush=True)
    return result


def _fail(failure: Failure, streams: Streams, *, as_json: bool) -> None:
    """Print a failure and end.

    Raises:
        typer.Exit: always.
    """
    if as_json:
        answer = {"status": "error", "code": failure.code, "message": failure.message}
        print(json.dumps(answer), file=streams.out, flush=True)
    cancelled = failure.code == "cancelled"
    print("cancelled" if cancelled else f"error: {failure.message}", file=streams.err, flush=True)
    raise typer.Exit(INTERRUPTED if cancelled else FAILED)


def _explain(error: BaseException, streams: Streams) -> None:
    """What a report of a fault of ours needs: what libraries said last, and where it happened."""
    sys.stderr.flush()
    streams.chatter.seek(0)
    for line in streams.chatter.read().decode(errors="replace").splitlines()[-CHATTER_LINES:]:
        print(line, file=streams.err)
    traceback.print_exception(error, file=streams.err)


@contextlib.contextmanager
def _own_streams() -> Iterator[Streams]:
    """Keep stdout for the result, stderr for progress; what libraries print, from C too, goes to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with contextlib.ExitStack() as stack:
        chatter = stack.enter_context(tempfile.TemporaryFile())
        out, err = (
            stack.enter_context(os.fdopen(descriptor, "w", encoding="utf-8", errors="replace"))
            for descriptor in kept
        )
        stack.callback(_restore, kept)
        for descriptor in (1, 2):
            os.dup2(chatter.fileno(), descriptor)
        faulthandler.enable(err)  # a crash of native code is told where it is seen
        stack.callback(faulthandler.disable)
        yield Streams(out, err, chatter)


def _restore(kept: list[int]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    for descriptor, original in zip((1, 2), kept, strict=True):
        os.dup2(original, descriptor)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let a polite kill unwind the stack, so that temporary files and child processes go."""

    def end(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
