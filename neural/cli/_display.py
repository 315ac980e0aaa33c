"""Progress on stderr: a bar with an ETA on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol, TextIO

from neural.eta import Eta

LINE_EVERY_S = 3.0


class Display(Protocol):
    """What a job reports to."""

    def report(self, stage: str, fraction: float) -> None: ...

    def log(self, text: str) -> None: ...


@contextlib.contextmanager
def display(stream: TextIO) -> Iterator[Display]:
    """The display that suits ``stream``."""
    if stream.isatty():
        with _bar(stream) as bar:
            yield bar
    else:
        yield PlainDisplay(stream)


class PlainDisplay:
    """One line when a stage begins, and one every few seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._eta = Eta(clock)
        self._stage = ""
        self._last = clock()

    def report(self, stage: str, fraction: float) -> None:
        now = self._clock()
        if stage == self._stage and now - self._last < LINE_EVERY_S:
            return
        self._stage, self._last = stage, now
        self.log(f"{fraction:4.0%} {stage or 'Working'}{_left(self._eta.remaining(fraction))}")

    def log(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f", {minutes}:{rest:02d} left"


@contextlib.contextmanager
def _bar(stream: TextIO) -> Iterator[Display]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task("Starting", total=1.0, left="")
        eta = Eta()

        class Bar:
            def report(self, stage: str, fraction: float) -> None:
                left = _left(eta.remaining(fraction)).lstrip(", ")
                progress.update(task, description=stage or "Working", completed=fraction, left=left)

            def log(self, text: str) -> None:
                progress.console.print(text, markup=False, highlight=False)

        yield Bar()
