"""The skeleton picture that pose-guided generators read: OpenPose's 18 points in its colours, on black.

Limbs are drawn at 0.6 of their colour and 8 pixels wide, points over them in full colour, 4 pixels in radius, as
DWPose and ControlNet do. Points are those of the fitted body, so they also stand where the camera sees them hidden;
but nose, eyes and ears only where they are seen, as a detector gives them.
"""

from __future__ import annotations

import colorsys

import numpy as np
import torch
from torch import Tensor

from neural.correspondence import depth_test
from smpl_fitting.geometry import Camera, Fragments
from smpl_fitting.landmarks import LANDMARK
from smpl_fitting.pictures.canvas import draw_dots, draw_lines

POINTS = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)
"""OpenPose's COCO order. The neck is the middle of the shoulders."""
LIMBS = (
    ("neck", "right_shoulder"),
    ("neck", "left_shoulder"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("neck", "right_hip"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
    ("neck", "left_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("neck", "nose"),
    ("nose", "right_eye"),
    ("right_eye", "right_ear"),
    ("nose", "left_eye"),
    ("left_eye", "left_ear"),
)
_HEAD = ("nose", "right_eye", "left_eye", "right_ear", "left_ear")
_HIDING = 0.03  # metres that hair or a cheek may stand before a landmark without hiding it
LIMB_WIDTH, POINT_RADIUS, LIMB_STRENGTH = 8.0, 4.0, 0.6


def colours() -> np.ndarray:
    """(18, 3): OpenPose's rainbow, hues 20 degrees apart."""
    wheel = [colorsys.hsv_to_rgb(index / len(POINTS), 1.0, 1.0) for index in range(len(POINTS))]
    return np.rint(255 * np.array(wheel))


def openpose_points(landmarks: Tensor, camera: Camera, seen: Fragments) -> np.ndarray:
    """(18, 2) pixels of :data:`POINTS`; NaN where behind the camera, or of the head and hidden.

    Args:
        landmarks: (33, 3) MediaPipe's, on the body, world metres. seen: the rasterized body.
    """
    rows = [LANDMARK[name] if name != "neck" else LANDMARK["left_shoulder"] for name in POINTS]
    points = landmarks[rows].clone()
    points[1] = (landmarks[LANDMARK["left_shoulder"]] + landmarks[LANDMARK["right_shoulder"]]) / 2
    pixels, depth = camera.project(points)
    shown = depth > 0
    head = [POINTS.index(name) for name in _HEAD]
    # a landmark outside the picture cannot be tested; it is not drawn there either
    shown[head] &= depth_test(points[head], camera, seen.depth, tolerance=_HIDING)
    return torch.where(shown[:, None], pixels, torch.nan).numpy()


def draw_skeleton(points: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 of points (18, 2) in pixels; those that are NaN are left out, with their limbs."""
    image = np.zeros((*image_size, 3), np.uint8)
    tints = colours()
    ends = np.array([[POINTS.index(a), POINTS.index(b)] for a, b in LIMBS])
    starts, stops = points[ends[:, 0]], points[ends[:, 1]]
    whole = np.isfinite(starts).all(1) & np.isfinite(stops).all(1)
    draw_lines(image, starts[whole], stops[whole], LIMB_WIDTH, LIMB_STRENGTH * tints[: len(LIMBS)][whole])
    there = np.isfinite(points).all(1)
    draw_dots(image, points[there], POINT_RADIUS, tints[there])
    return image
