"""What can be measured of a fit in every frame, without the footage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.motion import Motion
from smpl_fitting.quality import landmark_errors

VISIBLE = 0.5  # of a landmark's visibility
SURE = 0.5  # of a frame's confidence; below, the pose is more guessed than seen
_CHUNK = 256  # frames


@dataclass(frozen=True)
class Measures:
    """Per frame, world Z-up, metres and seconds.

    Attributes:
        landmarks: (T, 33, 3) of the fitted body. soles: (T, 4, 3) left heel, left toe, right heel, right toe.
        pelvis: (T, 3). error: (T,) mean distance of the visible landmarks from the detected ones as a share of
            the height, nan where nobody was found. visible: (T,) share of the 33 landmarks that is seen.
        acceleration: (T,) m/s², the mean over the joints; nan in the first and last frame.
        confidence: (T,) and contacts: (T, 4) of the motion; ones and zeros where it has none.
    """

    landmarks: np.ndarray
    soles: np.ndarray
    pelvis: np.ndarray
    error: np.ndarray
    visible: np.ndarray
    acceleration: np.ndarray
    confidence: np.ndarray
    contacts: np.ndarray


def measure(motion: Motion, body: BodyModel) -> Measures:
    """Measure a motion that has cameras and keypoints."""
    assert motion.keypoints is not None
    betas = torch.as_tensor(motion.betas, dtype=torch.float32)
    landmarks, soles, joints = [], [], []
    for start in range(0, motion.frame_count, _CHUNK):
        rows = slice(start, start + _CHUNK)
        poses, trans = (torch.as_tensor(v[rows], dtype=torch.float32) for v in (motion.poses, motion.trans))
        landmarks.append(body.landmarks(betas, poses, trans))
        soles.append(body.soles(betas, poses, trans))
        joints.append(body.joints(betas, poses, trans))
    points = torch.cat(joints).double().numpy()
    acceleration = np.full(motion.frame_count, np.nan)
    if motion.frame_count > 2:
        second = (points[2:] - 2 * points[1:-1] + points[:-2]) * motion.fps**2
        acceleration[1:-1] = np.linalg.norm(second, axis=-1).mean(1)
    frames = motion.frame_count
    return Measures(
        landmarks=torch.cat(landmarks).numpy(),
        soles=torch.cat(soles).numpy(),
        pelvis=points[:, 0],
        error=landmark_errors(motion, body),
        visible=(motion.keypoints[..., 3] > VISIBLE).mean(1),
        acceleration=acceleration,
        confidence=np.ones(frames) if motion.confidence is None else motion.confidence,
        contacts=np.zeros((frames, 4)) if motion.contacts is None else motion.contacts,
    )


def worst_frames(measures: Measures, fps: float, count: int) -> list[int]:
    """Up to ``count`` rows with the largest landmark error, a quarter of a second apart, the worst first."""
    error = np.nan_to_num(measures.error, nan=-1.0)
    chosen: list[int] = []
    for row in np.argsort(-error, kind="stable"):
        if error[row] < 0 or len(chosen) == count:
            break
        if all(abs(row - other) >= 0.25 * fps for other in chosen):
            chosen.append(int(row))
    return chosen
