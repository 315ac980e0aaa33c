"""From the world into the space in which a rig is solved, its armature's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .feet import Floor
from .rotations import nearest_rotation, transpose


@dataclass(frozen=True)
class Space:
    """An armature object at ``x_world = R M S x + origin``.

    R is a rotation, S a positive symmetric stretch. M is the identity, or, for an object of negative scale, the mirror
    of the armature's own left and right; it is left out of the solution, so a mirrored character shows the mirror
    image of the motion. A stretch that is not the same along all axes acts on places but not on axes: it distorts
    the pose as it distorts the mesh. An angle is then off by at most asin((k - 1) / (k + 1)), with k the ratio of
    the largest to the smallest scale.
    """

    R: np.ndarray  # (3, 3)
    S: np.ndarray  # (3, 3)
    origin: np.ndarray  # (3,)

    @property
    def world(self) -> np.ndarray:
        """(4, 4) without the mirror."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.R @ self.S, self.origin
        return matrix

    def points(self, world: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the world in the armature's axes and units."""
        return (world - self.origin) @ self.R @ np.linalg.inv(self.S)

    def axes(self, world: np.ndarray) -> np.ndarray:
        """Axes (..., 3, 3) of the world in the armature's."""
        return transpose(self.R) @ world

    def floor(self, height: float) -> Floor:
        """The plane z = ``height`` of the world."""
        normal = self.S @ self.R.T @ np.array([0.0, 0.0, 1.0])
        size = float(np.linalg.norm(normal))
        return Floor(normal / size, float((height - self.origin[2]) / size))


def space_of(world: np.ndarray) -> Space:
    """Split an object's matrix (4, 4) by polar decomposition."""
    u, sizes, vt = np.linalg.svd(world[:3, :3])
    R = u @ vt
    if np.linalg.det(R) < 0:
        R = R @ np.diag([-1.0, 1.0, 1.0])
    return Space(nearest_rotation(R), vt.T @ np.diag(sizes) @ vt, world[:3, 3].copy())
