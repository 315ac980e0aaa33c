"""The fitted body seen from its side, 90 degrees about the vertical from the footage's camera, on a floor grid."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import Camera, look_at
from smpl_fitting.motion import Motion
from smpl_fitting.overlay import (
    BODY,
    CONTACT,
    GUESSED,
    LEFT,
    MIDDLE,
    RIGHT,
    draw_doubt,
    draw_mesh,
    letter_size,
    line_width,
)
from smpl_fitting.pictures.canvas import draw_dots, draw_lines, draw_text
from smpl_fitting.pictures.measures import Measures

GRID = 0.5  # metres between the floor's lines
DISTANCE = 9.0  # metres from the person: nearly parallel rays, so that sizes can be compared
ELEVATION = math.radians(9)  # enough to see the floor
FLOOR_REACH = 3.0  # metres of floor before and behind the person
WAY_SECONDS = 4.0  # of the root's way and the footprints, before and after
FOLLOW_SECONDS = 0.5
_SKY, _FLOOR, _LINE = 54.0, 41.0, 108.0  # grays
_FEET = np.array([LEFT, LEFT, RIGHT, RIGHT], np.float32)


class SideView:
    """Draws the frames of one motion from the side, all at one scale.

    The eye stands where the footage's camera (of the first frame) has its right hand, at a constant distance,
    so that somebody who faces the camera is seen from the left and the camera is beyond the picture's left
    edge. It keeps still along the picture where the whole clip fits in, and follows the person where not.

    Args:
        size: (height, width) of the pictures.
    """

    def __init__(self, motion: Motion, body: BodyModel, measures: Measures, size: tuple[int, int]) -> None:
        self._faces = body.faces
        self._measures = measures
        self._fps = motion.fps
        self.size = size
        right = np.array([1.0, 0.0, 0.0]) if motion.camera_R is None else motion.camera_R[0][0]
        self._right = np.array([right[0], right[1], 0.0]) / max(math.hypot(right[0], right[1]), 1e-6)
        ahead = np.cross([0.0, 0.0, 1.0], self._right)
        across, along = measures.pelvis @ self._right, measures.pelvis @ ahead
        low, high, span = self._extents(ahead)
        room = 1.1 * (high - low)  # metres that the picture's height shows
        shown = room * size[1] / size[0]
        if span > shown:
            room *= min(span / shown, 1.8)
        follows = span > room * size[1] / size[0] * 1.001
        sigma = FOLLOW_SECONDS * motion.fps
        middle = (along.min() + along.max()) / 2
        centre = gaussian_filter1d(along, sigma, mode="nearest") if follows else np.full(len(along), middle)
        self._target = (
            gaussian_filter1d(across, sigma, mode="nearest")[:, None] * self._right
            + centre[:, None] * ahead
            + np.array([0.0, 0.0, (low + high) / 2])
        )
        self._field = 2 * math.degrees(math.atan(room * max(size) / size[0] / 2 / DISTANCE))

    def draw(self, row: int, vertices: torch.Tensor) -> np.ndarray:
        """(H, W, 3) uint8 of one row, whose world vertices are (V, 3)."""
        camera = self.camera(row)
        image = self._floor(camera, self._target[row])
        self._draw_ways(image, camera, row)
        found = self._measures.confidence[row] > 0
        draw_mesh(image, vertices, self._faces, camera, BODY if found else GUESSED, 1.0)
        self._draw_now(image, camera, row)
        draw_doubt(image, float(self._measures.confidence[row]))
        letters = letter_size(self.size)
        if letters:
            draw_text(image, f"side view   grid {GRID} m", (letters // 2, letters // 2), letters, MIDDLE)
        return image

    def camera(self, row: int) -> Camera:
        """The view of one row."""
        away = math.cos(ELEVATION) * self._right + np.array([0.0, 0.0, math.sin(ELEVATION)])
        target = self._target[row]
        return look_at(tuple(target + DISTANCE * away), tuple(target), self._field, self.size)

    def _extents(self, ahead: np.ndarray) -> tuple[float, float, float]:
        """Lowest and highest z, and the span along ``ahead``, of what is to be seen; metres."""
        points = np.concatenate([self._measures.landmarks, self._measures.soles], axis=1)
        points = points[self._measures.confidence > 0] if (self._measures.confidence > 0).any() else points
        along = points @ ahead
        low, high = float(points[..., 2].min()), float(points[..., 2].max())
        # the floor before the person's feet, and the crown of the head above the eyes
        return min(low, 0.0) - 0.2, max(high, 1.0) + 0.2, float(along.max() - along.min()) + 0.4

    def _floor(self, camera: Camera, target: np.ndarray) -> np.ndarray:
        """The floor z = 0 with its grid, (H, W, 3) uint8. The camera has no roll, so rows have one depth."""
        height, width = self.size
        K, R = camera.K.double().numpy(), camera.R.double().numpy()
        eye = camera.centre.double().numpy()
        slope = (np.arange(height) + 0.5 - K[1, 2]) / K[1, 1]
        rays = slope[:, None] * R[1] + R[2]  # (H, 3) through the middle column
        reach = np.where(rays[:, 2] < -1e-3, -eye[2] / np.minimum(rays[:, 2], -1e-3), np.inf)
        points = eye + np.where(np.isfinite(reach), reach, 0.0)[:, None] * rays
        depth = (points - target) @ self._right
        near = np.where(np.isfinite(reach), np.clip((FLOOR_REACH - np.abs(depth)) / 0.8, 0, 1), 0.0)
        image = np.full((height, width, 3), round(_SKY), np.uint8)
        below = np.flatnonzero(near > 0)
        if len(below) < 2:
            return image
        near, depth = near[below], depth[below]
        metres = (reach[below] / K[0, 0]).astype(np.float32)[:, None]  # of a pixel's width
        along = (points[below] @ R[0]).astype(np.float32)[:, None]
        across = along + metres * (np.arange(width, dtype=np.float32) + np.float32(0.5 - K[0, 2]))
        lines = _line_cover(across, metres)
        np.maximum(
            lines, _line_cover(depth, np.abs(np.gradient(depth)))[:, None].astype(np.float32), out=lines
        )
        ground = (_SKY + near * (_FLOOR - _SKY)).astype(np.float32)[:, None]
        image[below] = (ground + near.astype(np.float32)[:, None] * lines * (_LINE - ground))[..., None]
        return image

    def _draw_ways(self, image: np.ndarray, camera: Camera, row: int) -> None:
        """The root's way on the floor and where the feet touched it, some seconds back and ahead."""
        reach = max(1, round(WAY_SECONDS * self._fps))
        first, last = max(0, row - reach), min(len(self._measures.pelvis), row + reach + 1)
        width = line_width(self.size)
        way = _on_floor(camera, self._measures.pelvis[first:last])
        past = np.arange(first, last - 1) < row
        draw_lines(image, way[:-1], way[1:], width, np.where(past[:, None], (225, 225, 225), (110, 110, 115)))
        touching = self._measures.contacts[first:last] > 0.5
        if touching.any():
            marks = _on_floor(camera, self._measures.soles[first:last][touching])
            tints = np.broadcast_to(_FEET, (*touching.shape, 3))[touching]
            later = np.broadcast_to(np.arange(first, last)[:, None] > row, touching.shape)[touching]
            draw_dots(image, marks, 1.2 * width, np.where(later[:, None], 0.35, 0.8) * tints)

    def _draw_now(self, image: np.ndarray, camera: Camera, row: int) -> None:
        """The plumb line below the pelvis, and rings at the feet in contact."""
        width = line_width(self.size)
        pelvis = self._measures.pelvis[row : row + 1]
        top = camera.project(torch.from_numpy(pelvis).float())[0].numpy()
        foot = _on_floor(camera, pelvis)
        draw_lines(image, top, foot, 0.7 * width, MIDDLE)
        draw_dots(image, np.concatenate([top, foot]), 1.8 * width, MIDDLE)
        soles = self._measures.soles[row][self._measures.contacts[row] > 0.5]
        draw_dots(image, camera.project(torch.as_tensor(soles))[0].numpy(), 4.5 * width, CONTACT, hollow=True)


def _on_floor(camera: Camera, points: np.ndarray) -> np.ndarray:
    """(N, 2) pixels of the floor below points (N, 3)."""
    return camera.project(torch.from_numpy(points * (1.0, 1.0, 0.0)).float())[0].numpy()


def _line_cover(place: np.ndarray, pixel: np.ndarray) -> np.ndarray:
    """How much of a pixel, ``pixel`` metres wide at ``place`` metres, a grid line covers."""
    from_line = np.abs(place - np.rint(place * (1 / GRID)) * GRID)
    return np.clip(1.2 - from_line / np.maximum(pixel, 1e-6), 0, 1)
