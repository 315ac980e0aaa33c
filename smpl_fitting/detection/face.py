"""Which way the head of a person who was found is turned, from MediaPipe's 468 face points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smpl_fitting.detection.closeups import (
    LANDMARK,
    crop_of_box,
    look_closer,
    pixels_per_metre,
    to_pixels,
)
from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.part_networks import FACE_SIDE, FaceNetwork
from smpl_fitting.detection.results import Detections
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage

SMALLEST = 20.0  # pixels across a face, below which it tells nothing
_FACE_METRES = 0.15
_PRESENT = 0.5
_FIRST_CROP, _CROP = (
    0.28,
    1.5,
)  # metres around the pose landmarks' face; times the box of the face's own points
_AWAY = 0.08  # metres: farthest that the face may lie from where the pose landmarks have it
_SPANS = (0.09, 0.32)  # metres that a face may span in the picture
_MISFIT = 0.25  # of the points' spread, at which they are no face's
_FACING = (
    0.2,
    0.6,
)  # cosines between the face's and the camera's way at which it is believed not at all, fully

# Points of the face that hardly move with its expression, where the network sees them on a head at rest: x to the
# person's left, y up, z forward, in hundredths of their root mean square distance from their mean. Means over 150
# pictures of 20 dressed synthetic people from all sides, see scripts/measure_close_ups.py. They are what the network
# says of heads whose rotation is known, so its own errors are in them.
_MIDDLE = {
    10: (0, 82, 27), 151: (0, 58, 35), 9: (0, 34, 39), 8: (0, 21, 38), 168: (0, 8, 38), 6: (0, -5, 46),
    197: (0, -15, 55), 195: (0, -25, 65), 5: (0, -35, 75), 4: (0, -47, 80), 1: (0, -58, 77),
}  # fmt: skip
_LEFT_AND_RIGHT = {
    (297, 67): (59, 79, 12), (338, 109): (31, 82, 24), (332, 103): (84, 72, -8), (284, 54): (102, 58, -31),
    (251, 21): (112, 40, -54), (389, 162): (117, 20, -77), (356, 127): (117, -5, -95),
    (454, 234): (116, -28, -102), (263, 33): (77, 1, -2), (362, 133): (32, -1, 10), (345, 116): (107, -28, -28),
    (346, 117): (88, -28, -4), (352, 123): (105, -50, -24), (280, 50): (79, -53, 8), (330, 101): (56, -41, 18),
    (358, 129): (33, -59, 29), (327, 98): (26, -70, 36),
}  # fmt: skip
# The network's depths are too shallow by this, measured with the same pictures: with it the error of turned heads is
# least (median 6.9 degrees over all views, 5 within 40 degrees of frontal, 12 beyond 60).
_DEPTH = 1.3

STABLE_POINTS = np.array([*_MIDDLE, *(i for pair in _LEFT_AND_RIGHT for i in pair)])
"""(45,) which of the 468 points the head's rotation is read from."""
_REST = (
    np.array(
        [*_MIDDLE.values(), *(p for x, y, z in _LEFT_AND_RIGHT.values() for p in ((x, y, z), (-x, y, z)))]
    )
    / 100
)


@dataclass(frozen=True)
class HeadDetections:
    """Which way a person's head is turned over T frames.

    Attributes:
        rotations: (T, 3, 3) from the head at rest (Y-up, facing +Z) to the camera's axes (x right, y down, z away),
            as if the head were in the middle of the picture; the identity where the face was not seen.
        confidence: (T,) float32 in [0, 1], less the more the face turns away.
    """

    rotations: np.ndarray
    confidence: np.ndarray


