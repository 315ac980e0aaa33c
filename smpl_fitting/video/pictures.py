"""Picture sequences (folder, ####, %04d, glob) and single pictures as footage."""

from __future__ import annotations

import glob
import re
from pathlib import Path

import numpy as np

from smpl_fitting.errors import FootageError
from smpl_fitting.video.footage import Footage, Frames, check_size
from smpl_fitting.video.images import is_picture_name, read_image

DEFAULT_FPS = 24.0  # Blender's; pictures record no rate


class PictureFootage(Footage):
    """Pictures of one size, one after the other."""

    def __init__(self, path: Path, pictures: list[Path], fps: float | None = None) -> None:
        self.path = path
        self.fps = fps or DEFAULT_FPS
        self.times = np.arange(len(pictures)) / self.fps
        self._pictures = pictures
        first = read_image(pictures[0])
        self.image_size = (first.shape[0], first.shape[1])
        check_size(pictures[0], self.image_size)
        self.has_alpha = first.shape[2] == 4 and bool((first[..., 3] < 255).any())

    def _decode(self, wanted: range) -> Frames:
        for index in wanted:
            yield index, self._read(self._pictures[index])

    def _read(self, path: Path) -> np.ndarray:
        picture = read_image(path)
        if picture.shape[:2] != self.image_size:
            height, width = self.image_size
            raise FootageError(
                f"{path}: is {picture.shape[1]}x{picture.shape[0]} pixels, but the sequence began with "
                f"{width}x{height}; give pictures of one size"
            )
        if self.has_alpha and picture.shape[2] == 3:
            opaque = np.full((*self.image_size, 1), 255, np.uint8)
            return np.concatenate([picture, opaque], axis=2)
        return picture if self.has_alpha else np.ascontiguousarray(picture[..., :3])


def find_pictures(path: Path) -> list[Path]:
    """The pictures of a folder, or those matching ``####``, ``%04d`` or a glob, by number.

    Raises:
        FootageError: there are none.
    """
    if path.is_dir():
        found = [file for file in path.iterdir() if is_picture_name(file) and not file.name.startswith(".")]
    else:
        found = _matching(path)
    if not found:
        raise FootageError(
            f"{path}: no pictures found; give a film, a picture, or a folder of PNG, JPEG, WebP, TIFF or EXR pictures"
        )
    return sorted(found, key=_natural_key)


def is_pattern(path: Path) -> bool:
    return bool(re.search(r"#|%0?\d*d|[*?\[]", path.name))


def _matching(path: Path) -> list[Path]:
    numbered = re.sub(r"%0?\d*d", "#", path.name)
    if "#" not in numbered:
        return [Path(name) for name in glob.glob(str(path)) if Path(name).is_file()]
    before, after = re.split(r"#+", numbered, maxsplit=1)
    name = re.compile(re.escape(before) + r"\d+" + re.escape(after))
    if not path.parent.is_dir():
        return []
    return [file for file in path.parent.iterdir() if name.fullmatch(file.name)]


def _natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sorts "2" before "10"."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
