"""Jump cuts: frames at which the picture becomes another one for good."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

BEHIND, AHEAD = 4, 3  # frames compared with those beyond a possible cut; a flash is shorter
_ROWS, _COLUMNS = 36, 64
_REACH = (6, 12)  # rows and columns by which a camera may pan between two frames
_FLAT = 0.5  # gray levels; a picture that varies less shows nothing
# Unlikeness, measured on five clips: neighbouring frames up to 0.02, of a dancer who fills the picture up to 0.33;
# other places 0.6 to 0.8, also where other cameras see the same room; a second later 0.1 to 0.5.
# A cut needs so much, and so many times what is usual there (no cut in these clips at any rate: 0.33 and 1.8,
# 0.22 and 2.2); the last row is a leap in time before a camera that stands still.
_CUT = ((0.45, 1.5), (0.3, 2.3), (0.1, 4.0))


def with_cuts(pictures: Iterable[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray, bool]]:
    """Each (index, uint8 (H, W, 3)) with whether a new shot begins there; ``AHEAD`` pictures are held back.

    What is said of a frame depends on ``BEHIND`` frames before it and ``AHEAD`` after it alone. A flash, a light
    that is switched on, a fast pan or somebody running past are no cuts: a cut is a step from pictures that
    are like each other to others that are like each other.
    """
    window: deque[tuple[int, np.ndarray, _Look]] = deque()
    before: deque[_Look] = deque(maxlen=BEHIND)

    def oldest() -> tuple[int, np.ndarray, bool]:
        index, picture, look = window[0]
        is_cut = _is_cut([*before, *(one for _, _, one in window)], len(before))
        before.append(look)
        window.popleft()
        return index, picture, is_cut

    for index, picture in pictures:
        window.append((index, picture, _Look(picture)))
        if len(window) == AHEAD + 1:
            yield oldest()
    while window:
        yield oldest()


class _Look:
    """What is compared of a picture: its structure, without the light that falls on it."""

    def __init__(self, picture: np.ndarray) -> None:
        # Single pixels first, some 180 of the short side: averaging all of a large picture would take far longer.
        stride = max(1, min(picture.shape[:2]) // 180)
        sampled = np.ascontiguousarray(picture[::stride, ::stride])
        small = cv2.resize(sampled, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
        gray = small.astype(np.float32).mean(axis=2)
        self.structure = gray - cv2.blur(gray, (21, 21))
        rows, columns = _REACH
        self.core = np.ascontiguousarray(self.structure[rows:-rows, columns:-columns])
        self.is_flat = float(self.core.std()) < _FLAT


def _unlikeness(a: _Look, b: _Look) -> float:
    """1 minus the structures' correlation at the best shift between them; 0 for the same, about 1 for unrelated."""
    if a.is_flat or b.is_flat:
        return float(a.is_flat != b.is_flat)
    found = [cv2.matchTemplate(x.structure, y.core, cv2.TM_CCOEFF_NORMED).max() for x, y in ((a, b), (b, a))]
    return 1.0 - max(0.0, float(max(found)))


def _is_cut(looks: list[_Look], here: int) -> bool:
    """Whether a shot begins with ``looks[here]``."""
    if here == 0 or _unlikeness(looks[here - 1], looks[here]) < _CUT[-1][0]:
        return False
    least = min(_unlikeness(a, b) for a in looks[:here] for b in looks[here:])
    within = [_unlikeness(looks[i - 1], looks[i]) for i in range(1, len(looks)) if i != here]
    # At the ends of a clip little is known of what is usual.
    needed = _CUT if len(within) >= BEHIND + AHEAD - 2 else _CUT[:1]
    usual = max(within, default=0.0)
    return any(least > level and least > times * usual for level, times in needed)
