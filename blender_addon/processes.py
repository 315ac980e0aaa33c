"""Running a program line by line: its output as it comes, and its end, with all it started, within a second."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from .errors import AddonError
from .jobs import JobCancelled

_POLL_S = 0.1
_WINDOWS = sys.platform == "win32"


def run_command(
    command: list[str],
    environment: dict[str, str],
    on_line: Callable[[str], None],
    cancelled: Callable[[], bool],
    keep_open: tuple[int, ...] = (),
) -> int:
    """Run a program to its end and return its exit code.

    Args:
        environment: all of its environment variables.
        on_line: called in this thread with every line of stdout and stderr, and with ``""`` while there is none.
        cancelled: polled ten times a second.
        keep_open: descriptors that it inherits, on systems other than Windows.

    Raises:
        AddonError: it cannot be started.
        JobCancelled: ``cancelled()`` became true; the program and its children are gone.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=() if _WINDOWS else keep_open,
            start_new_session=not _WINDOWS,  # so that a signal reaches its children too
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise AddonError(
            f"{command[0]}: cannot be started ({error.strerror}); choose another Python"
        ) from error
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process, lines), name="liquid-motion-pipe", daemon=True)
    reader.start()
    try:
        while True:
            if cancelled():
                raise JobCancelled
            try:
                line = lines.get(timeout=_POLL_S)
            except queue.Empty:
                on_line("")
                continue
            if line is None:
                return process.wait()
            on_line(line.decode("utf-8", "replace").rstrip())
    finally:
        end_tree(process)
        reader.join(timeout=1.0)
        process.stdout.close()  # type: ignore[union-attr]


def end_tree(process: subprocess.Popen) -> None:
    """End a program and all that it started, at once."""
    if process.poll() is not None:
        return
    if _WINDOWS:
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(process.pid)],
            capture_output=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(process: subprocess.Popen, lines: queue.SimpleQueue[bytes | None]) -> None:
    for line in process.stdout:  # type: ignore[union-attr]
        lines.put(line)
    lines.put(None)
