"""Has Blender build the scene file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from neural import blender as blender_program
from neural.blender import run_blender
from neural.renderers import WARP
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path


def find_blender() -> list[str]:
    """The command to which ``build-scene`` and its options are added; see :func:`neural.blender.find_blender`.

    Raises:
        LiquidMotionError: there is no Blender.
    """
    return blender_program.find_blender(" for scene.blend", ", or give --no-scene")


def build_scene_file(
    blender: Sequence[str],
    scene: Path,
    *,
    motion: Path,
    subject: Path,
    background: str,
    plate: Path | None = None,
    footage: Path | None = None,
    renderer: str = WARP,
    poll: Callable[[], None] = lambda: None,
) -> None:
    """Write ``scene``, whole or not at all.

    Args:
        blender: from :func:`find_blender`.
        background: ``plate``, ``driving``, ``transparent`` or a colour ``#rrggbb``.
        renderer: that of the scene's render engine.
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
            "--renderer": renderer,
            "--out": temporary,
        }
        words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
        log = scene.with_suffix(".log")
        reason = run_blender([*blender, "build-scene", *words], log, poll)
        if reason is None and temporary.stat().st_size == 0:
            reason = "nothing was written"
        if reason is not None:
            raise LiquidMotionError(
                f"{scene}: Blender could not build the scene ({reason}); the log is {log}"
            )
    log.unlink()
