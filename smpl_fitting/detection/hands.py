"""The hands of a person who was found: 21 landmarks each, followed from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from smpl_fitting.detection.closeups import (
    LANDMARK,
    crop_of_box,
    look_closer,
    pixels_per_metre,
    to_pixels,
    turned_upright,
)
from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.part_networks import HAND_SIDE, NUM_HAND_LANDMARKS, HandNetwork, HandReading
from smpl_fitting.detection.results import Detections
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage

SIDES = ("left", "right")
SMALLEST = 20.0  # pixels from the wrist to the finger tips, below which a hand tells nothing
_HAND_METRES = 0.18
_PALM_METRES = 0.085  # wrist to the middle of the knuckles of index and little finger
_PRESENT, _SURE = 0.5, 0.95  # scores; palms of scores below 0.7 were seen 70 degrees wrong, above 0.95 22
_PROMISING = 0.05  # a first crop this good is worth a second look in the crop its own landmarks give
_AWAY = 0.09  # metres: farthest that the hand's wrist may lie from the body's
_LARGEST, _SMALLEST_SPAN = 0.32, 0.035  # metres that the landmarks of a hand may span in the picture
_CROP = 1.8  # times the box of the landmarks; measured: scores fall below 1.5 and above 2.2
# Of the depth in metres and of that in the picture; the regression of the true depth on both over 150 pictures of
# synthetic hands (scripts/measure_close_ups.py). Against the metres alone it takes the palm's median error from 18 to
# 16 degrees, and that of the fingers' joints from 18 to 16.
_DEPTHS = (0.75, 0.95)
_WAIT_SECONDS = 0.07  # after a search in vain; a search takes up to three looks, following one
_SIDE_SECONDS = 0.25  # over which the side of a hand is judged
_WRONG_SIDE, _RIGHT_SIDE = (
    0.3,
    0.6,
)  # mean shares of the side in that time that are believed not at all, fully


@dataclass(frozen=True)
class HandDetections:
    """Both hands (0 left, 1 right, the person's own) of one person over T frames; zero where not seen.

    Attributes:
        keypoints: (T, 2, 21, 3) float32 x px, y px, depth from the wrist on the same scale; pixel centres at .5.
        world: (T, 2, 21, 3) float32 about metres, about the hand's middle: x right, y down, z away from the camera,
            as if the hand were in the middle of the picture.
        confidence: (T, 2) float32 in [0, 1].
    """

    keypoints: np.ndarray
    world: np.ndarray
    confidence: np.ndarray


class HandFollower:
    """Reads both hands frame by frame; ``result`` then holds what was seen."""

    def __init__(self, row_count: int, fps: float, threads: int = 1) -> None:
        self._network = HandNetwork(threads=threads)
        self._fps = fps
        self._keypoints = np.zeros((row_count, 2, NUM_HAND_LANDMARKS, 3), np.float32)
        self._world = np.zeros_like(self._keypoints)
        self._score = np.zeros((row_count, 2))
        self._own_side = np.zeros((row_count, 2))
        self._last: list[tuple[int, Crop, np.ndarray] | None] = [None, None]
        self._search_from = [0, 0]

    def close(self) -> None:
        self._network.close()

    def step(self, row: int, picture: np.ndarray, detections: Detections) -> None:
        body = detections.keypoints[row]
        scale = pixels_per_metre(body, detections.keypoints_world[row])
        if _HAND_METRES * scale < SMALLEST:
            return
        for hand, side in enumerate(SIDES):
            wrist = body[LANDMARK[f"{side}_wrist"], :2]
            seen = self._follow(hand, row, picture, wrist, scale)
            if seen is None and row >= self._search_from[hand]:
                seen = self._find(picture, body, side, scale)
                if seen is None:
                    self._search_from[hand] = row + 1 + round(_WAIT_SECONDS * self._fps)
            if seen is None:
                self._last[hand] = None
                continue
            reading, crop = seen
            points = to_pixels(reading.landmarks, crop)
            self._keypoints[row, hand] = points
            self._world[row, hand] = solid_landmarks(points, turned_upright(reading.world, crop))
            self._score[row, hand] = reading.score
            self._own_side[row, hand] = reading.right if side == "right" else 1 - reading.right
            self._last[hand] = row, _next_crop(points), wrist
        self._part(row, body)

    def _follow(
        self, hand: int, row: int, picture: np.ndarray, wrist: np.ndarray, scale: float
    ) -> tuple[HandReading, Crop] | None:
        """Look where the hand was in the frame before, moved along with the body's wrist."""
        last = self._last[hand]
        if last is None or last[0] != row - 1:
            return None
        crop, moved = last[1], wrist - last[2]
        crop = Crop(crop.x + float(moved[0]), crop.y + float(moved[1]), crop.size, crop.rotation)
        return self._look(picture, crop, wrist, scale)

    def _find(
        self, picture: np.ndarray, body: np.ndarray, side: str, scale: float
    ) -> tuple[HandReading, Crop] | None:
        """Look where the pose landmarks have the hand, then in the crop that the hand's own landmarks give."""
        crop = _first_crop(body, side, scale)
        height, width = picture.shape[:2]
        if not (0 <= crop.x < width and 0 <= crop.y < height):
            return None
        wrist = body[LANDMARK[f"{side}_wrist"], :2]
        seen = None
        for _ in range(3):
            reading = self._network(crop.cut(picture, HAND_SIDE))
            if reading.score < _PROMISING:
                return None
            seen = self._accept(reading, crop, wrist, scale)
            crop = _next_crop(to_pixels(reading.landmarks, crop))
            if seen is not None and reading.score > 0.9:
                break
        return seen

    def _look(
        self, picture: np.ndarray, crop: Crop, wrist: np.ndarray, scale: float
    ) -> tuple[HandReading, Crop] | None:
        return self._accept(self._network(crop.cut(picture, HAND_SIDE)), crop, wrist, scale)

    @staticmethod
    def _accept(
        reading: HandReading, crop: Crop, wrist: np.ndarray, scale: float
    ) -> tuple[HandReading, Crop] | None:
        """The reading, if it is a hand of possible size at the end of this arm."""
        points = to_pixels(reading.landmarks, crop)[:, :2]
        span = float(np.ptp(points, axis=0).max()) / scale
        apart = float(np.linalg.norm(points[0] - wrist)) / scale
        fits = reading.score >= _PRESENT and apart < _AWAY and _SMALLEST_SPAN < span < _LARGEST
        return (reading, crop) if fits else None

    def _part(self, row: int, body: np.ndarray) -> None:
        """Where both arms found one hand, only the one keeps it whose side the network sees, or whose wrist is
        nearer."""
        if (self._score[row] == 0).any():
            return
        points = self._keypoints[row, :, :, :2]
        span = np.ptp(points, axis=1).max()
        if np.linalg.norm(points[0] - points[1], axis=-1).mean() > 0.25 * span:
            return
        wrists = np.stack([body[LANDMARK[f"{side}_wrist"], :2] for side in SIDES])
        apart = np.linalg.norm(points[:, 0] - wrists, axis=-1) / max(span, 1e-6)
        loser = int((self._own_side[row] - apart).argmin())
        self._keypoints[row, loser] = self._world[row, loser] = 0
        self._score[row, loser] = 0
        self._last[loser] = None

    def result(self) -> HandDetections:
        """What was seen, without the stretches in which a hand looks like the other side's."""
        sigma = _SIDE_SECONDS * self._fps
        weight = gaussian_filter1d(self._score, sigma, axis=0, mode="constant")
        own = gaussian_filter1d(self._score * self._own_side, sigma, axis=0, mode="constant")
        side = own / np.maximum(weight, 1e-6)
        # a hand of the wrong side is seen inside out, back for palm
        belief = np.clip((side - _WRONG_SIDE) / (_RIGHT_SIDE - _WRONG_SIDE), 0, 1) * (self._own_side > 0.2)
        score = np.clip((self._score - _PRESENT) / (_SURE - _PRESENT), 0, 1)
        confidence = (score * belief).astype(np.float32)
        seen = confidence[..., None, None] > 0
        return HandDetections(np.where(seen, self._keypoints, 0), np.where(seen, self._world, 0), confidence)


def detect_hands(
    footage: Footage, detections: Detections, *, progress: Progress | None = None
) -> HandDetections:
    """The hands of the detected person, in the same rows as ``detections``.

    Hands smaller than ``SMALLEST`` pixels are not looked at.

    Raises:
        FootageError: a frame cannot be read. Cancelled: through ``progress``.
    """
    follower = HandFollower(len(detections.frames), rows_per_second(footage, detections))
    try:
        look_closer(footage, detections, [follower], progress)
    finally:
        follower.close()
    return follower.result()


def rows_per_second(footage: Footage, detections: Detections) -> float:
    """The rate of the detections' rows."""
    frames = detections.frames
    return footage.fps / (int(frames[1] - frames[0]) if len(frames) > 1 else 1)


def solid_landmarks(points: np.ndarray, world: np.ndarray) -> np.ndarray:
    """(21, 3) about metres: the picture's landmarks with a depth.

    The network tells each landmark twice, in the picture (21, 3) px and in metres (21, 3). In the picture x and y are
    the sharper; the depth is a weighted sum of both (see ``_DEPTHS``).
    """
    flat, solid = points - points.mean(0), world - world.mean(0)
    scale = np.sqrt((flat[:, :2] ** 2).sum() / max((solid[:, :2] ** 2).sum(), 1e-12))
    flat = flat / max(scale, 1e-6)
    depth = _DEPTHS[0] * solid[:, 2] + _DEPTHS[1] * flat[:, 2]
    return np.concatenate([flat[:, :2], depth[:, None]], axis=1)


def _first_crop(body: np.ndarray, side: str, scale: float) -> Crop:
    """Around the hand as the pose landmarks have it (33, 4); ``scale`` in pixels per metre."""
    at = {name: body[LANDMARK[f"{side}_{name}"], :2] for name in ("elbow", "wrist", "index", "pinky")}
    knuckles = (2 * at["index"] + at["pinky"]) / 3
    palm = knuckles - at["wrist"]
    length, expected = float(np.linalg.norm(palm)), _PALM_METRES * scale
    up = palm if length > 0.3 * expected else at["wrist"] - at["elbow"]
    size = 4.5 * max(length, 0.8 * expected)
    return Crop(float(knuckles[0]), float(knuckles[1]), size, float(np.arctan2(up[0], -up[1])))


def _next_crop(points: np.ndarray) -> Crop:
    """The crop for the next look from landmarks (21, 3): from the wrist to the middle knuckle is up."""
    return crop_of_box(points[:, :2], points[9, :2] - points[0, :2], _CROP)
