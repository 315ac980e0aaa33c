"""A pose in the making: axes of the keyed bones on every frame, and the locations that make the body travel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import AddonError
from .figure import Figure
from .hangs import Hangs, locate, place
from .options import Options
from .rotations import rotate, split_twist
from .skeleton import SIDES
from .space import Space


@dataclass
class Posing:
    """The target's figure, what its keyed bones hang from, and (T, N) axes and (T, 3) locations so far."""

    figure: Figure
    hangs: Hangs
    axes: np.ndarray  # (T, N, 3, 3) armature space
    locations: dict[int, np.ndarray]  # index of the keyed bone -> (T, 3)

    def node(self, role: str) -> int:
        """Index among the keyed bones of the role's first bone."""
        return self.hangs.index(self.figure.chains[role][0])

    def nodes(self, role: str) -> list[int]:
        return [self.hangs.index(bone) for bone in self.figure.chains[role]]

    def heads(self) -> np.ndarray:
        """(T, N, 3) armature space."""
        return place(self.hangs, self.axes, self._held() | self.locations)

    def _held(self) -> dict[int, np.ndarray]:
        """Locations that the rig's pose has and that are not keyed."""
        basis = self.figure.skeleton.basis[self.hangs.bones, :3, 3]
        moved = np.flatnonzero(basis.any(1) & self.hangs.movable)
        return {int(i): np.broadcast_to(basis[i], (len(self.axes), 3)) for i in moved}

    def hips(self, heads: np.ndarray) -> np.ndarray:
        """(T, 3) between the hip joints."""
        return heads[:, [self.node(f"{side}_upper_leg") for side in SIDES]].mean(1)

    def turn(self, role: str, turns: np.ndarray) -> None:
        """Turn all bones of a role by (T, 3, 3)."""
        for node in self.nodes(role):
            self.axes[:, node] = turns @ self.axes[:, node]


@dataclass(frozen=True)
class Travel:
    """How the body goes about: which bones travel, the root before the hips, and where to."""

    nodes: list[int]  # indices among the keyed bones
    way: np.ndarray  # (T, 3) armature space, of the middle between the hip joints
    ground: np.ndarray | None  # (T, 3) armature space, of the first of two travelling bones

    def lowered(self, by: np.ndarray) -> Travel:
        """The same with ``way`` shifted by vectors (T, 3) or (3,)."""
        return Travel(self.nodes, self.way - by, self.ground)

    def go(self, posing: Posing) -> None:
        """Set the locations with which the body does so."""
        posing.locations = {}
        for node in self.nodes:
            heads = posing.heads()
            if self.ground is not None and node == self.nodes[0]:
                wanted = self.ground
            else:
                wanted = heads[:, node] + self.way - posing.hips(heads)
            posing.locations[node] = locate(posing.hangs, node, posing.axes, heads, wanted)


def travellers(figure: Figure, options: Options) -> list[int]:
    """Rows of the bones whose location is keyed, the root before the hips.

    Raises:
        AddonError: the mode needs a root bone, and the map has none.
    """
    skeleton = figure.skeleton
    hips = figure.chains["hips"][0]
    while skeleton.connected[hips] and skeleton.parents[hips] >= 0:  # a connected bone cannot move
        hips = int(skeleton.parents[hips])
    if options.root in ("hips", "in_place"):
        return [hips]
    if "root" not in figure.chains:
        raise AddonError(
            f"the rig has no root bone in its map, which root mode {options.root!r} needs; choose 'hips'"
        )
    root = figure.chains["root"][0]
    if root == hips or hips in skeleton.ancestors(root):
        raise AddonError(
            f"the map's root bone {skeleton.names[root]!r} does not carry the hips; choose root mode 'hips'"
        )
    return [root] if options.root == "root" else [root, hips]


def heading(delta: np.ndarray) -> np.ndarray:
    """The part (T, 3, 3) of the hips' rotation from rest that turns about the vertical."""
    return split_twist(delta, np.array([0.0, 0.0, 1.0]))[1]


def ground_path(figure: Figure, space: Space, way: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """(T, 3) armature space: where the root bone goes so that the body stands over it as at rest.

    Args:
        way: (T, 3) of the hips, armature space.
        turn: (T, 3, 3) of the root from its rest, armature space.
    """
    up = space.floor(0.0).normal
    root = figure.head("root")
    arm = figure.middle("upper_leg") - root
    path = way - rotate(turn, arm)
    rest = root @ up
    return path + up * (rest - path @ up)[:, None]
