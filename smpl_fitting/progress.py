"""Progress and cancellation, passed down as one object by everything that may take over two seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

Report = Callable[[str, float], None]
"""``report(stage, fraction)`` with ``fraction`` in [0, 1] over the whole job."""


class Cancelled(Exception):
    """The user asked to stop. Not an error: nothing half-written may be left behind."""


class Progress:
    """A range of the whole job's progress.

    Args:
        report: called with the stage's name and the overall fraction; ``None`` reports nowhere.
        cancelled: polled at every step; when it returns true, :class:`Cancelled` is raised.
        start, stop: the part of the whole job, in [0, 1], that this object covers.
    """

    def __init__(
        self,
        report: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
        *,
        start: float = 0.0,
        stop: float = 1.0,
        stage: str = "",
    ) -> None:
        self._report = report
        self._cancelled = cancelled
        self._start = start
        self._stop = stop
        self._stage = stage

    def part(self, stage: str, start: float, stop: float) -> Progress:
        """Progress of a stage that covers [start, stop] of this range."""
        span = self._stop - self._start
        return Progress(
            self._report,
            self._cancelled,
            start=self._start + span * start,
            stop=self._start + span * stop,
            stage=stage or self._stage,
        )

    def update(self, fraction: float) -> None:
        """Report ``fraction`` of this range as done. Raises :class:`Cancelled` when asked to stop."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled
        if self._report is not None:
            fraction = min(max(fraction, 0.0), 1.0)
            self._report(self._stage, self._start + (self._stop - self._start) * fraction)

    def track(self, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield ``items``, reporting after each of the ``total`` expected."""
        self.update(0.0)
        for done, item in enumerate(items, start=1):
            yield item
            self.update(done / max(total, 1))
