"""Which person of a clip is meant: by number, by a point, or by a box."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smpl_fitting.detection.search import Place
from smpl_fitting.errors import LiquidMotionError

_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"
_PATTERN = re.compile(rf"{_NUMBER}(?:,{_NUMBER}(?:,{_NUMBER},{_NUMBER})?)(?:@\s*(\d+)\s*)?")
_MARGIN = 0.05  # of a person's box that a point may miss it by
_LEAST_OVERLAP = 0.2  # intersection over union of a drawn box with a person's

PersonChoice = int | str | Sequence[float] | None
"""Who is meant: None for whom the clip is about; a number in the order of ``detect_people``; a point (x, y) or
a box (x0, y0, x1, y1) in pixels; or text: "1", "x,y", "x0,y0,x1,y1", the latter two with "@frame" if wanted."""


@dataclass(frozen=True)
class At:
    """A place in a frame of the footage (its number there)."""

    place: Place
    frame: int

    def __str__(self) -> str:
        p = self.place
        if p.is_point:
            return f"({p.x0:g}, {p.y0:g})"
        return f"x {p.x0:g}-{p.x1:g}, y {p.y0:g}-{p.y1:g}"

    def fit(self, box: np.ndarray) -> float:
        """How well a person's box (4,) agrees with the place; 0 where it does not."""
        p = self.place
        size = np.maximum(box[2:] - box[:2], 1.0)
        if p.is_point:
            off = (np.array([p.x0, p.y0]) - (box[:2] + box[2:]) / 2) / size
            return float(max(0.0, 0.5 + _MARGIN - np.abs(off).max()))
        drawn = np.array([p.x0, p.y0, p.x1, p.y1])
        common = np.clip(np.minimum(box[2:], drawn[2:]) - np.maximum(box[:2], drawn[:2]), 0, None).prod()
        share = float(common / (size.prod() + (drawn[2:] - drawn[:2]).prod() - common))
        return share if share >= _LEAST_OVERLAP else 0.0


def parse_person(choice: PersonChoice, frames: range, image_size: tuple[int, int]) -> int | At | None:
    """A choice as a number or a place; a place without a frame is in the first of ``frames``.

    Raises:
        LiquidMotionError: it is neither; or it lies outside the picture or the frames.
    """
    if choice is None:
        return None
    if isinstance(choice, (int, np.integer)) or (isinstance(choice, str) and choice.strip().isdecimal()):
        number = int(choice)
        if number < 0:
            raise LiquidMotionError(f"person {number}: people are numbered from 0; choose one of them")
        return number
    text = choice if isinstance(choice, str) else ",".join(f"{float(value):f}" for value in choice)
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise LiquidMotionError(
            f"person {text!r} is no number, point or box; give 1, x,y or x0,y0,x1,y1, perhaps with @frame"
        )
    x0, y0, x1, y1 = (None if value is None else float(value) for value in match.groups()[:4])
    frame = frames.start if match[5] is None else int(match[5])
    assert x0 is not None and y0 is not None
    place = Place(x0, y0, x0, y0) if x1 is None or y1 is None else Place(x0, y0, x1, y1)
    return At(_checked(place, text, image_size), _frame(frame, text, frames))


def _checked(place: Place, text: str, image_size: tuple[int, int]) -> Place:
    height, width = image_size
    if not place.is_point and not (place.x0 < place.x1 and place.y0 < place.y1):
        raise LiquidMotionError(
            f"person {text!r}: the box has no extent; give left, top, right, bottom in pixels"
        )
    if place.x1 < 0 or place.y1 < 0 or place.x0 > width or place.y0 > height:
        raise LiquidMotionError(f"person {text!r} is outside the picture of {width}x{height} pixels")
    return place


def _frame(frame: int, text: str, frames: range) -> int:
    if not frames.start <= frame <= frames[-1]:
        raise LiquidMotionError(
            f"person {text!r}: frame {frame} is not looked at; choose from {frames.start} to {frames[-1]}"
        )
    return frame
