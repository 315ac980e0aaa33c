"""Pictures of a fit: the body's mesh on the footage, seen through, with the detector's landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import Camera, interpolate, rasterize, vertex_normals
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage, VideoWriter, write_image
from smpl_fitting.world import body_vertices, frame_camera

BODY_COLOUR = np.array([120, 180, 255], np.float32)
OPACITY = 0.6
LANDMARK_COLOUR = np.array([255, 220, 0], np.uint8)


def draw_overlay(
    image: np.ndarray,
    vertices: torch.Tensor,
    faces: torch.Tensor,
    camera: Camera,
    keypoints: np.ndarray | None,
) -> np.ndarray:
    """The shaded mesh over a picture.

    Args:
        image: (H, W, 3) uint8. vertices: (V, 3) world. faces: (F, 3). keypoints: (33, 4) px, or None.

    Returns:
        (H, W, 3) uint8.
    """
    mixed = image.copy()
    box = camera.covering_box(vertices)
    if box is not None:
        x0, y0, x1, y1 = box
        fragments = rasterize(vertices, faces, camera.cropped(box))
        # towards the camera: minus z of the camera's axes
        facing = vertex_normals(vertices, faces) @ camera.R[2]
        shade = interpolate(fragments, faces, facing[:, None]).abs().clamp(0, 1)[..., 0]
        covered = fragments.mask.numpy()
        part = mixed[y0:y1, x0:x1]
        colour = (0.35 + 0.65 * shade.numpy()[covered, None]) * BODY_COLOUR
        part[covered] = (1 - OPACITY) * part[covered] + OPACITY * colour
    if keypoints is not None:
        _draw_landmarks(mixed, keypoints)
    return mixed


def _draw_landmarks(image: np.ndarray, keypoints: np.ndarray) -> None:
    height, width = image.shape[:2]
    radius = max(1, round(max(height, width) / 500))
    for x, y, _, visibility in keypoints:
        column, row = int(x), int(y)
        if visibility > 0.5 and 0 <= column < width and 0 <= row < height:
            image[max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1] = (
                LANDMARK_COLOUR
            )


def overlay_frames(footage: Footage, motion: Motion, body: BodyModel, frames: range | None = None):
    """Yield (row, (H, W, 3) uint8) for each row of the motion; frames nobody was found in stay as they are."""
    frames = frames or range(footage.frame_count)
    assert motion.confidence is not None and motion.keypoints is not None
    for row, (_, image) in enumerate(footage.frames(frames.start, frames.stop, frames.step)):
        picture = np.ascontiguousarray(image[..., :3])
        if motion.confidence[row] > 0:
            vertices = body_vertices(body, motion, [row])[0]
            picture = draw_overlay(
                picture, vertices, body.faces, frame_camera(motion, row), motion.keypoints[row]
            )
        yield row, picture


def write_overlay(
    footage: Footage,
    motion: Motion,
    body: BodyModel,
    path: str | Path,
    frames: range | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the overlay of a clip as a movie, or of a still as a picture."""
    progress = progress or Progress()
    pictures = progress.track(overlay_frames(footage, motion, body, frames), motion.frame_count)
    if footage.is_still:
        for _, picture in pictures:
            write_image(path, picture)
        return
    with VideoWriter(path, motion.fps, footage.image_size) as writer:
        for _, picture in pictures:
            writer.write(picture)
