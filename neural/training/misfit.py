"""What fits of footage get wrong, to be added to fits that are better: networks must live with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion

# Standard deviations, chosen so that joints land 0.3 to 1% of the height beside the truth in the picture, as the
# landmarks of fitted footage do: radians of a joint, metres across the view and along it.
_JOINT, _ACROSS, _ALONG = 0.022, 0.006, 0.03
STRENGTHS = (0.3, 1.6)
"""Some fits are better than others: least and greatest share of these deviations."""
TARGET_STRENGTHS = (0.0, 0.4)
"""The same of poses to be drawn. They are the artist's word: where they were as wrong as a source's fit, which nothing
shows, the least error would be a blur, and a blur is what a network would learn."""
_JITTER = 0.2  # share of the error that is new in the next frame


@dataclass(frozen=True)
class Misfit:
    """An error of a fit: ``joints`` (24, 3) axis-angle added to each, ``place`` (3,) metres in camera axes."""

    joints: np.ndarray
    place: np.ndarray

    def added_to(self, motion: Motion, camera: Camera) -> Motion:
        """A one-row motion with this error."""
        poses = motion.poses.copy()
        poses[:, :72] += self.joints.reshape(1, 72)
        trans = motion.trans + camera.R.numpy().T @ self.place
        return replace(motion, poses=poses.astype(np.float32), trans=trans.astype(np.float32))

    def drifted(self, rng: np.random.Generator, strengths: tuple[float, float] = STRENGTHS) -> Misfit:
        """The error in a neighbouring frame."""
        other = random_misfit(rng, strengths)
        return Misfit(
            (1 - _JITTER) * self.joints + _JITTER * other.joints,
            (1 - _JITTER) * self.place + _JITTER * other.place,
        )


def random_misfit(rng: np.random.Generator, strengths: tuple[float, float] = STRENGTHS) -> Misfit:
    """The error of one fit, of a strength between these two."""
    strength = rng.uniform(*strengths)
    joints = rng.normal(0, _JOINT * strength, (24, 3))
    joints[0] *= 0.5
    return Misfit(joints, rng.normal(0, 1, 3) * strength * np.array([_ACROSS, _ACROSS, _ALONG]))
