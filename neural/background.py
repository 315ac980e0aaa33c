"""The plate: what stands behind the person.

Under a still camera every place is uncovered at some time, and the median over time of the frames in which it is
not covered gives it. Under a moving one each frame has a plate of its own (:mod:`neural.moving_plate`). A single
photo, and places that are never uncovered, are filled from their surroundings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from neural.moving_plate import Glimpse, glimpse, uncovered_frame
from neural.uncover import fill_hole, median_of_uncovered
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage
from smpl_fitting.video.camera_motion import background_moves, grown_mask

PLATE_FRAMES = 25
"""Frames the median is taken over: enough for a person who moves on, and 150 MB at 1920 x 1080."""


@dataclass(frozen=True)
class Plate:
    """A clip's background.

    Attributes:
        image: (H, W, 3) uint8, of all frames, or of the first where the camera moves.
        camera_moves: the background itself moves, so that each frame has a plate of its own, see :meth:`behind`.
        uncovered: share of the picture that some frame shows without the person.
    """

    image: np.ndarray
    camera_moves: bool
    uncovered: float
    _glimpses: tuple[Glimpse, ...] = field(default=(), repr=False)

    def behind(self, number: int, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """What stands behind the person in one frame, (H, W, 3) uint8.

        Args:
            number: of the frame. picture: (H, W, 3) uint8, the frame. mask: (H, W) in [0, 1], the person.
        """
        if not self.camera_moves:
            return self.image
        return uncovered_frame(number, picture, grown_mask(mask), self._glimpses)


def background_from_clip(
    footage: Footage,
    mask_of: Callable[[int], np.ndarray],
    progress: Progress | None = None,
    frames: range | None = None,
) -> Plate:
    """The plate of a clip.

    Args:
        mask_of: the person's mask (H, W) in [0, 1] of a frame, by its number.
        frames: those that may be looked at, all by default.

    Raises:
        FootageError: the clip cannot be read.
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    chosen = range(footage.frame_count) if frames is None else frames
    chosen = chosen[:: max(1, -(-len(chosen) // PLATE_FRAMES))]
    pictures, covered = [], []
    reading = progress.part("Reading the background", 0.0, 0.6)
    for index, frame in reading.track(footage.frames(chosen.start, chosen.stop, chosen.step), len(chosen)):
        pictures.append(frame[..., :3])
        covered.append(grown_mask(mask_of(index)))
    moves = background_moves(pictures, covered)
    if moves:
        seen = zip(chosen, pictures, covered, strict=True)
        glimpses = tuple(glimpse(*one) for one in progress.part("", 0.6, 0.95).track(seen, len(pictures)))
        image = uncovered_frame(chosen[0], pictures[0], covered[0], glimpses)
        return Plate(image, True, float(1 - covered[0].mean()), glimpses)
    if len(pictures) == 1:
        return Plate(fill_hole(pictures[0], covered[0]), False, float(1 - covered[0].mean()))
    image, hole = median_of_uncovered(pictures, covered, progress.part("Reading the background", 0.6, 0.9))
    if hole.any():
        image = fill_hole(image, hole)
    progress.update(1.0)
    return Plate(image, False, float(1 - hole.mean()))


def background_from_still(
    image: np.ndarray, mask: np.ndarray, progress: Progress | None = None
) -> np.ndarray:
    """The plate (H, W, 3) uint8 of a single photo, the person's place filled from around it."""
    filled = fill_hole(image, grown_mask(mask))
    if progress is not None:
        progress.update(1.0)
    return filled
