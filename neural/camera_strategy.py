"""Where the camera stands when one person does another's movement: the ``cam_strategy`` of the Liquid Warping line.

iPERCore (Liu et al., TPAMI 2021) swaps weak-perspective cameras (scale, tx, ty) between source and driving clip.
Here cameras are perspective and the person moves in a world, so each strategy says where the pelvis is in the
camera's axes, and from which side the camera looks:

======  ============================  =============================================  ===============
name    picture and lens of           pelvis                                         meant for
======  ============================  =============================================  ===============
source  the source                    stays where it is in the source picture        the source's background
smooth  the source                    source's place + driving's smoothed movement,  the source's background
                                      feet on the source's floor, kept in the view
copy    the driving clip              as in the driving clip                         the driving's background
follow  the source                    in the middle; the camera follows smoothly     no background
======  ============================  =============================================  ===============

In all but ``copy`` the camera looks at the person from the side the driving camera does, and keeps the source
camera's pitch and roll, so that who stands upright stands upright in the source's picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion

STRATEGIES = ("smooth", "source", "copy", "follow")

SMOOTHING_S = 0.08
"""Standard deviation over which ``smooth`` evens out the fit's jitter of the pelvis; steps and jumps last longer."""
FOLLOW_S = 0.6
"""Standard deviation over which ``follow`` evens out the camera's way, so that hops and sways stay visible."""
NEAREST, FARTHEST = (0.6, 0.7, 0.8, 0.9, 1.0), 1.7  # distance against the source's
HEAD_OVER_PELVIS = 0.5  # of the stature, hair included
ARM_ROOM = 0.3  # of the stature, beside the pelvis: an arm held half out
FOLLOW_FILL = 0.75  # of the picture's height (or width), taken by a standing person


@dataclass(frozen=True)
class CameraPlan:
    """Cameras for the frames of a driving motion.

    Attributes:
        cameras: one for each frame; world = that of the driving motion.
        image_size: (height, width) of the pictures.
        background: ``source``, ``driving`` or ``none``: what the cameras fit.
    """

    cameras: tuple[Camera, ...]
    image_size: tuple[int, int]
    background: str


def plan_cameras(strategy: str, body: BodyModel, source: Motion, driving: Motion) -> CameraPlan:
    """The cameras of a transfer.

    Args:
        strategy: one of :data:`STRATEGIES`.
        source: the source's fit; its first row with its camera is the framing to keep.
        driving: the movement as the source's body will do it (its betas; see
            :func:`smpl_fitting.world.with_shape`), with the cameras of the driving clip.

    Raises:
        LiquidMotionError: the strategy is unknown, or a motion lacks the cameras it takes.
    """
    if strategy not in STRATEGIES:
        raise LiquidMotionError(
            f"camera strategy {strategy!r} is unknown; choose one of {', '.join(STRATEGIES)}"
        )
    if not driving.has_cameras or driving.image_size is None:
        raise LiquidMotionError(f"{driving.source or 'driving motion'}: has no cameras; fit it from footage")
    if strategy == "copy":
        return _copy(driving)
    if not source.has_cameras or source.image_size is None:
        raise LiquidMotionError(f"{source.source or 'source motion'}: has no cameras; fit it from footage")
    K, R, t = _camera_arrays(source)
    home = R[0] @ _pelvis(body, source)[0] + t[0]
    world = _pelvis(body, driving)
    _, driving_R, driving_t = _camera_arrays(driving)
    turned = np.stack([_seen_from(R[0], view) for view in driving_R])
    if strategy == "follow":
        return _follow(K[0], turned, world, source.image_size, driving.fps, _stature(body, driving))
    seen = np.einsum("tij,tj->ti", driving_R, world) + driving_t
    place = np.broadcast_to(home, seen.shape)
    if strategy == "smooth":
        smooth = _smoothed(np.concatenate([seen, world[:, 2:]], axis=1), SMOOTHING_S * driving.fps)
        stature = _stature(body, driving)
        floor = float(_pelvis(body, source)[0, 2])
        place = _moved(home, floor, smooth[:, :3], smooth[:, 3], (K[0], R[0]), driving_R[0][:, 2], stature)
    return _plan(K[0], turned, world, place, source.image_size, "source")


def _copy(driving: Motion) -> CameraPlan:
    K, R, t = _camera_arrays(driving)
    assert driving.image_size is not None
    cameras = tuple(_camera(*one, driving.image_size) for one in zip(K, R, t, strict=True))
    return CameraPlan(cameras, driving.image_size, "driving")


