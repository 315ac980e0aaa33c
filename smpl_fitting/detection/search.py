"""Finding people anywhere in a picture, small ones by looking at tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.session import DetectorSession, Sighting
from smpl_fitting.detection.sides import MAIN_JOINTS

# The detector sees 224 pixels a side and needs a person some 50 of them tall.
COARSE, MEDIUM, FINE, FINEST = 0, 1, 2, 3
LARGE = 0.4  # of the picture's short side
SURE = 0.8  # score that a newly found person must reach; one that is followed needs less
PART = 0.7  # of somebody's mask that lies in another's, from which both are one person
_MIN_VISIBLE = 5  # of the 12 main joints


@dataclass(frozen=True)
class Place:
    """Where somebody is in a picture: a box x0 y0 x1 y1 in pixels, or a point (a box without extent)."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def is_point(self) -> bool:
        return self.x0 == self.x1 and self.y0 == self.y1

    def tiles(self, image_size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
        """Squares around the place to look at, the largest first."""
        extent = max(self.x1 - self.x0, self.y1 - self.y0)
        sides = [1.2 * extent, 1.8 * extent] if extent else [min(image_size) / n for n in (1, 2, 4, 8)]
        return [_square((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2, side, image_size) for side in sides]


def tiles(image_size: tuple[int, int], level: int) -> list[tuple[int, int, int, int]]:
    """Boxes x0 y0 x1 y1 that cover a picture, overlapping by a third at least.

    Level 0 is the whole picture, 1 squares as tall as its short side, 2 squares half of that, 3 a quarter.
    """
    height, width = image_size
    if level == COARSE:
        return [(0, 0, width, height)]
    side = max(1, min(height, width) >> (level - 1))
    return [(x, y, x + side, y + side) for y in _starts(height, side) for x in _starts(width, side)]


def find_people(
    session: DetectorSession,
    picture: np.ndarray,
    level: int,
    known: list[Crop],
    seen: Sequence[Sighting] = (),
    place: Place | None = None,
    everybody: bool = False,
) -> list[Sighting]:
    """People of a picture who are not in the ``known`` crops, each once, tallest first.

    Args:
        level: the finest tiles to look at; each finer level costs more, and shows smaller people. Once somebody
            large is found, nobody smaller is searched for, unless ``everybody`` is wanted.
        seen: those of the picture who are followed already, with their masks; a part of one is nobody new.
        place: look closely at this place, too.
    """
    image_size = (picture.shape[0], picture.shape[1])
    found: list[Sighting] = []
    for tile_level in range(level + 1):
        if not everybody and any(one.height > LARGE * min(image_size) for one in found):
            break
        boxes = tiles(image_size, tile_level)
        if tile_level > 0 and boxes == tiles(image_size, tile_level - 1):
            continue
        for box in boxes:
            found += _newcomers(session, picture, box, known, [*seen, *found])
    for box in place.tiles(image_size) if place else ():
        found += _newcomers(session, picture, box, known, [*seen, *found])
    return sorted(found, key=lambda one: -one.height)


def _newcomers(
    session: DetectorSession,
    picture: np.ndarray,
    box: tuple[int, int, int, int],
    known: list[Crop],
    seen: Sequence[Sighting],
) -> list[Sighting]:
    """People of a tile who are neither in the ``known`` crops nor ``seen`` yet."""
    newcomers: list[Sighting] = []
    for crop in session.candidates(picture, box):
        others = [*seen, *newcomers]
        if any(crop.resembles(other) for other in [*known, *(one.next_crop for one in others)]):
            continue
        sighting = look_closely(session, picture, crop)
        if sighting is None or any(_is_again(sighting, other) for other in others):
            continue
        if not any(sighting.next_crop.resembles(other) for other in known):
            newcomers.append(sighting)
    return newcomers


def _is_again(sighting: Sighting, other: Sighting) -> bool:
    """Whether a sighting shows somebody seen already, or a part of him."""
    return sighting.is_same_as(other) or sighting.share_within(other) > PART


def look_closely(session: DetectorSession, picture: np.ndarray, crop: Crop) -> Sighting | None:
    """A sure sighting in a detector's rough crop: looked at again in the crop that its own landmarks give."""
    first = session.look(picture, crop)
    second = session.look(picture, first.next_crop) if first else None
    if second is None or second.score < SURE:
        return None
    visible = second.keypoints[list(MAIN_JOINTS), 3] > 0.5
    return second if visible.sum() >= _MIN_VISIBLE else None


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side * 2 / 3))) + 1
    return [round(start) for start in np.linspace(0, length - side, count)]


def _square(x: float, y: float, side: float, image_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A square around a point, moved and cut to lie within the picture."""
    height, width = image_size
    columns, rows = max(1, min(width, round(side))), max(1, min(height, round(side)))
    x0 = int(np.clip(x - columns / 2, 0, width - columns))
    y0 = int(np.clip(y - rows / 2, 0, height - rows))
    return x0, y0, x0 + columns, y0 + rows
