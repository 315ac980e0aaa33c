"""Arms and legs of a posing, bent to where their ends should be."""

from __future__ import annotations

import numpy as np

from .ik import two_bone
from .posing import Posing
from .rotations import normalized


def bend(posing: Posing, roles: tuple[str, str, str], goal: np.ndarray) -> None:
    """Bring the end of a limb to ``goal`` (T, 3), armature space, by its two segments; hand or foot keep their axes.

    Args:
        roles: upper segment, lower segment, end.
    """
    heads = posing.heads()
    start, joint, end = (heads[:, posing.node(role)] for role in roles)
    turns = two_bone(start, joint, end, goal, hinge(posing, roles[0]))
    for role, turn in zip(roles, turns, strict=False):
        posing.turn(role, turn)


def hinge(posing: Posing, role: str) -> np.ndarray:
    """(T, 3) the axis about which a straight limb would bend, carried along by its upper segment.

    At rest, knees bend so that the shin goes to the body's back, elbows so that the forearm goes to its front.
    """
    figure = posing.figure
    bone = figure.chains[role][0]
    end = figure.end(role)
    assert end is not None, "limbs have a next joint"
    back = figure.facing()[:, 1] * (1.0 if role.endswith("leg") else -1.0)
    axis = normalized(np.cross(end - figure.head(role), back))
    return posing.axes[:, posing.hangs.index(bone)] @ (figure.skeleton.rest[bone, :3, :3].T @ axis)
