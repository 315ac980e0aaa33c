"""The fitted body on the footage: the mesh, seen through, the detector's landmarks, contacts and what is unsure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import Camera, rasterize, vertex_normals
from smpl_fitting.landmarks import LANDMARK
from smpl_fitting.motion import Motion
from smpl_fitting.pictures.canvas import Colour, draw_dots, draw_lines, draw_text
from smpl_fitting.pictures.layout import opaque, resized
from smpl_fitting.pictures.measures import SURE, VISIBLE, Measures, measure
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage, VideoWriter, write_image
from smpl_fitting.world import body_vertices, frame_camera

OPACITY = 0.55
BODY: Colour = (150, 180, 235)
GUESSED: Colour = (150, 150, 150)  # the body where nobody was found
LEFT: Colour = (255, 140, 0)
RIGHT: Colour = (0, 215, 255)
MIDDLE: Colour = (250, 250, 250)
MISSED: Colour = (255, 0, 160)  # from a landmark to where the body has it
CONTACT: Colour = (190, 255, 60)
WARNING: Colour = (255, 190, 0)
ALARM: Colour = (255, 50, 40)

_LIMBS = (
    *(("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "index"), ("wrist", "pinky"), ("wrist", "thumb")),
    *(("hip", "knee"), ("knee", "ankle"), ("ankle", "heel"), ("heel", "foot_index"), ("ankle", "foot_index")),
    *(("shoulder", "hip"), ("ear", "eye_outer"), ("eye_outer", "eye"), ("eye", "eye_inner")),
)
_LINES = np.array(
    [[LANDMARK[f"{side}_{end}"] for end in pair] for side in ("left", "right") for pair in _LIMBS]
    + [[LANDMARK[f"left_{name}"], LANDMARK[f"right_{name}"]] for name in ("shoulder", "hip")]
    + [[LANDMARK["nose"], LANDMARK[f"{side}_eye_inner"]] for side in ("left", "right")]
    + [[LANDMARK["mouth_left"], LANDMARK["mouth_right"]]]
)
_COLOURS = np.array(
    [LEFT if "left" in name else RIGHT if "right" in name else MIDDLE for name in LANDMARK], np.float32
)
_LINE_COLOURS = np.where(
    (_COLOURS[_LINES[:, 0]] == _COLOURS[_LINES[:, 1]]).all(1, keepdims=True), _COLOURS[_LINES[:, 0]], MIDDLE
)


def line_width(image_size: tuple[int, int]) -> float:
    """Pixels, in proportion to a picture of (height, width)."""
    return max(1.0, min(image_size) / 360)


def letter_size(image_size: tuple[int, int]) -> int:
    """Pixels of the captions' letters; 0, for none, in pictures too small for them."""
    return max(12, round(image_size[0] / 45)) if min(image_size) >= 200 else 0


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
    draw_mesh(mixed, vertices, faces, camera)
    if keypoints is not None:
        draw_landmarks(mixed, keypoints)
    return mixed


def draw_mesh(
    image: np.ndarray,
    vertices: torch.Tensor,
    faces: torch.Tensor,
    camera: Camera,
    colour: Colour = BODY,
    opacity: float = OPACITY,
) -> None:
    """Draw a mesh (V, 3), (F, 3) as ``camera`` sees it, lit from there, into ``image`` (H, W, 3) uint8."""
    box = camera.covering_box(vertices)
    if box is None:
        return
    x0, y0, x1, y1 = box
    fragments = rasterize(vertices, faces, camera.cropped(box), cull_backfaces=True)
    # towards the camera: minus z of the camera's axes
    facing = vertex_normals(vertices, faces) @ camera.R[2]
    seen = fragments.mask
    shade = (facing[faces[fragments.pix_to_face[seen]]] * fragments.bary[seen]).sum(-1).abs()
    level = (255 * shade).round().clamp(0, 255).to(torch.uint8).numpy()
    tints = (0.3 + 0.7 * np.arange(256)[:, None] / 255) * np.asarray(colour)
    part, covered = image[y0:y1, x0:x1], seen.numpy()
    if opacity == 1:
        part[covered] = tints.astype(np.uint8)[level]
    else:
        part[covered] = np.float32(1 - opacity) * part[covered] + (opacity * tints).astype(np.float32)[level]