def _moved(
    home: np.ndarray,
    floor: float,
    seen: np.ndarray,
    heights: np.ndarray,
    source: tuple[np.ndarray, np.ndarray],
    driving_up: np.ndarray,
    stature: float,
) -> np.ndarray:
    """The source's place plus the driving's movement about its middle, (T, 3) in the source camera's axes.

    iPERCore adds the differences of tx, ty (units of the body) to the first frame's and multiplies by the ratio
    of the scales. Here the middle of the movement, not its first frame, is put where the source stands, and
    what would leave the picture is shrunk, since a walk or a leap in the driving clip need not fit the photo. Depth
    changes as a ratio: metres could carry a source near the camera behind it. Heights are those over the floor,
    so that feet stand where the source's stand.

    Args:
        home: (3,) the pelvis in the source camera. floor: its height over the ground.
        seen: (T, 3) the driving pelvis, smoothed, in the driving camera. heights: (T,) over the ground.
        source: K and R (3, 3) of the source camera. driving_up: (3,) the vertical in the driving camera.
        stature: of the source's body, metres.
    """
    K, R = source
    level = seen - (seen @ driving_up)[:, None] * driving_up  # the vertical part comes from the heights
    middle = (level.max(0) + level.min(0)) / 2
    away = level - middle
    half = home[2] * K[0, 2] / K[0, 0]  # metres from the middle of the view to its edge
    free = max(half - abs(home[0]) - ARM_ROOM * stature, 0.15 * half)
    sideways = away[:, 0] * min(1.0, free / max(np.abs(away[:, 0]).max(), 1e-6))
    up = R[:, 2]
    head = HEAD_OVER_PELVIS * stature
    rise = heights - floor
    top = home + head * up
    above = float(top[1] + K[1, 2] / K[1, 1] * top[2])  # metres from the head to the picture's upper edge
    if 0 < above < rise.max():  # a source cropped at the head gives no measure
        rise = np.where(rise > 0, rise * above / rise.max(), rise)
    place = home + rise[:, None] * up
    place[:, 0] += sideways
    # nearer or farther along the ground means lower or higher in the picture
    ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
    ahead *= home[2] / max(np.linalg.norm(ahead), 1e-6)
    lift = head * np.minimum(heights / floor, 1.0)[:, None] * up
    for nearest in NEAREST:  # as near as the driving comes, unless the head would leave the picture
        depth = np.clip(level[:, 2] / middle[2], nearest, FARTHEST)
        moved = place + (depth - 1)[:, None] * ahead
        top = moved + lift
        if (K[1, 1] * top[:, 1] / top[:, 2] + K[1, 2]).min() >= 0:
            break
    return moved


def _follow(
    K: np.ndarray, R: np.ndarray, world: np.ndarray, image_size: tuple[int, int], fps: float, stature: float
) -> CameraPlan:
    """The camera keeps the smoothed pelvis in the middle, at the distance where a standing person fits."""
    height, width = image_size
    share = min(
        height / stature, width / (0.75 * stature)
    )  # arms asleant: three quarters of the stature wide
    distance = K[1, 1] / (FOLLOW_FILL * share)
    K = K.copy()
    K[0, 2], K[1, 2] = width / 2, height / 2
    path = (
        ndimage.gaussian_filter1d(world, FOLLOW_S * fps, axis=0, mode="nearest") if len(world) > 1 else world
    )
    # the pelvis is a little above the middle of the body
    place = np.array([0.0, -0.03 * stature, distance])
    return _plan(K, R, path, np.broadcast_to(place, path.shape), image_size, "none")


def _smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian over time (T, C), sigma in frames."""
    return ndimage.gaussian_filter1d(values, sigma, axis=0, mode="nearest") if len(values) > 1 else values


def _plan(
    K: np.ndarray,
    R: np.ndarray,
    world: np.ndarray,
    place: np.ndarray,
    image_size: tuple[int, int],
    background: str,
) -> CameraPlan:
    """Cameras (K, R[i]) that see the world points at ``place`` in their axes."""
    t = place - np.einsum("tij,tj->ti", R, world)
    cameras = tuple(_camera(K, turn, shift, image_size) for turn, shift in zip(R, t, strict=True))
    return CameraPlan(cameras, image_size, background)


def azimuth(R: np.ndarray) -> float:
    """Radians about the vertical in which a camera (3, 3) looks, counter-clockwise from the world's X.

    One that looks straight down has that of its picture's top.
    """
    direction = R[2] if math.hypot(R[2, 0], R[2, 1]) > 1e-3 else -R[1]
    return math.atan2(direction[1], direction[0])


def _seen_from(source_R: np.ndarray, driving_R: np.ndarray) -> np.ndarray:
    """The source camera turned about the world's vertical until it looks where the driving camera looks."""
    angle = azimuth(source_R) - azimuth(driving_R)
    c, s = math.cos(angle), math.sin(angle)
    return source_R @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _pelvis(body: BodyModel, motion: Motion) -> np.ndarray:
    """(T, 3) world: J_0(betas) + trans."""
    _, joints = body.shaped(_tensor(motion.betas))
    return joints[0].double().numpy() + motion.trans


def _stature(body: BodyModel, motion: Motion) -> float:
    vertices, _ = body.shaped(_tensor(motion.betas))
    return float(vertices[:, 1].max() - vertices[:, 1].min())


def _tensor(array: np.ndarray) -> Tensor:
    return torch.as_tensor(array, dtype=torch.float32)


def _camera_arrays(motion: Motion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    assert motion.camera_K is not None and motion.camera_R is not None and motion.camera_t is not None
    return motion.camera_K.astype(float), motion.camera_R.astype(float), motion.camera_t.astype(float)


def _camera(K: np.ndarray, R: np.ndarray, t: np.ndarray, image_size: tuple[int, int]) -> Camera:
    return Camera(_tensor(K), _tensor(R), _tensor(t), image_size)
