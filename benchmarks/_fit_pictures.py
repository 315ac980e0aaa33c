"""Pictures of where a fit is worst: the truth beside it, from the camera and from the side."""

from __future__ import annotations

import numpy as np
import torch
from _fit_metrics import Track, centred, joint_errors

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import Camera, interpolate, rasterize, vertex_normals

FIT, TRUE = np.array([90, 160, 255.0]), np.array([255, 150, 60.0])
OPACITY = 0.65


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
    """(H, 4 W, 3) uint8: the frame, the truth (orange) and the fit (blue) on it, and both from the person's left."""
    own = Camera(camera.K, torch.eye(3), torch.zeros(3), camera.image_size)
    panels = [image]
    for track, colour in ((true, TRUE), (fit, FIT)):
        panels.append(_shaded(image, track.vertices[frame], body, own, colour))
    aside = np.full_like(image, 245)
    distance = true.joints[frame, 0, 2]
    turn = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    side = Camera(camera.K, turn, torch.tensor([0.0, 0.0, float(distance)]), camera.image_size)
    side.K[0, 2], side.K[1, 2] = camera.image_size[1] / 2, camera.image_size[0] / 2
    for track, colour in ((true, TRUE), (fit, FIT)):
        aside = _shaded(aside, centred(track.vertices, track)[frame], body, side, colour)
    return np.concatenate([*panels, aside], axis=1)


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
