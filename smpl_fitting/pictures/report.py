"""All pictures of a fit in one folder: the movie with both views, the plots, and the worst frames large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.motion import Motion
from smpl_fitting.overlay import MIDDLE, caption, draw_frame, letter_size, overlay_frames, write_movie
from smpl_fitting.pictures.canvas import draw_text
from smpl_fitting.pictures.layout import below, beside, opaque, resized
from smpl_fitting.pictures.measures import Measures, measure, worst_frames
from smpl_fitting.pictures.plots import write_plots
from smpl_fitting.pictures.side_view import SideView
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage, write_image
from smpl_fitting.world import body_vertices, frame_camera

TALLEST = 960  # pixels of the movie's height; larger footage is scaled down
SHORTEST = 360
SIDE_SHAPE = 0.8  # width / height of the side view
WORST = 6
CELL = 720  # pixels of a worst frame's height


@dataclass(frozen=True)
class FitPictures:
    """The files that were written: ``movie`` is a picture for a still."""

    movie: Path
    plots: Path
    worst: Path


def write_pictures(
    footage: Footage,
    motion: Motion,
    body: BodyModel,
    folder: str | Path,
    frames: range | None = None,
    progress: Progress | None = None,
) -> FitPictures:
    """Write ``fit.mp4`` (``fit.png`` for a still), ``errors.png`` and ``worst.png``.

    Args:
        footage: what was fitted. frames: of the footage, one for each row of the motion; all by default.

    Raises:
        FootageError: a frame cannot be read or a file not be written.
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    folder = Path(folder)
    frames = frames or range(footage.frame_count)
    measures = measure(motion, body)
    worst = worst_frames(measures, motion.fps, WORST)
    files = FitPictures(
        folder / ("fit.png" if footage.is_still else "fit.mp4"), folder / "errors.png", folder / "worst.png"
    )
    write_plots(measures, np.asarray(frames), worst, files.plots)
    drawing = progress.part("", 0.05, 0.95)
    both = drawing.track(_both_views(footage, motion, body, frames, measures), motion.frame_count)
    write_movie(both, files.movie, motion.fps, footage.is_still)
    sheet = _WorstSheet(footage, motion, body, frames, measures)
    write_image(files.worst, sheet.draw(worst or [0], progress.part("", 0.95, 1.0)))
    return files


def _both_views(
    footage: Footage, motion: Motion, body: BodyModel, frames: range, measures: Measures
) -> Iterator[np.ndarray]:
    height = min(max(footage.image_size[0], SHORTEST), TALLEST) // 2 * 2
    side = SideView(motion, body, measures, (height, round(SIDE_SHAPE * height)))
    for row, picture, vertices in overlay_frames(footage, motion, body, frames, measures, height):
        yield beside([picture, side.draw(row, vertices)])


class _WorstSheet:
    """The worst frames, cut to the person, each beside its side view."""

    def __init__(
        self, footage: Footage, motion: Motion, body: BodyModel, frames: range, measures: Measures
    ) -> None:
        self._footage, self._motion, self._body = footage, motion, body
        self._frames, self._measures = frames, measures
        self._size = (CELL, round(SIDE_SHAPE * CELL))
        self._side = SideView(motion, body, measures, self._size)

    def draw(self, rows: list[int], progress: Progress) -> np.ndarray:
        """The sheet, (H, W, 3) uint8: two frames in a line, the worst first."""
        cells = [self._cell(row) for row in progress.track(rows, len(rows))]
        return below([beside(cells[start : start + 2], gap=8) for start in range(0, len(cells), 2)], gap=8)

    def _cell(self, row: int) -> np.ndarray:
        motion, measures = self._motion, self._measures
        assert motion.keypoints is not None
        frame = self._frames[row]
        vertices = body_vertices(self._body, motion, [row])[0]
        camera = frame_camera(motion, row)
        box = self._box(row, vertices)
        image = np.array(resized(_cut(opaque(self._footage.frame(frame)), box), self._size))
        keypoints = motion.keypoints[row].copy()
        scale = self._size[0] / (box[3] - box[1])
        keypoints[:, :2] = (keypoints[:, :2] - box[:2]) * scale
        near = camera.cropped(box).resized(self._size)
        draw_frame(image, near, keypoints, vertices, self._body.faces, measures, row)
        text = caption(measures, row, frame, float(self._footage.times[frame]))
        letters = letter_size(self._size)
        draw_text(image, text, (letters // 2, letters // 2), letters, MIDDLE)
        return beside([image, self._side.draw(row, vertices)])

    def _box(self, row: int, vertices: torch.Tensor) -> tuple[int, int, int, int]:
        """Pixels x0, y0, x1, y1 around the detected and the fitted person, in the cell's shape."""
        assert self._motion.keypoints is not None
        fitted = frame_camera(self._motion, row).project(vertices[::20])[0].numpy()
        points = [fitted]
        if self._measures.confidence[row] > 0:
            points.append(self._motion.keypoints[row, :, :2])
        limit = np.array(self._footage.image_size[::-1])
        together = np.clip(np.concatenate(points), -0.5 * limit, 1.5 * limit)
        low, high = together.min(0), together.max(0)
        shape = self._size[1] / self._size[0]
        height = max(1.15 * max(high[1] - low[1], (high[0] - low[0]) / shape), 16.0)
        x, y = (low + high) / 2
        x0, y0 = round(x - shape * height / 2), round(y - height / 2)
        return x0, y0, x0 + max(1, round(shape * height)), y0 + round(height)


def _cut(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The pixels of a box that may reach beyond the picture, black there."""
    x0, y0, x1, y1 = box
    height, width = image.shape[:2]
    out = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if right > left and bottom > top:
        out[top - y0 : bottom - y0, left - x0 : right - x0] = image[top:bottom, left:right]
    return out
