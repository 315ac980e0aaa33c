"""Starting Blender with the extension: this interpreter's ``bpy`` where it is installed, else a Blender program."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from smpl_fitting.errors import LiquidMotionError

BLENDER_VARIABLE = "LIQUID_MOTION_BLENDER"
POLL_S = 0.1


def find_blender(purpose: str = "", mend: str = "") -> list[str]:
    """The command to which one of the extension's commands and its options are added.

    A Blender program named by the environment variable LIQUID_MOTION_BLENDER (with the extension installed)
    comes first, then pip's ``bpy``, then ``blender`` on the path.

    Args:
        purpose, mend: for the message: what it is needed for, and another way out.

    Raises:
        LiquidMotionError: there is no Blender.
    """
    named = os.environ.get(BLENDER_VARIABLE)
    if named:
        program = shutil.which(named)
        if program is None:
            raise LiquidMotionError(f"{named}: no such program; set {BLENDER_VARIABLE} to Blender's")
        return _extension_command(program)
    if importlib.util.find_spec("bpy") is not None:
        return [sys.executable, "-m", "blender_addon"]
    program = shutil.which("blender")
    if program is not None:
        return _extension_command(program)
    raise LiquidMotionError(
        f"Blender was not found{purpose}; pip install bpy, or set {BLENDER_VARIABLE}{mend}"
    )


def _extension_command(program: str) -> list[str]:
    return [program, "--background", "--command", "liquid_motion"]


def run_blender(command: Sequence[str], log: Path, poll: Callable[[], None] = lambda: None) -> str | None:
    """Run a command of :func:`find_blender` with its words added.

    Args:
        log: file that takes all that Blender says.
        poll: called while Blender works; may raise to cancel, which ends Blender too.

    Returns:
        Why it failed, in one line, or None.
    """
    with open(log, "wb") as output:
        code = _wait(list(command), output, poll)
    if code == 0:
        return None
    return error_line(log.read_text(errors="replace")) or f"exit code {code}"


def error_line(said: str) -> str:
    """The extension's own error line, or the last one: Blender adds its farewell."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    return (errors or lines or [""])[-1]


def _wait(command: list[str], output, poll: Callable[[], None]) -> int:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        while process.poll() is None:
            poll()
            time.sleep(POLL_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return process.returncode
