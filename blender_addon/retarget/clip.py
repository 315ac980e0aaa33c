"""What moves: a skeleton and where its bones are in the world on every frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .rotations import nearest_rotation, slerp
from .skeleton import Skeleton
from .soles import Soles


@dataclass(frozen=True)
class Clip:
    """T frames of a skeleton of B bones in a Z-up world."""

    name: str
    skeleton: Skeleton
    rotations: np.ndarray  # (T, B, 3, 3) the bones' axes in the world
    positions: np.ndarray  # (T, B, 3) the bones' heads in the world
    fps: float
    contacts: np.ndarray | None = None  # (T, 4) in [0, 1]: left heel, left toe, right heel, right toe
    ground: float | None = None  # height of the floor, None where nobody knows
    soles: Soles | None = None  # None where nobody knows
    metric: bool = True  # positions are metres, as the scene's are; else in some unit of the file's maker
    picture: np.ndarray | None = None  # (T, B, 2) the heads as a camera saw them, pixels, x right, y up

    @property
    def frame_count(self) -> int:
        return len(self.rotations)

    def rest_rotations(self) -> np.ndarray:
        """The bones' axes (B, 3, 3) at rest, in the world."""
        return nearest_rotation(self.skeleton.world[:3, :3]) @ self.skeleton.rest[:, :3, :3]

    def rest_positions(self) -> np.ndarray:
        """The bones' heads (B, 3) at rest, in the world."""
        world = self.skeleton.world
        return self.skeleton.heads @ world[:3, :3].T + world[:3, 3]

    def select(self, frames) -> Clip:
        """Some frames only; ``frames`` indexes the T axis."""
        return replace(
            self,
            rotations=self.rotations[frames],
            positions=self.positions[frames],
            contacts=None if self.contacts is None else self.contacts[frames],
            picture=None if self.picture is None else self.picture[frames],
        )

    def resample(self, fps: float) -> Clip:
        """The same movement at another rate: rotations by slerp, the rest linearly."""
        if abs(fps / self.fps - 1) < 1e-6 or self.frame_count == 1:
            return replace(self, fps=fps)
        count = int(np.floor((self.frame_count - 1) / self.fps * fps + 1e-6)) + 1
        at = np.minimum(np.arange(count) * self.fps / fps, self.frame_count - 1)
        low = np.minimum(at.astype(int), self.frame_count - 2)
        t = at - low

        def mix(values: np.ndarray) -> np.ndarray:
            weight = t.reshape(-1, *[1] * (values.ndim - 1))
            return (1 - weight) * values[low] + weight * values[low + 1]

        return replace(
            self,
            rotations=slerp(self.rotations[low], self.rotations[low + 1], t[:, None]),
            positions=mix(self.positions),
            contacts=None if self.contacts is None else mix(self.contacts),
            picture=None if self.picture is None else mix(self.picture),
            fps=fps,
        )
