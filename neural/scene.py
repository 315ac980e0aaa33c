"""Has Blender build the scene file: this interpreter's ``bpy`` where it is installed, else a Blender program."""

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
from smpl_fitting.files import atomic_path

BLENDER_VARIABLE = "LIQUID_MOTION_BLENDER"
POLL_S = 0.1


def find_blender() -> list[str]:
    """The command to which ``build-scene`` and its options are added.

    A Blender program named by the environment variable LIQUID_MOTION_BLENDER (with the extension installed)
    comes first, then pip's ``bpy``, then ``blender`` on the path.

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
        f"Blender was not found for scene.blend; pip install bpy, set {BLENDER_VARIABLE}, or give --no-scene"
    )


def _extension_command(program: str) -> list[str]:
    return [program, "--background", "--command", "liquid_motion"]


def build_scene_file(
    blender: Sequence[str],
    scene: Path,
    *,
    motion: Path,
    subject: Path,
    background: str,
    plate: Path | None = None,
    footage: Path | None = None,
    poll: Callable[[], None] = lambda: None,
) -> None:
    """Write ``scene``, whole or not at all.

    Args:
        blender: from :func:`find_blender`.
        background: ``plate``, ``driving``, ``transparent`` or a colour ``#rrggbb``.
        poll: called while Blender works; may raise to cancel, which ends Blender too.

    Raises:
        LiquidMotionError: Blender failed; its last line says why.
    """
    with atomic_path(scene) as temporary:
        options = {
            "--motion": motion,
            "--body": subject / "body.npz",
            "--subject": subject,
            "--plate": plate,
            "--footage": footage,
            "--background": background,
            "--out": temporary,
        }
        words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
        log = scene.with_suffix(".log")
        with open(log, "wb") as output:
            code = _wait([*blender, "build-scene", *words], output, poll)
        if code != 0 or temporary.stat().st_size == 0:
            reason = _reason(log.read_text(errors="replace")) or f"exit code {code}"
            raise LiquidMotionError(
                f"{scene}: Blender could not build the scene ({reason}); the log is {log}"
            )
    log.unlink()


def _reason(said: str) -> str:
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
