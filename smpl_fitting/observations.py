"""What the solver is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from smpl_fitting.silhouette import Silhouettes

PER_FRAME = ("keypoints", "weights", "world", "directions", "direction_weights", "heights", "K")


@dataclass(frozen=True)
class Observations:
    """What was seen of one person in T frames, in pixels and camera axes (OpenCV)."""

    keypoints: Tensor  # (T, 33, 2) pixels
    weights: Tensor  # (T, 33) squared inverse spread in 1 % of the height, 0 where nobody was found
    world: Tensor  # (T, 33, 3) metres, camera axes
    directions: Tensor  # (T, B, 3) of the bones of smpl_fitting.landmarks.BONES, camera axes
    direction_weights: Tensor  # (T, B) squared inverse spread, 0 where nobody was found
    heights: Tensor  # (T,) the person's size in pixels
    K: Tensor  # (T, 3, 3)
    frame_time: float | None  # seconds; None where the frames are separate photos of one person
    silhouettes: Silhouettes | None = None
    contacts: Tensor | None = None  # (T, 4) in [0, 1]: left heel, left toe, right heel, right toe stand still
    cuts: tuple[int, ...] = ()  # rows at which another shot begins
    stature: float | None = None  # metres, where it is known

    def rows(self, rows: slice | Tensor) -> Observations:
        """Some of the frames. Outlines and cuts are those of the whole and are left out."""
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in PER_FRAME},
            contacts=None if self.contacts is None else self.contacts[rows],
            silhouettes=None,
            cuts=(),
        )


@dataclass(frozen=True)
class Parameters:
    """What is solved for, in camera axes."""

    rotations: Tensor  # (T, J, 3, 3) local; joint 0 turns the body into the camera's axes
    trans: Tensor  # (T, 3)
    betas: Tensor  # (B,)

    def rows(self, rows: slice | Tensor) -> Parameters:
        """Some of the frames."""
        return Parameters(self.rotations[rows], self.trans[rows], self.betas)

    @staticmethod
    def join(pieces: list[Parameters]) -> Parameters:
        """Frames one after the other, of one shape."""
        return Parameters(
            torch.cat([piece.rotations for piece in pieces]),
            torch.cat([piece.trans for piece in pieces]),
            pieces[0].betas,
        )
