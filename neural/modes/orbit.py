"""Cameras that circle around the person: the turntable, and the frozen moment of bullet time."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from neural.camera_strategy import CameraPlan
from neural.subject import Subject
from neural.transfer import plan_transfer, with_cameras
from smpl_fitting.body import BodyModel
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion
from smpl_fitting.world import body_vertices

TURNTABLE_FPS = 30.0


def turntable(
    subject: Subject, body: BodyModel, seconds: float, degrees: float = 360.0
) -> tuple[Motion, CameraPlan]:
    """The person as the first source shows them, and a camera that begins there and circles around them.

    Raises:
        SubjectError: the subject has another body model. LiquidMotionError: ``seconds`` is no length of time.
    """
    pose = dataclasses.replace(subject.views()[0], fps=TURNTABLE_FPS)
    moved, plan = plan_transfer(subject, pose, body, "source")
    return _circled(moved, plan, body, np.zeros(_count(seconds, moved.fps), int), degrees, subject)


def circled_motion(
    subject: Subject, motion: Motion, body: BodyModel, degrees: float = 360.0, cam_strategy: str = "smooth"
) -> tuple[Motion, CameraPlan]:
    """The motion, and a camera that circles around the person while it plays.

    Raises:
        SubjectError, LiquidMotionError: see :func:`neural.transfer.plan_transfer`.
    """
    moved, plan = plan_transfer(subject, motion, body, cam_strategy)
    return _circled(moved, plan, body, np.arange(moved.frame_count), degrees, subject)


def bullet_time(
    subject: Subject,
    motion: Motion,
    body: BodyModel,
    moment: float,
    seconds: float,
    degrees: float = 360.0,
    cam_strategy: str = "smooth",
) -> tuple[Motion, CameraPlan]:
    """The motion until ``moment``, frozen there for ``seconds`` while the camera circles, then the rest of it.

    Args:
        moment: seconds from the motion's first frame.

    Raises:
        SubjectError, LiquidMotionError: see :func:`neural.transfer.plan_transfer`; or the motion has no such moment.
    """
    row = round(moment * motion.fps)
    if not 0 <= row < motion.frame_count:
        last = (motion.frame_count - 1) / motion.fps
        raise LiquidMotionError(f"the motion has no moment {moment:g} s; choose one from 0 to {last:.2f} s")
    moved, plan = plan_transfer(subject, motion, body, cam_strategy)
    still = np.full(_count(seconds, motion.fps), row)
    frozen, circle = _circled(moved, plan, body, still, degrees, subject)
    before, after = np.arange(row + 1), np.arange(row + 1, moved.frame_count)
    cameras = (*plan.cameras[: row + 1], *circle.cameras, *plan.cameras[row + 1 :])
    order = np.concatenate([before, still, after])
    played = dataclasses.replace(moved.select(order), times=None)
    return with_cameras(played, cameras), dataclasses.replace(plan, cameras=cameras, background="none")


def _circled(
    moved: Motion, plan: CameraPlan, body: BodyModel, rows: np.ndarray, degrees: float, subject: Subject
) -> tuple[Motion, CameraPlan]:
    """These rows of a planned motion under their cameras, which go round the person by and by.

    The circle is level, around the middle of the body's box in each frame; a whole one does not repeat its first
    view at its end.
    """
    dressed = subject.dress(body)
    steps = len(rows) if abs(degrees) >= 360.0 else max(1, len(rows) - 1)
    cameras = []
    for index, row in enumerate(rows.tolist()):
        vertices = body_vertices(dressed, moved, [row])[0]
        middle = (vertices.amax(0) + vertices.amin(0)) / 2
        cameras.append(around(plan.cameras[row], middle, degrees * index / steps))
    seen = dataclasses.replace(moved.select(rows), times=None)
    circle = dataclasses.replace(plan, cameras=tuple(cameras), background="none")
    return with_cameras(seen, cameras), circle


def around(camera: Camera, centre: torch.Tensor, degrees: float) -> Camera:
    """The camera gone round the vertical through ``centre`` (3,), counter-clockwise seen from above.

    The point keeps its place in the picture.
    """
    angle = math.radians(degrees)
    c, s = math.cos(angle), math.sin(angle)
    back = torch.tensor([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    R = camera.R @ back
    return dataclasses.replace(camera, R=R, t=camera.t + camera.R @ centre - R @ centre)


def _count(seconds: float, fps: float) -> int:
    if not (math.isfinite(seconds) and 0 < seconds <= 600):
        raise LiquidMotionError(f"{seconds:g} seconds of circling: choose a length from a moment to 600 s")
    return max(2, round(seconds * fps))
