"""What a job gets besides its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from smpl_fitting.progress import Progress


@dataclass(frozen=True)
class JobContext:
    """The surroundings of one job.

    Attributes:
        progress: reports, and raises :class:`~smpl_fitting.progress.Cancelled` when asked to stop.
        cache: what later jobs of the same process may use again (loaded subjects, models).
        log: one line for whoever reads along.
    """

    progress: Progress = field(default_factory=Progress)
    cache: dict[Any, Any] = field(default_factory=dict)
    log: Callable[[str], None] = print
