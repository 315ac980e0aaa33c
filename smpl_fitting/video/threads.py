"""Decoding ahead and encoding behind in threads, a few items at most, so that both overlap with computing."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.1


def ahead(items: Iterator[T], depth: int = 3) -> Generator[T, None, None]:
    """Yield ``items`` as they are, produced by a thread that runs at most ``depth`` of them ahead.

    An exception of the producer is raised here, in its place. Leaving the loop early (or closing the
    generator) ends the thread and closes ``items`` before it returns.
    """
    results: queue.Queue = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(kind: str, value) -> bool:
        while not stopped.is_set():
            try:
                results.put((kind, value), timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # handed to the consumer, who raises it
            put("error", error)
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=produce, name="decode-ahead", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = results.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stopped.set()
        thread.join()


class Behind:
    """Calls made in the background, a few waiting at most, so that encoding overlaps with computing.

    The exception of a call is raised by the next ``submit`` or by ``finish``. With one worker the calls run in
    the order given.
    """

    def __init__(self, name: str, workers: int = 1, depth: int = 4) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._depth = depth
        self._pending: deque[Future] = deque()

    def submit(self, function: Callable[..., object], *arguments) -> None:
        """Queue ``function(*arguments)``; waits while the queue is full."""
        while self._pending and (len(self._pending) >= self._depth or self._pending[0].done()):
            self._pending.popleft().result()
        self._pending.append(self._executor.submit(function, *arguments))

    def finish(self) -> None:
        """Wait for all calls and end the threads."""
        try:
            while self._pending:
                self._pending.popleft().result()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Drop the calls that have not begun, wait for those that have, and end the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()
