"""Several frames at work at once, handed on in their order: they do not depend on each other."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Done = TypeVar("Done")

MOST_WORKERS = 4
"""Each holds the samples of one frame: 0.3 GB at 1920 x 1920."""


def available_cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(
    work: Callable[[Item], Done], items: Iterable[Item], workers: int
) -> Generator[Done, None, None]:
    """``work`` of every item, in the items' order, by ``workers`` threads that run at most one item each ahead.

    Torch's own threads are shared out among the workers: two frames on a core each are done sooner than one after
    the other on both, which wait for each other in every operation. ``items`` is read by the caller's thread. An
    exception is raised in its item's place; leaving the loop early waits for what has begun.
    """
    if workers == 1:
        yield from map(work, items)
        return
    threads = torch.get_num_threads()
    share = max(1, threads // workers)
    executor = ThreadPoolExecutor(workers, "frame", initializer=torch.set_num_threads, initargs=(share,))
    pending: deque[Future[Done]] = deque()
    try:
        for item in items:
            if len(pending) == 2 * workers:
                yield pending.popleft().result()
            pending.append(executor.submit(work, item))
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(threads)  # the workers' setting would also be that of threads still to come
