"""People followed through a clip, and which of them the clip is about."""

from __future__ import annotations

import zlib

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.session import COLOUR_BINS, MAIN_JOINTS, Sighting

SAME_CLOTHES = (
    0.7  # likeness of colour histograms, measured: one person through a clip 0.8 to 1, two people 0.2 to 0.5
)
_BRISK = 1.0  # body heights per second; joints of people walking or dancing move at 0.8 to 1.5


class Track:
    """The sightings of one person, by frame."""

    def __init__(self, keep_masks: bool) -> None:
        self.sightings: dict[int, Sighting] = {}
        self.masks: dict[int, bytes] = {}
        self._keep_masks = keep_masks
        self._colours = np.zeros(COLOUR_BINS**3)

    def __len__(self) -> int:
        return len(self.sightings)

    @property
    def first(self) -> int:
        return min(self.sightings)

    @property
    def last(self) -> int:
        return max(self.sightings)

    def add(self, index: int, sighting: Sighting) -> None:
        """Keep a sighting; its mask is kept compressed."""
        self._colours += sighting.colours
        if self._keep_masks:
            values = np.rint(sighting.mask * 255.0).astype(np.uint8)
            self.masks[index] = zlib.compress(values.tobytes(), 1)
        self.sightings[index] = sighting.without_mask()

    def absorb(self, other: Track) -> None:
        """Take over the sightings of the same person in other frames."""
        self.sightings.update(other.sightings)
        self.masks.update(other.masks)
        self._colours += other._colours

    def next_crop(self) -> Crop:
        """Where to look in the next frame."""
        newest = self.sightings[self.last]
        # Half-way between the crop used and the one its landmarks propose: measured on four clips, the landmarks
        # then shake 5 to 15 % less than with either, and a moving person still stays inside.
        return newest.crop.towards(newest.next_crop)

    def likeness(self, other: Track) -> float:
        """How alike two people's colours are, in [0, 1] (Bhattacharyya coefficient)."""
        mine, theirs = self._colours / self._colours.sum(), other._colours / other._colours.sum()
        return float(np.sqrt(mine * theirs).sum())

    def overlaps(self, other: Track) -> bool:
        return not self.sightings.keys().isdisjoint(other.sightings)

    def could_become(self, other: Track, seconds: float) -> bool:
        """Whether ``other``, first seen ``seconds`` after this was lost, may be the same person."""
        lost, seen = self.sightings[self.last], other.sightings[other.first]
        distance = float(np.hypot(seen.crop.x - lost.crop.x, seen.crop.y - lost.crop.y))
        if not 0.6 < seen.crop.size / lost.crop.size < 1.7:
            return False
        if seconds < 0.5 and distance < lost.height * (0.3 + 2 * seconds):
            return True
        return distance < lost.height * (1.5 + 3 * seconds) and self.likeness(other) > SAME_CLOTHES

    def importance(self, frame_count: int, fps: float, image_size: tuple[int, int]) -> float:
        """How likely it is that a clip of ``frame_count`` frames is about this person."""
        return len(self) / frame_count * self.prominence(fps, image_size)

    def prominence(self, fps: float, image_size: tuple[int, int], newest: int | None = None) -> float:
        """How large, well visible, lively and central this person is; in the ``newest`` frames, or in all."""
        order = sorted(self.sightings)[-newest:] if newest else sorted(self.sightings)
        keypoints = np.stack([self.sightings[i].keypoints[list(MAIN_JOINTS)] for i in order])
        height = float(np.median([self.sightings[i].height for i in order]))
        centre = np.median(keypoints[..., :2], axis=(0, 1)) / image_size[::-1]
        off_centre = min(1.0, 2.0 * float(np.abs(centre - 0.5).max()))
        return (
            float(np.mean([self.sightings[i].score for i in order]))
            * float(keypoints[..., 3].mean())
            * height
            / image_size[0]
            * (0.4 + 0.6 * _liveliness(keypoints[..., :2], np.array(order) / fps, height))
            * (1.0 - 0.3 * off_centre)
        )


def _liveliness(points: np.ndarray, seconds: np.ndarray, height: float) -> float:
    """The joints' usual speed, 0 for a statue and 1 from a walker's speed up."""
    lag = max(1, int(np.searchsorted(seconds - seconds[0], 0.2)))
    if lag >= len(points):
        return 0.5
    moved = np.linalg.norm(points[lag:] - points[:-lag], axis=-1).mean(axis=1)
    speed = float(np.median(moved / (seconds[lag:] - seconds[:-lag]))) / max(height, 1.0)
    return min(1.0, speed / _BRISK)


def choose(tracks: list[Track], frame_count: int, fps: float, image_size: tuple[int, int]) -> Track | None:
    """The track of the person whom the clip is about, with the same person's other appearances; or None."""
    tracks = sorted(tracks, key=lambda track: -track.importance(frame_count, fps, image_size))
    if not tracks:
        return None
    chosen, *others = tracks
    for other in others:
        if not chosen.overlaps(other) and chosen.likeness(other) > SAME_CLOTHES:
            chosen.absorb(other)
    return chosen
