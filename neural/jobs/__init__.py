"""The kinds of work, one module each: ``run(params: dict, context: JobContext) -> dict``.

A kind is the name of its module, so a new file is a new kind. Worker and commands call the same ``run``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError

Job = Callable[[dict[str, Any], JobContext], dict[str, Any]]

_NOT_JOBS = {"context"}


class UnknownJobError(LiquidMotionError):
    """A kind of job that no module of this package provides."""


def job_kinds() -> list[str]:
    """The kinds of job there are, without importing any of them."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in names if name not in _NOT_JOBS and not name.startswith("_"))


def load_job(kind: str) -> Job:
    """The ``run`` function of a kind of job.

    Raises:
        UnknownJobError: there is no such kind.
    """
    kinds = job_kinds()
    if kind not in kinds:
        raise UnknownJobError(f"job {kind!r} is unknown; this version knows {', '.join(kinds)}")
    return importlib.import_module(f"{__name__}.{kind}").run