def draw_landmarks(image: np.ndarray, keypoints: np.ndarray, fitted: np.ndarray | None = None) -> None:
    """Draw the skeleton of the detector's landmarks: left orange, right blue; those it calls hidden dim and hollow.

    Args:
        keypoints: (33, 4) x, y in pixels, depth, visibility.
        fitted: (33, 2) pixels of the body's own landmarks, to which a thin line goes from each visible one.
    """
    width = line_width((image.shape[0], image.shape[1]))
    points, seen = keypoints[:, :2], keypoints[:, 3] > VISIBLE
    both = seen[_LINES].all(1)
    for chosen, thickness, light in ((~both, 0.6, 0.55), (both, 1.0, 1.0)):
        lines = _LINES[chosen]
        draw_lines(
            image, points[lines[:, 0]], points[lines[:, 1]], thickness * width, light * _LINE_COLOURS[chosen]
        )
    if fitted is not None:
        draw_lines(image, points[seen], fitted[seen], 0.7 * width, MISSED)
    draw_dots(image, points[~seen], 1.8 * width, 0.7 * _COLOURS[~seen], hollow=True)
    draw_dots(image, points[seen], 1.8 * width, _COLOURS[seen])


def draw_frame(
    image: np.ndarray,
    camera: Camera,
    keypoints: np.ndarray,
    vertices: torch.Tensor,
    faces: torch.Tensor,
    measures: Measures,
    row: int,
) -> None:
    """Draw one row of a fit into its picture (H, W, 3) uint8, which ``camera`` and ``keypoints`` must match."""
    found = measures.confidence[row] > 0
    draw_mesh(image, vertices, faces, camera, *((BODY, OPACITY) if found else (GUESSED, 0.35)))
    if found:
        fitted = camera.project(torch.as_tensor(measures.landmarks[row]))[0].numpy()
        draw_landmarks(image, keypoints, fitted)
    width = line_width((image.shape[0], image.shape[1]))
    touching = measures.contacts[row] > 0.5
    soles = camera.project(torch.as_tensor(measures.soles[row][touching]))[0].numpy()
    draw_dots(image, soles, 4.5 * width, CONTACT, hollow=True)
    draw_doubt(image, float(measures.confidence[row]))


def draw_doubt(image: np.ndarray, confidence: float) -> None:
    """Frame a picture in amber where its pose is unsure, in red where nobody was found."""
    if confidence >= SURE:
        return
    border = round(3 * line_width((image.shape[0], image.shape[1])))
    colour = WARNING if confidence > 0 else ALARM
    for edge in (image[:border], image[-border:], image[:, :border], image[:, -border:]):
        edge[:] = colour


def caption(measures: Measures, row: int, frame: int, seconds: float) -> str:
    """One line about a frame: its number, time, landmark error, and what is wrong with it."""
    confidence = measures.confidence[row]
    parts = [f"frame {frame}", f"{seconds:.2f} s"]
    if np.isfinite(measures.error[row]):
        parts.append(f"error {100 * measures.error[row]:.1f} %")
    if confidence == 0:
        parts.append("NOBODY FOUND")
    elif confidence < SURE:
        parts.append(f"UNSURE ({confidence:.2f})")
    return "   ".join(parts)


def overlay_frames(
    footage: Footage,
    motion: Motion,
    body: BodyModel,
    frames: range | None = None,
    measures: Measures | None = None,
    height: int | None = None,
) -> Iterator[tuple[int, np.ndarray, torch.Tensor]]:
    """Yield (row, (H, W, 3) uint8, vertices (V, 3)) for each row of the motion.

    Args:
        frames: of the footage, one for each row. height: of the pictures to make, if not the footage's.
    """
    frames = frames or range(footage.frame_count)
    measures = measures or measure(motion, body)
    assert motion.keypoints is not None
    size = footage.image_size
    if height is not None:
        size = (height, max(2, round(size[1] * height / size[0])))
    ratio = np.array([size[1] / footage.image_size[1], size[0] / footage.image_size[0], 1.0, 1.0])
    letters = letter_size(size)
    for row, (frame, image) in enumerate(footage.frames(frames.start, frames.stop, frames.step)):
        picture = np.array(resized(opaque(image), size))
        vertices = body_vertices(body, motion, [row])[0]
        camera = frame_camera(motion, row).resized(size)
        draw_frame(picture, camera, motion.keypoints[row] * ratio, vertices, body.faces, measures, row)
        if letters:
            text = caption(measures, row, frame, float(footage.times[frame]))
            draw_text(picture, text, (letters // 2, letters // 2), letters, MIDDLE)
        yield row, picture, vertices


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
    drawn = overlay_frames(footage, motion, body, frames)
    pictures = (picture for _, picture, _ in progress.track(drawn, motion.frame_count))
    write_movie(pictures, path, motion.fps, footage.is_still)


def write_movie(pictures: Iterator[np.ndarray], path: str | Path, fps: float, is_still: bool) -> None:
    """Write (H, W, 3) uint8 pictures of one size as a movie, or the first as a picture where ``is_still``."""
    first = next(pictures)
    if is_still:
        write_image(path, first)
        return
    with VideoWriter(path, fps, (first.shape[0], first.shape[1])) as writer:
        for picture in itertools.chain([first], pictures):
            writer.write(picture)
