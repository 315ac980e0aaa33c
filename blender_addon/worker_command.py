"""``blender --command liquid_motion run|fit …``: the worker's own command line, in the worker's Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from .errors import AddonError
from .jobs import worker_environment
from .preferences import worker_python

COMMANDS = {
    "run": "let the person of the source do what the driving clip shows: frames, a movie, a scene",
    "fit": "fit the body to the person in a clip or photo: a motion file",
}
_START = "import sys; from neural.cli import main; main(sys.argv[1:])"


def run_in_worker(arguments: list[str]) -> int:
    """Run ``liquid-motion`` with these words; it prints to this terminal. Returns its exit code.

    Raises:
        AddonError: there is no Python for the worker, or it cannot be started.
    """
    python = worker_python()
    try:
        process = subprocess.Popen([python, "-c", _START, *arguments], env=_environment())
    except OSError as error:
        raise AddonError(
            f"{python}: cannot be started ({error.strerror}); choose the Python of your liquid-motion environment"
        ) from error
    before = signal.signal(
        signal.SIGTERM, lambda *_: process.terminate()
    )  # a farm that cancels ends the work too
    try:
        code = process.wait()
    except KeyboardInterrupt:  # the terminal has sent it to both
        code = process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.stdout.flush()
    return code if code >= 0 else 128 - code


def _environment() -> dict[str, str]:
    """The worker's; in a source tree, with the packages beside this one."""
    environment = worker_environment()
    source_tree = Path(__file__).parents[1]
    if (source_tree / "neural").is_dir():
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(source_tree), *filter(None, [environment.get("PYTHONPATH")])]
        )
    return environment
