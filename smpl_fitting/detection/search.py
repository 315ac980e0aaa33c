"""Finding people anywhere in a picture, small ones by looking at tiles."""

from __future__ import annotations

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.session import MAIN_JOINTS, DetectorSession, Sighting

# The detector sees 224 pixels a side and needs a person some 50 of them tall.
COARSE, MEDIUM, FINE, FINEST = 0, 1, 2, 3
LARGE = 0.4  # of the picture's short side
SURE = 0.8  # score that a newly found person must reach; one that is followed needs less
_MIN_VISIBLE = 5  # of the 12 main joints


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
    session: DetectorSession, picture: np.ndarray, level: int, known: list[Crop]
) -> list[Sighting]:
    """People of a picture who are not in the ``known`` crops, each once, tallest first.

    Args:
        level: the finest tiles to look at; each finer level costs more, and shows smaller people. Once somebody
            large is found, nobody smaller is searched for.
    """
    image_size = (picture.shape[0], picture.shape[1])
    found: list[Sighting] = []
    for tile_level in range(level + 1):
        if any(one.height > LARGE * min(image_size) for one in found):
            break
        boxes = tiles(image_size, tile_level)
        if tile_level > 0 and boxes == tiles(image_size, tile_level - 1):
            continue
        for box in boxes:
            for crop in session.candidates(picture, box):
                if any(crop.resembles(other) for other in [*known, *(one.next_crop for one in found)]):
                    continue
                sighting = look_closely(session, picture, crop)
                if sighting is None or any(sighting.is_same_as(other) for other in found):
                    continue
                if not any(sighting.next_crop.resembles(other) for other in known):
                    found.append(sighting)
    return sorted(found, key=lambda one: -one.height)


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
