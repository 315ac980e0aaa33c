"""Pictures of where a fit is worst: the truth beside it, from the camera and from the side."""

from __future__ import annotations

import numpy as np
import torch
from _fit_metrics import Track, centred, joint_errors

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import Camera, interpolate, rasterize, vertex_normals

FIT, TRUE = np.array([90, 160, 255.0]), np.array([255, 150, 60.0])
OPACITY = 0.65
SIZE = 480  # pixels of a panel


def worst_frames(fit: Track, true: Track, count: int) -> list[int]:
    """The frames with the largest joint errors, at least a tenth of the clip apart."""
    errors = joint_errors(fit, true)
    apart = max(1, len(errors) // 10)
    chosen: list[int] = []
    for frame in np.argsort(-errors):
        if all(abs(frame - other) >= apart for other in chosen):
            chosen.append(int(frame))
    return chosen[:count]


def compare(
    image: np.ndarray, camera: Camera, fit: Track, true: Track, frame: int, body: BodyModel
) -> np.ndarray:
    """(N, 4 N, 3) uint8, cut to the person: the frame, the truth (orange) and the fit (blue) on it, and both aside.

    The last panel is seen from the right of the picture, the middles of the hips laid upon each other.
    """
    own = Camera(camera.K, torch.eye(3), torch.zeros(3), camera.image_size)
    both = np.concatenate((true.vertices[frame], fit.vertices[frame]))
    box = _square(own, both)
    own = own.cropped(box).resized((SIZE, SIZE))
    picture = _cut(image, box)
    panels = [picture]
    for track, colour in ((true, TRUE), (fit, FIT)):
        panels.append(_shaded(picture, track.vertices[frame], body, own, colour))
    aside = np.full_like(picture, 245)
    turn = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    zoom = torch.diag(torch.tensor([own.K[0, 0], own.K[1, 1], 1.0]))
    zoom[:2, 2] = SIZE / 2
    side = Camera(zoom, turn, torch.tensor([0.0, 0.0, float(true.joints[frame, 0, 2])]), (SIZE, SIZE))
    for track, colour in ((true, TRUE), (fit, FIT)):
        aside = _shaded(aside, centred(track.vertices, track)[frame], body, side, colour)
    return np.concatenate([*panels, aside], axis=1)


def _square(camera: Camera, points: np.ndarray) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 around the points, with a margin."""
    pixels, _ = camera.project(torch.from_numpy(points).float())
    low, high = pixels.amin(0), pixels.amax(0)
    half = int(0.6 * float((high - low).max()))
    x, y = (int(value) for value in (low + high) / 2)
    return x - half, y - half, x + half, y + half


def _cut(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """(SIZE, SIZE, 3): the pixels of the box, the nearest ones; grey beyond the picture."""
    x0, y0, x1, y1 = box
    columns = np.floor(x0 + (np.arange(SIZE) + 0.5) * (x1 - x0) / SIZE).astype(int)
    rows = np.floor(y0 + (np.arange(SIZE) + 0.5) * (y1 - y0) / SIZE).astype(int)
    height, width = image.shape[:2]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    cut = image[rows.clip(0, height - 1)][:, columns.clip(0, width - 1)]
    return np.where(inside[..., None], cut, 128).astype(np.uint8)


def _shaded(
    image: np.ndarray, vertices: np.ndarray, body: BodyModel, camera: Camera, colour: np.ndarray
) -> np.ndarray:
    points = torch.from_numpy(vertices).float()
    fragments = rasterize(points, body.faces, camera)
    facing = vertex_normals(points, body.faces) @ camera.R[2]
    shade = interpolate(fragments, body.faces, facing[:, None]).abs().clamp(0, 1)[..., 0].numpy()
    covered = fragments.mask.numpy()
    mixed = image.astype(float)
    mixed[covered] = (1 - OPACITY) * mixed[covered] + OPACITY * (0.3 + 0.7 * shade[covered, None]) * colour
    return np.round(mixed).astype(np.uint8)
