"""People followed through a clip: what each looks like, where he goes, and how he fits a new sighting."""

from __future__ import annotations

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.session import COLOUR_BINS, Sighting
from smpl_fitting.detection.sides import MAIN_JOINTS

SAME_CLOTHES = (
    0.7  # likeness of colour histograms, measured: one person through a clip 0.8 to 1, two people 0.2 to 0.5
)
_OTHER_CLOTHES = 0.35
_BRISK = 1.0  # body heights per second; joints of people walking or dancing move at 0.8 to 1.5
_VELOCITY_FRAMES = 12  # newest sightings that tell how fast somebody goes
_COASTING = 12  # frames for which somebody out of sight is believed to go on as before


class Track:
    """One person being followed.

    Attributes:
        number: tells this track from the others of the clip.
        recent: the newest sightings by frame, at most ``keep`` of them, without masks.
        count: of all sightings, those no longer in ``recent`` included.
        colours: (512,) sum of the colour histograms of the sightings that show nobody else.
        shot: number of the shot that shows the newest of them.
        hidden: not seen now, behind somebody else as it seems, and looked for where he should come out.
    """

    def __init__(self, number: int = 0, shot: int = 0, keep: int = 1 << 30) -> None:
        self.number = number
        self.shot = shot
        self.recent: dict[int, Sighting] = {}
        self.count = 0
        self.colours = np.zeros(COLOUR_BINS**3)
        self.hidden = False
        self._keep = keep

    @property
    def last(self) -> int:
        return max(self.recent)

    @property
    def newest(self) -> Sighting:
        return self.recent[self.last]

    def add(self, index: int, sighting: Sighting, alone: bool = True) -> None:
        """Keep a sighting. ``alone``: nobody else's colours are in it."""
        if alone or not self.colours.any():
            self.colours = self.colours + sighting.colours
        self.recent[index] = sighting.without_mask()
        self.count += 1
        while len(self.recent) > self._keep:
            del self.recent[min(self.recent)]

    def next_crop(self) -> Crop:
        """Where to look in the frame after the last sighting."""
        # Half-way between the crop used and the one its landmarks propose: measured on four clips, the landmarks
        # then shake 5 to 15 % less than with either, and a moving person still stays inside.
        return self.newest.crop.towards(self.newest.next_crop)

    def displacement(self, index: int) -> np.ndarray:
        """(2,) how far he should have gone from the last sighting to frame ``index``, pixels."""
        order = sorted(self.recent)[-_VELOCITY_FRAMES:]
        if len(order) < 2:
            return np.zeros(2)
        places = np.array([(self.recent[i].next_crop.x, self.recent[i].next_crop.y) for i in order])
        half = max(1, len(order) // 2)  # of two halves' middles, which single bad sightings move little
        steps = np.median(order[half:]) - np.median(order[:half])
        velocity = (np.median(places[half:], axis=0) - np.median(places[:half], axis=0)) / max(steps, 1.0)
        return velocity * min(index - self.last, _COASTING)

    def coasting_crop(self, index: int) -> Crop:
        """Where somebody hidden since the last sighting should be in frame ``index``."""
        crop = self.next_crop()
        x, y = self.displacement(index)
        return Crop(crop.x + x, crop.y + y, crop.size, crop.rotation)

    def cost(self, index: int, sighting: Sighting, colours: np.ndarray | None = None) -> float:
        """How badly a sighting in frame ``index`` fits this person by colours, place, size and pose; from 0 up.

        Args:
            colours: the histogram to compare, where the sighting has lost its own.
        """
        colours = sighting.colours if colours is None else colours
        newest, joints = self.newest, list(MAIN_JOINTS)
        scale = max(newest.next_crop.size, 1.0)
        expected = newest.keypoints[joints, :2] + self.displacement(index)
        apart = np.linalg.norm(sighting.keypoints[joints, :2] - expected, axis=1) / scale
        grown = abs(float(np.log(sighting.next_crop.size / scale)))
        return 1.0 - likeness(self.colours, colours) + 2.0 * min(1.0, float(apart.mean())) + grown

    def could_become(self, other: Track, seconds: float) -> bool:
        """Whether ``other``, first seen ``seconds`` after this was lost, may be the same person."""
        lost, seen = self.newest, other.recent[min(other.recent)]
        distance = float(np.hypot(seen.crop.x - lost.crop.x, seen.crop.y - lost.crop.y))
        alike = likeness(self.colours, other.colours)
        if self.shot != other.shot:
            return alike > SAME_CLOTHES
        if not 0.6 < seen.crop.size / lost.crop.size < 1.7:
            return False
        # Lost alone, he may look different at once; lost behind somebody, it may be somebody else who comes out.
        if seconds < 0.5 and distance < lost.height * (0.3 + 2 * seconds):
            return not self.hidden or alike > _OTHER_CLOTHES
        return distance < lost.height * (1.5 + 3 * seconds) and alike > SAME_CLOTHES

    def prominence(self, fps: float, image_size: tuple[int, int], newest: int) -> float:
        """:func:`prominence` in the ``newest`` frames."""
        order = sorted(self.recent)[-newest:]
        seen = [self.recent[i] for i in order]
        return prominence(
            np.array([one.score for one in seen]),
            np.stack([one.keypoints for one in seen]),
            np.stack([one.box for one in seen]),
            np.array(order) / fps,
            image_size,
        )


def likeness(mine: np.ndarray, theirs: np.ndarray) -> float:
    """How alike two people's colours (512,) are, in [0, 1] (Bhattacharyya coefficient)."""
    return float(np.sqrt(mine / mine.sum() * (theirs / theirs.sum())).sum())


def prominence(
    scores: np.ndarray,
    keypoints: np.ndarray,
    boxes: np.ndarray,
    seconds: np.ndarray,
    image_size: tuple[int, int],
) -> float:
    """How large, well visible, lively and central a person is.

    Args:
        scores: (N,). keypoints: (N, 33, 4). boxes: (N, 4). seconds: (N,) rising.
        image_size: (height, width).
    """
    keypoints = keypoints[:, list(MAIN_JOINTS)]
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    centre = np.median(keypoints[..., :2], axis=(0, 1)) / image_size[::-1]
    off_centre = min(1.0, 2.0 * float(np.abs(centre - 0.5).max()))
    return (
        float(scores.mean())
        * float(keypoints[..., 3].mean())
        * height
        / image_size[0]
        * (0.4 + 0.6 * _liveliness(keypoints[..., :2], seconds, height))
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
