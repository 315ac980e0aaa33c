"""Looking closer at one person: crops around the hands and the face, placed by the pose landmarks."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from smpl_fitting.body.names import LANDMARK_NAMES
from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.results import Detections
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage

LANDMARK = {name: index for index, name in enumerate(LANDMARK_NAMES)}
_TRUNK_AND_LIMBS = list(range(11, 17)) + list(range(23, 29))  # shoulders to wrists, hips to ankles


class CloseUp(Protocol):
    """Something that reads one part of the body in one frame after the other."""

    def step(self, row: int, picture: np.ndarray, detections: Detections) -> None:
        """Look at row ``row`` of the detections in its picture, uint8 (H, W, 3)."""

    def close(self) -> None:
        """Free the networks."""


def look_closer(
    footage: Footage, detections: Detections, parts: Sequence[CloseUp], progress: Progress | None = None
) -> None:
    """Show every frame in which the person was found to each of ``parts``, in order; a frame is read once.

    Raises:
        FootageError: a frame cannot be read. Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    frames = detections.frames
    step = int(frames[1] - frames[0]) if len(frames) > 1 else 1
    pictures = footage.frames(int(frames[0]), int(frames[-1]) + 1, step)
    with contextlib.closing(pictures):
        for row, (_, picture) in enumerate(progress.track(pictures, len(frames))):
            if detections.confidence[row] > 0:
                rgb = np.ascontiguousarray(picture[..., :3])
                for part in parts:
                    part.step(row, rgb, detections)


def pixels_per_metre(keypoints: np.ndarray, world: np.ndarray) -> float:
    """How large a person appears: the spread of the main landmarks in the picture over that in the world.

    Args:
        keypoints: (33, 4) and world: (33, 3) of one row of :class:`Detections`.
    """
    weight = keypoints[_TRUNK_AND_LIMBS, 3:] + 1e-3
    weight = weight / weight.sum()
    flat, solid = keypoints[_TRUNK_AND_LIMBS, :2], world[_TRUNK_AND_LIMBS, :2]
    flat, solid = flat - (weight * flat).sum(0), solid - (weight * solid).sum(0)
    return float(np.sqrt((weight * flat**2).sum() / max((weight * solid**2).sum(), 1e-6)))


def to_pixels(landmarks: np.ndarray, crop: Crop) -> np.ndarray:
    """(N, 3) x, y px and depth on the same scale, from fractions of a crop."""
    points = landmarks[:, :2] @ crop.to_picture[:, :2].T + crop.to_picture[:, 2]
    return np.concatenate([points, landmarks[:, 2:] * crop.size], axis=1)


def crop_of_box(points: np.ndarray, up: np.ndarray, scale: float) -> Crop:
    """The square around points (N, 2) whose upper side lies towards ``up`` (2,), ``scale`` times as large."""
    rotation = float(np.arctan2(up[0], -up[1]))
    cos, sin = np.cos(rotation), np.sin(rotation)
    turned = points @ np.array([[cos, -sin], [sin, cos]])  # into the crop's axes
    low, high = turned.min(0), turned.max(0)
    middle = np.array([[cos, -sin], [sin, cos]]) @ ((low + high) / 2)
    return Crop(float(middle[0]), float(middle[1]), max(2.0, scale * float((high - low).max())), rotation)


def turned_upright(world: np.ndarray, crop: Crop) -> np.ndarray:
    """Points (N, 3) that a network saw in a turned crop, in the axes of the picture."""
    turn = crop.to_picture[:, :2] / crop.size
    return np.concatenate([world[:, :2] @ turn.T, world[:, 2:]], axis=1)
