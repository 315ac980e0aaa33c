"""A Blender camera that sees what an OpenCV pinhole sees, and the way back for the render engine.

Formulas follow Blender's ``BKE_camera_params_compute_viewplane``: the view plane is ``sensor / view_size`` wide per
pixel, where ``view_size`` is the picture's side that the sensor is fitted to, counted in x-pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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

FAR_DISTANCE = 3000.0
"""Metres at which a pinhole stands in for an orthographic camera: single precision still tells depths a quarter of
a millimetre apart there, and a person's nearest point is enlarged by no more than one in ten thousand."""

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


@dataclass(frozen=True)
class View:
    """What a camera sees, in pixels of the part of the picture that is rendered.

    Attributes:
        K: (3, 3) pinhole intrinsics; orthographic: pixels a metre where a pinhole has its focal lengths.
        R, t: (3, 3), (3,), world to camera, OpenCV axes.
        size: (height, width) of the part.
        box: x0, y0, x1, y1 of the part in the whole picture.
        full_size: (height, width) of the whole picture.
    """

    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    size: tuple[int, int]
    box: tuple[int, int, int, int]
    full_size: tuple[int, int]
    orthographic: bool = False


def whole_view(
    K: np.ndarray, R: np.ndarray, t: np.ndarray, size: tuple[int, int], orthographic: bool = False
) -> View:
    """A view whose whole picture is rendered."""
    return View(K, R, t, size, (0, 0, size[1], size[0]), size, orthographic)


def camera_view(camera: bpy.types.Camera, matrix_world: np.ndarray, render: bpy.types.RenderSettings) -> View:
    """What an evaluated camera renders: perspective or orthographic, shift, sensor fit, border (render region).

    Raises:
        AddonError: the camera is panoramic.
    """
    height, width = picture_size(render)
    K = camera_intrinsics(camera, render)
    box = border_box(render)
    K[0, 2] -= box[0]
    K[1, 2] -= box[1]
    size = (box[3] - box[1], box[2] - box[0])
    return View(K, *camera_extrinsics(matrix_world), size, box, (height, width), camera.type == "ORTHO")


def camera_intrinsics(camera: bpy.types.Camera, render: bpy.types.RenderSettings) -> np.ndarray:
    """``K`` (3, 3) of the whole picture; orthographic: pixels a metre in place of the focal lengths.

    Raises:
        AddonError: the camera is panoramic.
    """
    if camera.type not in ("PERSP", "ORTHO"):
        raise AddonError(
            f"camera {camera.name!r} is {camera.type.lower()}; Liquid Motion renders perspective and orthographic "
            "cameras, set its Lens Type to one of them"
        )
    height, width = picture_size(render)
    ratio = render.pixel_aspect_y / render.pixel_aspect_x
    fit = camera.sensor_fit
    if fit == "AUTO":
        horizontal, sensor = width >= ratio * height, camera.sensor_width
    else:
        horizontal = fit == "HORIZONTAL"
        sensor = camera.sensor_width if horizontal else camera.sensor_height
    view_size = width if horizontal else ratio * height
    scale = view_size * (1 / camera.ortho_scale if camera.type == "ORTHO" else camera.lens / sensor)
    cx = width / 2 - camera.shift_x * view_size
    cy = height / 2 + camera.shift_y * view_size / ratio
    return np.array([[scale, 0, cx], [0, scale / ratio, cy], [0, 0, 1.0]])


def picture_size(render: bpy.types.RenderSettings) -> tuple[int, int]:
    """(height, width) of the whole picture, rounded as ``BKE_render_resolution`` does."""
    percentage = render.resolution_percentage
    return render.resolution_y * percentage // 100, render.resolution_x * percentage // 100


def border_box(render: bpy.types.RenderSettings) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of what is rendered of the whole picture, rounded as ``render_init_from_main`` does."""
    height, width = picture_size(render)
    if not render.use_border:
        return 0, 0, width, height
    # in single precision, as Blender multiplies: 0.7 of 10 is 7 there and 6.9999999 in double
    left, right = (int(np.float32(x) * np.float32(width)) for x in (render.border_min_x, render.border_max_x))
    bottom, top = (
        int(np.float32(y) * np.float32(height)) for y in (render.border_min_y, render.border_max_y)
    )
    return left, height - top, right, height - bottom


def camera_extrinsics(matrix_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``R`` (3, 3) and ``t`` (3,) of an evaluated camera's world matrix."""
    return blender_to_opencv(np.array(matrix_world))


def far_pinhole(view: View, vertices: np.ndarray) -> tuple[View, float]:
    """A pinhole that sees these vertices (V, 3) as an orthographic ``view`` does, and what its depths are more by.

    It stands ``FAR_DISTANCE`` from the vertices' middle depth: something d metres nearer appears larger by
    d / FAR_DISTANCE, a twentieth of a pixel at the edge of a person of 1,000 pixels.
    """
    depth = vertices @ view.R[2] + view.t[2]
    behind = FAR_DISTANCE - float(depth.min() + depth.max()) / 2
    K = view.K.copy()
    K[[0, 1], [0, 1]] *= FAR_DISTANCE
    return replace(view, K=K, t=view.t + [0.0, 0.0, behind], orthographic=False), behind
