"""The one door to footage of any kind."""

from __future__ import annotations

from pathlib import Path

from smpl_fitting.errors import FootageError
from smpl_fitting.video.clip import ClipFootage
from smpl_fitting.video.footage import Footage
from smpl_fitting.video.images import is_picture_name
from smpl_fitting.video.pictures import PictureFootage, find_pictures, is_pattern


def open_footage(path: str | Path, fps: float | None = None) -> Footage:
    """Open a film (mp4, mov, webm, avi, gif …), a folder or pattern of pictures, or a single picture.

    Args:
        path: a file, a folder, or a pattern with ``####``, ``%04d`` or ``*``.
        fps: for pictures, their rate (24 by default); for films, a rate to resample to.

    Raises:
        FootageError: it is missing, empty, damaged, not footage, or too small to show a person.
    """
    path = Path(path)
    if fps is not None and not 0 < fps <= 1000:
        raise FootageError(
            f"{path}: a rate of {fps} frames per second makes no sense; give one between 1 and 1000"
        )
    if path.is_dir():
        return PictureFootage(path, find_pictures(path), fps)
    if path.is_file():
        return PictureFootage(path, [path], fps) if is_picture_name(path) else ClipFootage(path, fps)
    if is_pattern(path):
        return PictureFootage(path, find_pictures(path), fps)
    raise FootageError(f"{path}: no such file or folder; check the name")
