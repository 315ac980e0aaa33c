"""Square crops around a person: cut out of the picture for the network, and undone exactly afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Crop:
    """A square of the picture, perhaps turned and reaching over its edge. Pixel centres at .5."""

    x: float  # centre, pixels
    y: float
    size: float  # length of a side, pixels
    rotation: float = 0.0  # radians, clockwise on screen

    @property
    def to_picture(self) -> np.ndarray:
        """(2, 3) affine map of crop fractions in [0, 1] to pixels of the picture."""
        cos, sin = math.cos(self.rotation) * self.size, math.sin(self.rotation) * self.size
        return np.array(
            [
                [cos, -sin, self.x - (cos - sin) / 2],
                [sin, cos, self.y - (sin + cos) / 2],
            ]
        )

    def cut(self, picture: np.ndarray, side: int) -> np.ndarray:
        """The crop as ``side`` x ``side`` pixels; what lies outside the picture repeats its edge."""
        # Averaged down to at most twice the wanted size first: plain bilinear sampling would alias, and
        # aliasing of a moving crop is jitter of the landmarks.
        shrink = max(1, min(int(self.size / (1.5 * side)), *picture.shape[:2]))
        picture, crop = self._shrunk(picture, shrink) if shrink > 1 else (picture, self)
        return cv2.warpAffine(
            picture,
            _sampling(crop.to_picture, side),
            (side, side),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _shrunk(self, picture: np.ndarray, shrink: int) -> tuple[np.ndarray, Crop]:
        """Only the neighbourhood of the crop, ``shrink`` times smaller, and this crop in its coordinates."""
        height, width = picture.shape[:2]
        reach = self.size * 0.75
        x0 = int(np.clip(self.x - reach, 0, width - shrink)) // shrink * shrink
        y0 = int(np.clip(self.y - reach, 0, height - shrink)) // shrink * shrink
        # Whole blocks only, which OpenCV averages several times faster; the last few pixels repeat their neighbours.
        columns = max(1, (min(math.ceil(self.x + reach), width) - x0) // shrink)
        rows = max(1, (min(math.ceil(self.y + reach), height) - y0) // shrink)
        part = picture[y0 : y0 + rows * shrink, x0 : x0 + columns * shrink]
        small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
        crop = Crop((self.x - x0) / shrink, (self.y - y0) / shrink, self.size / shrink, self.rotation)
        return small, crop

    def paste(self, values: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
        """A square array of the crop, spread over a picture of (height, width); zero outside the crop."""
        side = values.shape[0]
        forward = self.to_picture.copy()
        forward[:, :2] /= side
        # cv2 puts pixel centres at whole numbers.
        forward[:, 2] += forward[:, :2].sum(axis=1) * 0.5 - 0.5
        return cv2.warpAffine(
            values,
            forward,
            (image_size[1], image_size[0]),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )

    def resembles(self, other: Crop) -> bool:
        """Whether two crops show the same person, roughly."""
        distance = math.hypot(self.x - other.x, self.y - other.y)
        return distance < 0.25 * max(self.size, other.size) and 0.5 < self.size / other.size < 2.0

    def towards(self, other: Crop) -> Crop:
        """Half-way to another crop; the other itself where they lie far apart."""
        turn = math.remainder(other.rotation - self.rotation, 2 * math.pi)
        apart = math.hypot(other.x - self.x, other.y - self.y) / self.size
        if apart > 0.1 or not 0.8 < other.size / self.size < 1.25 or abs(turn) > 0.35:
            return other
        return Crop(
            (self.x + other.x) / 2,
            (self.y + other.y) / 2,
            (self.size + other.size) / 2,
            self.rotation + turn / 2,
        )

    @staticmethod
    def around(centre: np.ndarray, edge: np.ndarray, scale: float = 1.25) -> Crop:
        """BlazePose's crop: the hip's centre and a point on the circle around the body, above it when upright."""
        dx, dy = edge - centre
        rotation = math.pi / 2 - math.atan2(-dy, dx)
        rotation -= 2 * math.pi * math.floor((rotation + math.pi) / (2 * math.pi))
        return Crop(float(centre[0]), float(centre[1]), max(1.0, 2 * scale * math.hypot(dx, dy)), rotation)


def _sampling(to_picture: np.ndarray, side: int) -> np.ndarray:
    """cv2's map of output pixel to input pixel, centres at whole numbers, for crop fractions -> pixels."""
    matrix = to_picture.copy()
    matrix[:, :2] /= side
    matrix[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
    return matrix
