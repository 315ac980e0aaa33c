"""What every kind of footage offers: size, rate, and frames by number, a few in memory at a time."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path

import numpy as np

from smpl_fitting.errors import FootageError
from smpl_fitting.video.threads import ahead

MIN_SIDE = 16
Frames = Generator[tuple[int, np.ndarray], None, None]


class Footage(ABC):
    """A clip, a picture sequence or a single picture as upright frames at a constant rate.

    Attributes:
        path: what was opened: a file, a folder or a pattern.
        image_size: (height, width) of the upright picture in square pixels.
        fps: frames per second; variable rates are resampled to a constant one.
        times: (T,) float64, seconds of each frame after the first.
        has_alpha: frames have four channels. Only where the first frame is not fully opaque.
        has_audio: the file has a sound track.
    """

    path: Path
    image_size: tuple[int, int]
    fps: float
    times: np.ndarray
    has_alpha: bool
    has_audio: bool = False

    @property
    def frame_count(self) -> int:
        return len(self.times)

    @property
    def is_still(self) -> bool:
        return self.frame_count == 1

    def frames(self, start: int = 0, stop: int | None = None, step: int = 1) -> Frames:
        """Yield (index, uint8 (H, W, 3|4)) for the frames of a range, decoded ahead in a thread.

        The thread ends with the loop, also when the loop is left early.

        Raises:
            FootageError: a frame cannot be read.
            ValueError: ``step`` is less than 1.
        """
        if step < 1:
            raise ValueError(f"step is {step}, expected at least 1")
        wanted = range(self.frame_count)[start:stop:step]
        if not wanted:
            return
        with contextlib.closing(ahead(self._decode(wanted))) as decoded:
            yield from decoded

    def frame(self, index: int) -> np.ndarray:
        """One frame as uint8 (H, W, 3|4), the same pixels as ``frames`` gives.

        Raises:
            IndexError: there is no such frame.
            FootageError: it cannot be read.
        """
        index = range(self.frame_count)[index]
        with contextlib.closing(self._decode(range(index, index + 1))) as decoded:
            return next(decoded)[1]

    @abstractmethod
    def _decode(self, wanted: range) -> Frames:
        """Yield (index, picture) for the rising, non-empty range ``wanted``."""


def check_size(path: Path, image_size: tuple[int, int]) -> None:
    """Refuse pictures too small to show a person."""
    height, width = image_size
    if min(height, width) < MIN_SIDE:
        raise FootageError(
            f"{path}: the picture is only {width}x{height} pixels, too small to show a person; use a larger one"
        )
