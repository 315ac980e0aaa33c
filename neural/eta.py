"""How long a job will still take, and how often to say so."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_MIN_FRACTION = 0.01
_MIN_ELAPSED = 0.5


class Eta:
    """Seconds left, from the share done and the time it took."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()

    @property
    def elapsed(self) -> float:
        return self._clock() - self._began

    def remaining(self, fraction: float) -> float | None:
        """Seconds left when ``fraction`` of the job is done; ``None`` while it is too early to tell."""
        elapsed = self.elapsed
        if fraction < _MIN_FRACTION or elapsed < _MIN_ELAPSED:
            return None
        return elapsed * (1.0 - fraction) / fraction


class RateLimit:
    """Thins a stream of reports to ``per_second`` at most. A new stage is let through first.

    Otherwise the first report of a long stage could be dropped, and the old stage's name would stay up.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._interval = 1.25 / per_second
        self._sent: deque[float] = deque(maxlen=per_second)
        self._stage: str | None = None

    def allows(self, stage: str) -> bool:
        """Whether to send this report now; counts it as sent if so."""
        now = self._clock()
        if len(self._sent) == self._sent.maxlen and now - self._sent[0] < 1.0:
            return False
        if self._sent and stage == self._stage and now - self._sent[-1] < self._interval:
            return False
        self._sent.append(now)
        self._stage = stage
        return True
