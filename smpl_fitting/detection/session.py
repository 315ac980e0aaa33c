"""Finding people in one picture and reading the landmarks of one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.graph import LANDMARK_SIDE, LandmarkNetwork, PersonDetector
from smpl_fitting.detection.results import NUM_LANDMARKS

PRESENT = 0.5  # of the network's score; BlazePose's own threshold


@dataclass(frozen=True)
class Sighting:
    """One person in one picture; see :class:`Detections` for the conventions."""

    score: float
    keypoints: np.ndarray  # (33, 4)
    keypoints_world: np.ndarray  # (33, 3)
    mask: np.ndarray  # (256, 256) float32 over ``crop``
    crop: Crop
    next_crop: Crop  # where to look for the same person in the next frame
    box: np.ndarray  # (4,)

    @property
    def height(self) -> float:
        return float(self.box[3] - self.box[1])


class DetectorSession:
    """MediaPipe's networks, loaded once. Not for use by two threads at once."""

    def __init__(self, threads: int = 1) -> None:
        self._detector = PersonDetector(threads=threads)
        self._network = LandmarkNetwork(threads=threads)

    def __enter__(self) -> DetectorSession:
        return self

    def __exit__(self, *_exc) -> None:
        self.close()

    def close(self) -> None:
        self._detector.close()
        self._network.close()

    def candidates(self, picture: np.ndarray, tile: tuple[int, int, int, int] | None = None) -> list[Crop]:
        """Crops of the people that the detector sees in a picture (H, W, 3), or in its tile x0 y0 x1 y1."""
        x0, y0, x1, y1 = tile or (0, 0, picture.shape[1], picture.shape[0])
        found = self._detector(picture[y0:y1, x0:x1])
        offset = np.array([x0, y0])
        return [Crop.around(row[1:3] + offset, row[3:5] + offset) for row in found]

    def look(self, picture: np.ndarray, crop: Crop) -> Sighting | None:
        """Read the landmarks of the person that fills ``crop``; None if nobody does."""
        score, landmarks, world, mask = self._network(crop.cut(picture, LANDMARK_SIDE))
        if score < PRESENT:
            return None
        to_picture = crop.to_picture
        points = landmarks[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        keypoints = np.concatenate([points, landmarks[:, 2:3] * crop.size, landmarks[:, 3:4]], axis=1)
        turn = to_picture[:, :2] / crop.size
        upright = np.concatenate([world[:, :2] @ turn.T, world[:, 2:]], axis=1)
        return Sighting(
            score=score,
            keypoints=keypoints[:NUM_LANDMARKS].astype(np.float32),
            keypoints_world=upright[:NUM_LANDMARKS].astype(np.float32),
            mask=mask,
            crop=crop,
            next_crop=Crop.around(points[NUM_LANDMARKS], points[NUM_LANDMARKS + 1]),
            box=_box(keypoints, mask, crop, picture.shape[:2]),
        )


def _box(keypoints: np.ndarray, mask: np.ndarray, crop: Crop, image_size: tuple[int, int]) -> np.ndarray:
    """The box of the visible landmarks and the mask, within the picture."""
    rows, columns = np.nonzero(mask > 0.5)
    visible = keypoints[:NUM_LANDMARKS][keypoints[:NUM_LANDMARKS, 3] > 0.5, :2]
    points = visible if len(visible) else keypoints[:NUM_LANDMARKS, :2]
    if len(rows):
        fractions = np.stack([columns + 0.5, rows + 0.5], axis=1) / mask.shape[0]
        points = np.concatenate([points, fractions @ crop.to_picture[:, :2].T + crop.to_picture[:, 2]])
    limit = np.array([image_size[1], image_size[0]])
    low, high = np.clip(points.min(axis=0), 0, limit), np.clip(points.max(axis=0), 0, limit)
    return np.concatenate([low, high]).astype(np.float32)
