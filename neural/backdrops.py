"""What stands behind the drawn person: the source's plate, nothing, a colour, a picture, or a clip."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np

from neural.compositing import fit_background, parse_colour
from neural.subject import Subject
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.video import Footage, open_footage

Backdrop = np.ndarray | None
"""A picture (H, W, 3) uint8, a colour (3,) uint8, or None for nothing."""


def still_backdrop(background: str, subject: Subject, size: tuple[int, int]) -> Backdrop:
    """``source`` (the subject's plate), ``transparent``, or a colour, as what stands behind every frame.

    Raises:
        LiquidMotionError: it is none of these.
    """
    if background == "transparent":
        return None
    if background == "source":
        return fit_background(subject.background, size)
    return np.array(parse_colour(background), np.uint8)


def check_background(background: str) -> None:
    """Complain of a background that :func:`backdrops` would not know, before anything is computed.

    Raises:
        LiquidMotionError: it is no file, no colour and neither ``source`` nor ``transparent``.
    """
    if background in ("source", "transparent") or _is_file(background):
        return
    try:
        parse_colour(background)
    except LiquidMotionError as error:
        raise LiquidMotionError(
            f"background {background!r} is neither a file nor a colour; name a picture, a clip, #rrggbb, "
            "source or transparent"
        ) from error


def backdrops(
    background: str, subject: Subject, size: tuple[int, int], count: int, fps: float
) -> Iterator[Backdrop]:
    """What stands behind each of ``count`` frames of ``size`` (height, width) at ``fps``.

    Args:
        background: as :func:`still_backdrop`, or a picture or clip, which is scaled to cover the frame. A clip plays
            at its own speed; its last frame stays where it ends too early.

    Raises:
        LiquidMotionError: it is none of these. FootageError: the file cannot be read.
    """
    if not _is_file(background):
        return repeat(still_backdrop(background, subject, size), count)
    footage = open_footage(background)
    if footage.is_still:
        return repeat(fit_background(np.ascontiguousarray(footage.frame(0)[..., :3]), size), count)
    return _played(footage, size, count, fps)


def _played(footage: Footage, size: tuple[int, int], count: int, fps: float) -> Iterator[np.ndarray]:
    wanted = np.minimum(np.round(np.arange(count) * footage.fps / fps), footage.frame_count - 1).astype(int)
    row = 0
    for index, frame in footage.frames(0, int(wanted[-1]) + 1):
        shown = None
        while row < count and wanted[row] == index:
            shown = fit_background(np.ascontiguousarray(frame[..., :3]), size) if shown is None else shown
            yield shown
            row += 1


def _is_file(background: str) -> bool:
    return not background.startswith("#") and Path(background).exists()
