"""A picture to choose by: everybody who was found in a clip, boxed and numbered in frames that show them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smpl_fitting.detection.results import Detections
from smpl_fitting.pictures.canvas import Colour, draw_lines, draw_text
from smpl_fitting.pictures.layout import below, opaque, resized
from smpl_fitting.video import Footage, write_image

_LONGEST = 1280  # pixels of a frame's longer side in the picture
_GAP = 8
_COLOURS: tuple[Colour, ...] = (
    (255, 220, 0),
    (0, 200, 255),
    (255, 90, 160),
    (120, 230, 60),
    (255, 140, 0),
    (190, 120, 255),
)


def rows_that_show(people: Sequence[Detections]) -> list[int]:
    """The fewest rows in which each of these people is seen once at least, with as many at a time as can be.

    Each time the row that shows most of those who were in none yet, and shows them best, is taken.
    """
    if not people:
        return [0]
    seen = np.stack([one.confidence * one.keypoints[..., 3].mean(axis=1) for one in people])
    rows: list[int] = []
    missing = np.ones(len(people), bool)
    while missing.any():
        best = int(np.argmax((seen[missing] > 0).sum(axis=0) + 0.9 * seen[missing].mean(axis=0)))
        rows.append(best)
        missing &= seen[:, best] == 0
    return sorted(rows)


def write_people(footage: Footage, people: Sequence[Detections], path: str | Path) -> None:
    """Draw ``people``, of one :func:`detect_people`, with the numbers that ``person`` takes.

    Raises:
        FootageError: a frame cannot be read or the picture not be written.
    """
    frames = people[0].frames if people else np.zeros(1, np.int64)
    rows = rows_that_show(people)
    pictures = [_frame(footage, people, row, int(frames[row])) for row in rows]
    write_image(path, below(pictures, gap=_GAP))


def _frame(footage: Footage, people: Sequence[Detections], row: int, number: int) -> np.ndarray:
    height, width = footage.image_size
    scale = min(1.0, _LONGEST / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    picture = np.array(resized(opaque(footage.frame(number)), size))
    letters = max(12, round(max(size) / 50))
    for index, one in enumerate(people):
        if one.confidence[row] == 0:
            continue
        colour = _COLOURS[index % len(_COLOURS)]
        x0, y0, x1, y1 = one.boxes[row] * scale
        corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
        draw_lines(picture, corners, np.roll(corners, -1, axis=0), max(2.0, letters / 8), colour)
        corner = (max(0.0, float(x0)), max(0.0, float(y0)))
        draw_text(picture, f"{index}", corner, letters, colour)
    draw_text(picture, f"frame {number}", (0, size[0] - 1.8 * letters), letters, (255, 255, 255))
    return picture
