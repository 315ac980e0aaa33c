"""Difficult footage made from a rendered walker whose joints are known, and how far a fit is from that truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.fit import Fit, fit_clip
from smpl_fitting.geometry import Camera
from smpl_fitting.landmarks import JOINT
from smpl_fitting.video import Footage

MAIN = tuple(
    JOINT[f"{side}_{part}"]
    for side in ("left", "right")
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)
UPPER = tuple(joint for joint in MAIN if joint >= JOINT["left_shoulder"])


class Pictures(Footage):
    """Footage from memory."""

    def __init__(self, pictures: np.ndarray, fps: float) -> None:
        self.path, self.fps, self.has_alpha = Path("scene"), fps, False
        self.pictures = pictures
        self.times = np.arange(len(pictures)) / fps
        self.image_size = pictures.shape[1:3]

    def _decode(self, wanted):
        for index in wanted:
            yield index, self.pictures[index]


@dataclass(frozen=True)
class Scene:
    """A clip and its truth.

    ``pictures`` (T, H, W, 3) uint8; ``joints`` (T, 24, 3) metres in the camera's axes; ``points`` (T, 33, 2)
    pixels of the landmarks; ``visible`` (T,) whether the person is in the picture at all.
    """

    pictures: np.ndarray
    fps: float
    joints: np.ndarray
    points: np.ndarray
    visible: np.ndarray

    @cached_property
    def footage(self) -> Pictures:
        return Pictures(self.pictures, self.fps)

    @property
    def heights(self) -> np.ndarray:
        """(T,) pixels, of the landmarks' extent."""
        return np.ptp(self.points[..., 1], axis=1)

    def with_pictures(self, pictures: np.ndarray) -> Scene:
        return replace(self, pictures=np.ascontiguousarray(pictures))

    def take(self, frames) -> Scene:
        names = ("pictures", "joints", "points", "visible")
        return replace(self, **{name: getattr(self, name)[frames] for name in names})

    def followed_by(self, other: Scene) -> Scene:
        names = ("pictures", "joints", "points", "visible")
        joined = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names}
        return replace(self, **joined)

    def cropped(self, x0: int, y0: int, x1: int, y1: int) -> Scene:
        return replace(self, pictures=self.pictures[:, y0:y1, x0:x1], points=self.points - (x0, y0))

    def scaled(self, size: tuple[int, int]) -> Scene:
        """Resized to (height, width)."""
        planes = torch.from_numpy(self.pictures).permute(0, 3, 1, 2)
        resized = torch.nn.functional.interpolate(planes, size=size, mode="bilinear", antialias=True)
        factor = np.array(size[::-1]) / self.pictures.shape[2:0:-1]
        return replace(
            self,
            pictures=np.ascontiguousarray(resized.permute(0, 2, 3, 1).numpy()),
            points=self.points * factor,
        )

    def placed(self, size: tuple[int, int], offsets: np.ndarray) -> Scene:
        """On a larger, plain canvas, its upper left corner at ``offsets`` (T, 2) or (2,), x and y in pixels."""
        offsets = np.broadcast_to(np.asarray(offsets, int), (len(self.pictures), 2))
        height, width = self.pictures.shape[1:3]
        canvas = np.empty((len(self.pictures), *size, 3), np.uint8)
        canvas[:] = np.median(self.pictures[:, :8], axis=(0, 1, 2)).astype(np.uint8)
        for picture, frame, (x, y) in zip(canvas, self.pictures, offsets, strict=True):
            left, top = max(x, 0), max(y, 0)
            right, bottom = min(x + width, size[1]), min(y + height, size[0])
            if right > left and bottom > top:
                picture[top:bottom, left:right] = frame[top - y : bottom - y, left - x : right - x]
        points = self.points + offsets[:, None]
        inside = ((points >= 0) & (points < (size[1], size[0]))).all(-1).mean(1) > 0
        return replace(self, pictures=canvas, points=points, visible=self.visible & inside)


def fitted(scene: Scene, body: BodyModel) -> Fit:
    """The whole fit, from pixels; whatever was seen, every number of it is finite."""
    fit = fit_clip(scene.footage, body)
    motion = fit.motion
    assert motion.frame_count == len(scene.pictures)
    for name in ("poses", "trans", "betas", "camera_R", "camera_t", "keypoints", "confidence"):
        assert np.isfinite(getattr(motion, name)).all(), name
    assert ((motion.confidence >= 0) & (motion.confidence <= 1)).all()
    return fit


def camera_joints(motion, body: BodyModel) -> np.ndarray:
    """(T, J, 3) the fitted joints in the camera's axes."""
    values = (torch.as_tensor(v, dtype=torch.float32) for v in (motion.betas, motion.poses, motion.trans))
    joints = body.joints(*values).numpy()
    return np.einsum("tij,tkj->tki", motion.camera_R, joints) + motion.camera_t[:, None]


def joint_errors(fit: Fit, body: BodyModel, scene: Scene, joints: tuple[int, ...] = MAIN) -> np.ndarray:
    """(T,) metres, the mean over joints after the pelvises (the necks, for upper bodies) are brought together."""
    root = JOINT["neck"] if joints == UPPER else JOINT["pelvis"]
    found, true = camera_joints(fit.motion, body), scene.joints
    apart = (found - found[:, root : root + 1]) - (true - true[:, root : root + 1])
    return np.linalg.norm(apart[:, list(joints)], axis=-1).mean(1)


def landmark_errors(fit: Fit, body: BodyModel, scene: Scene) -> np.ndarray:
    """(T, 33) distance of the fitted body's landmarks from the true ones in the picture, as a share of the height."""
    motion = fit.motion
    values = (torch.as_tensor(v, dtype=torch.float32) for v in (motion.betas, motion.poses, motion.trans))
    points = body.landmarks(*values)
    pixels = [
        Camera(
            torch.from_numpy(motion.camera_K[t]),
            torch.from_numpy(motion.camera_R[t]),
            torch.from_numpy(motion.camera_t[t]),
            motion.image_size,
        ).project(points[t])[0]
        for t in range(len(points))
    ]
    return np.linalg.norm(torch.stack(pixels).numpy() - scene.points, axis=-1) / scene.heights[:, None]


def seen_errors(fit: Fit, body: BodyModel, scene: Scene) -> np.ndarray:
    """(T,) :func:`landmark_errors` of the landmarks inside the picture alone."""
    height, width = scene.footage.image_size
    inside = ((scene.points >= 0) & (scene.points < (width, height))).all(-1)
    return np.nanmean(np.where(inside, landmark_errors(fit, body, scene), np.nan), axis=1)