class FaceFollower:
    """Reads the face frame by frame; ``result`` then holds what was seen."""

    def __init__(self, row_count: int, threads: int = 1) -> None:
        self._network = FaceNetwork(threads=threads)
        self._points = np.zeros((row_count, len(STABLE_POINTS), 3), np.float32)
        self._score = np.zeros(row_count, np.float32)
        self._last: tuple[int, Crop, np.ndarray] | None = None

    def close(self) -> None:
        self._network.close()

    def step(self, row: int, picture: np.ndarray, detections: Detections) -> None:
        body = detections.keypoints[row]
        scale = pixels_per_metre(body, detections.keypoints_world[row])
        if _FACE_METRES * scale < SMALLEST:
            return
        first, middle = _first_crop(body, scale)
        height, width = picture.shape[:2]
        if not (0 <= middle[0] < width and 0 <= middle[1] < height):
            return
        tries = [first]
        if self._last is not None and self._last[0] == row - 1:
            crop, moved = self._last[1], middle - self._last[2]
            moved_on = Crop(crop.x + float(moved[0]), crop.y + float(moved[1]), crop.size, crop.rotation)
            tries.insert(0, moved_on)
        for index, crop in enumerate(tries):
            seen = self._look(picture, crop, again=index == len(tries) - 1)
            if seen is not None and _fits(seen[1][:, :2], middle, scale):
                self._score[row], points = seen
                self._points[row] = points[STABLE_POINTS]
                self._last = row, _next_crop(points), middle
                return

    def _look(self, picture: np.ndarray, crop: Crop, again: bool) -> tuple[float, np.ndarray] | None:
        """Score and points (468, 3) of the face in a crop, seen in the crop that these give where ``again``."""
        reading = self._network(crop.cut(picture, FACE_SIDE))
        if again and reading.score >= _PRESENT:
            crop = _next_crop(to_pixels(reading.landmarks, crop))
            reading = self._network(crop.cut(picture, FACE_SIDE))
        return (reading.score, to_pixels(reading.landmarks, crop)) if reading.score >= _PRESENT else None

    def result(self) -> HeadDetections:
        rotations, misfit = head_rotation(self._points)
        facing = np.clip((-rotations[:, 2, 2] - _FACING[0]) / (_FACING[1] - _FACING[0]), 0, 1)
        confidence = (self._score * facing * (misfit < _MISFIT)).astype(np.float32)
        rotations[confidence == 0] = np.eye(3)
        return HeadDetections(rotations, confidence)


def head_rotation(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rotation that turns the resting head's points to those seen, by least squares (Kabsch 1976, Umeyama 1991).

    Args:
        points: (T, 45, 3) the ``STABLE_POINTS``, x right, y down, z away from the camera, of one scale.

    Returns:
        (T, 3, 3) rotations in those axes, and (T,) the root mean square misfit as a share of the points' spread.
    """
    seen = points.astype(np.float64) * (1, 1, _DEPTH)
    seen -= seen.mean(1, keepdims=True)
    seen /= np.maximum(np.sqrt((seen**2).sum(-1).mean(-1)), 1e-9)[:, None, None]
    rest = _REST - _REST.mean(0)
    rest /= np.sqrt((rest**2).sum(-1).mean())
    left, values, right = np.linalg.svd(np.einsum("tni,nj->tij", seen, rest) / len(rest))
    sign = np.ones((len(points), 3))
    sign[:, 2] = np.sign(np.linalg.det(left @ right))
    rotations = (left * sign[:, None]) @ right
    explained = (values * sign).sum(1)
    return rotations, np.sqrt(np.maximum(1 - explained**2, 0))


def detect_head(
    footage: Footage, detections: Detections, *, progress: Progress | None = None
) -> HeadDetections:
    """The head's rotation of the detected person, in the same rows as ``detections``.

    Raises:
        FootageError: a frame cannot be read. Cancelled: through ``progress``.
    """
    follower = FaceFollower(len(detections.frames))
    try:
        look_closer(footage, detections, [follower], progress)
    finally:
        follower.close()
    return follower.result()


def _first_crop(body: np.ndarray, scale: float) -> tuple[Crop, np.ndarray]:
    """Around eyes and mouth as the pose landmarks have them (33, 4), and their middle (2,) px."""
    eyes = body[[LANDMARK["left_eye"], LANDMARK["right_eye"]], :2].mean(0)
    mouth = body[[LANDMARK["mouth_left"], LANDMARK["mouth_right"]], :2].mean(0)
    middle, up = (eyes + mouth) / 2, eyes - mouth
    return Crop(
        float(middle[0]), float(middle[1]), _FIRST_CROP * scale, float(np.arctan2(up[0], -up[1]))
    ), middle


def _next_crop(points: np.ndarray) -> Crop:
    """The crop for the next look from points (468, 3): from one eye's outer corner to the other's is level."""
    level = points[263, :2] - points[33, :2]
    return crop_of_box(points[:, :2], np.array([level[1], -level[0]]), _CROP)


def _fits(points: np.ndarray, middle: np.ndarray, scale: float) -> bool:
    """Whether points (468, 2) can be the face of a person of this scale with the face about there."""
    span = float(np.ptp(points, axis=0).max()) / scale
    apart = float(np.linalg.norm(points.mean(0) - middle)) / scale
    return apart < _AWAY and _SPANS[0] < span < _SPANS[1]
