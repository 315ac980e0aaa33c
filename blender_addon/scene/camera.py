"""A Blender camera that sees what an OpenCV pinhole sees, and the way back for the render engine.

Formulas follow Blender's ``BKE_camera_params_compute_viewplane``: the view plane is ``sensor / view_size`` wide per
pixel, where ``view_size`` is the picture's side that the sensor is fitted to, counted in x-pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import AddonError
from .action import Curve, add_action
from .conventions import (
    blender_to_opencv,
    continuous_quaternions,
    matrix_to_quaternion,
    opencv_to_blender,
)

SENSOR_WIDTH = 36.0
"""Millimetres. Blender's own default; only its ratio to the focal length shows."""

_MIN_RESOLUTION = 4

_STILL = 1e-6
"""Cameras that move by less than this (metres, radians, relative focal length) are not keyed."""


@dataclass(frozen=True)
class Lens:
    """What Blender calls the intrinsics. Arrays (T,) where the lens changes over time."""

    lens: np.ndarray  # millimetres on a sensor of SENSOR_WIDTH, fit AUTO
    shift_x: np.ndarray
    shift_y: np.ndarray
    pixel_aspect: tuple[float, float]


def intrinsics_to_lens(K: np.ndarray, image_size: tuple[int, int]) -> Lens:
    """Lens of pinholes ``K`` (T, 3, 3) for pictures of (height, width).

    Raises:
        AddonError: pixels are skewed, or the ratio of the focal lengths changes: Blender's camera has neither.
    """
    K = np.asarray(K, float)
    if np.abs(K[:, 0, 1] / K[:, 0, 0]).max() > 1e-4:
        raise AddonError("the cameras' pixels are skewed; fit the clip again with a plain pinhole camera")
    height, width = image_size
    ratios = K[:, 0, 0] / K[:, 1, 1]
    ratio = float(ratios[0])
    if np.ptp(ratios) > 1e-3 * ratio:
        raise AddonError("the cameras' pixel aspect changes over time; fit the clip again with square pixels")
    if abs(ratio - 1.0) < 1e-5:
        ratio = 1.0
    view_size = float(max(width, height * ratio))
    return Lens(
        lens=K[:, 0, 0] * SENSOR_WIDTH / view_size,
        shift_x=(width / 2 - K[:, 0, 2]) / view_size,
        shift_y=ratio * (K[:, 1, 2] - height / 2) / view_size,
        # Blender takes aspects of at least 1 only
        pixel_aspect=(1.0, ratio) if ratio >= 1.0 else (1.0 / ratio, 1.0),
    )


def add_camera(
    scene: bpy.types.Scene,
    K: np.ndarray,
    R: np.ndarray,
    t: np.ndarray,
    image_size: tuple[int, int],
    *,
    frame_start: int = 1,
    name: str = "Liquid Motion Camera",
) -> bpy.types.Object:
    """Add the matched camera of T frames, make it the scene's, and set the scene's resolution.

    Args:
        K, R, t: (T, 3, 3), (T, 3, 3), (T, 3) OpenCV, ``x_cam = R x + t``.
        image_size: (height, width) in pixels.

    Raises:
        AddonError: Blender has no such camera, or no such small pictures.
    """
    if min(image_size) < _MIN_RESOLUTION:
        raise AddonError(
            f"Blender renders no pictures smaller than {_MIN_RESOLUTION} pixels, these are {image_size}"
        )
    lens = intrinsics_to_lens(K, image_size)
    data = bpy.data.cameras.new(name)
    data.sensor_fit = "AUTO"
    data.sensor_width = SENSOR_WIDTH
    data.clip_start, data.clip_end = 0.01, 1000.0
    camera = bpy.data.objects.new(name, data)
    scene.collection.objects.link(camera)
    camera.rotation_mode = "QUATERNION"
    _place(camera, opencv_to_blender(R, t), frame_start)
    _set_lens(data, lens, frame_start)
    scene.camera = camera
    render = scene.render
    render.resolution_y, render.resolution_x = image_size
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = lens.pixel_aspect
    return camera


def _place(camera: bpy.types.Object, matrices: np.ndarray, frame_start: int) -> None:
    positions = matrices[:, :3, 3]
    quaternions = continuous_quaternions(matrix_to_quaternion(matrices[:, :3, :3]))
    camera.location = positions[0]
    camera.rotation_quaternion = quaternions[0]
    if np.ptp(positions, 0).max() > _STILL or np.ptp(quaternions, 0).max() > _STILL:
        curves = [
            Curve("location", positions, "Camera"),
            Curve("rotation_quaternion", quaternions, "Camera"),
        ]
        add_action(camera, camera.name, curves, frame_start)


def _set_lens(data: bpy.types.Camera, lens: Lens, frame_start: int) -> None:
    values = {"lens": lens.lens, "shift_x": lens.shift_x, "shift_y": lens.shift_y}
    for name, value in values.items():
        setattr(data, name, value[0])
    changing = [
        Curve(name, value[:, None], "Lens", scalar=True)
        for name, value in values.items()
        if np.ptp(value) > _STILL * max(1.0, abs(value[0]))
    ]
    if changing:
        add_action(data, data.name, changing, frame_start)


def camera_intrinsics(
    camera: bpy.types.Camera, render: bpy.types.RenderSettings
) -> tuple[np.ndarray, tuple[int, int]]:
    """``K`` (3, 3) and (height, width) of what this camera renders, border (render region) included.

    Raises:
        AddonError: the camera is not a perspective one.
    """
    if camera.type != "PERSP":
        raise AddonError(
            f"camera {camera.name!r} is {camera.type.lower()}; Liquid Motion renders perspective cameras, "
            "set its Lens Type to Perspective"
        )
    scale = render.resolution_percentage / 100
    width, height = int(render.resolution_x * scale), int(render.resolution_y * scale)
    ratio = render.pixel_aspect_y / render.pixel_aspect_x
    fit = camera.sensor_fit
    if fit == "AUTO":
        horizontal, sensor = width >= ratio * height, camera.sensor_width
    else:
        horizontal = fit == "HORIZONTAL"
        sensor = camera.sensor_width if horizontal else camera.sensor_height
    view_size = width if horizontal else ratio * height
    focal = camera.lens / sensor * view_size
    cx = width / 2 - camera.shift_x * view_size
    cy = height / 2 + camera.shift_y * view_size / ratio
    left, top, width, height = _border(render, width, height)
    K = np.array([[focal, 0, cx - left], [0, focal / ratio, cy - top], [0, 0, 1.0]])
    return K, (height, width)


def _border(render: bpy.types.RenderSettings, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, width, height in pixels of the part that is rendered (``render_init_from_main``'s rounding)."""
    if not render.use_border:
        return 0, 0, width, height
    left, right = int(render.border_min_x * width), int(render.border_max_x * width)
    bottom, top = int(render.border_min_y * height), int(render.border_max_y * height)
    return left, height - top, right - left, top - bottom


def camera_extrinsics(matrix_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``R`` (3, 3) and ``t`` (3,) of an evaluated camera's world matrix."""
    return blender_to_opencv(np.array(matrix_world))
