"""Hands that touch the body touch it still when the body has another build."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .clip import Clip
from .feet import smoothstep
from .figure import Figure
from .limbs import bend
from .posing import Posing
from .skeleton import SIDES
from .space import Space


@dataclass(frozen=True)
class _Part:
    """A part of the body as the axis of a capsule, from one role's joint to another's.

    A wrist nearer to the axis than ``near`` touches the part, one beyond ``far`` has nothing to do with it; both are
    shares of the breadth between the shoulders, which stands for the thickness of bodies that have no mesh here.
    """

    start: str
    end: str
    near: float
    far: float


_PARTS = (
    _Part("hips", "neck", 0.6, 0.9),
    _Part("neck", "head", 0.5, 0.8),
    _Part("left_upper_leg", "left_lower_leg", 0.45, 0.7),
    _Part("right_upper_leg", "right_lower_leg", 0.45, 0.7),
)
_CLAP, _APART = 0.35, 0.7
"""As near and far, between the wrists."""
_ARMS = tuple((f"{side}_upper_arm", f"{side}_lower_arm", f"{side}_hand") for side in SIDES)


def keep_touching(posing: Posing, clip: Clip, source: Figure, space: Space) -> None:
    """Bring the hands to where the source's are on its body, as much as they are near it, and to each other.

    What is kept is the place along the part's axis, and the offset from it scaled by the breadth of the shoulders.
    The parts themselves turn as the source's do, so the offset's direction in the world is the same.
    """
    if not all(figure.has(*arm) for figure in (source, posing.figure) for arm in _ARMS):
        return
    world = clip.skeleton.world[:3, :3]
    size = float(np.linalg.norm(world @ _across(source)))
    ratio = float(np.linalg.norm(_across(posing.figure))) / size
    for arm in _ARMS:
        bend(posing, arm, _on_body(posing, clip, source, space, arm[2], ratio, size))
    left, right = (posing.heads()[:, posing.node(arm[2])] for arm in _ARMS)
    between = np.subtract(*(clip.positions[:, source.chains[arm[2]][0]] for arm in reversed(_ARMS)))
    weight = smoothstep((_APART - np.linalg.norm(between, axis=-1) / size) / (_APART - _CLAP))
    change = weight[:, None] * (ratio * between @ space.R - (right - left)) / 2
    bend(posing, _ARMS[0], left - change)
    bend(posing, _ARMS[1], right + change)


def _across(figure: Figure) -> np.ndarray:
    return figure.head("left_upper_arm") - figure.head("right_upper_arm")


def _on_body(
    posing: Posing, clip: Clip, source: Figure, space: Space, hand: str, ratio: float, size: float
) -> np.ndarray:
    """(T, 3) goal of a wrist, armature space.

    Args:
        ratio: from the source's metres to the target's armature units.
        size: breadth of the source's shoulders, metres.
    """
    heads = posing.heads()
    here = heads[:, posing.node(hand)]
    wrist = clip.positions[:, source.chains[hand][0]]
    pull, weights = np.zeros_like(here), np.zeros(len(here))
    for part in _PARTS:
        if not all(figure.has(part.start, part.end) for figure in (source, posing.figure)):
            continue
        a, b = (clip.positions[:, source.chains[role][0]] for role in (part.start, part.end))
        share = ((wrist - a) * (b - a)).sum(-1) / np.maximum(((b - a) ** 2).sum(-1), 1e-12)
        share = np.clip(share, 0.0, 1.0)[:, None]
        offset = wrist - (a + share * (b - a))
        weight = smoothstep((part.far - np.linalg.norm(offset, axis=-1) / size) / (part.far - part.near))
        c, d = (heads[:, posing.node(role)] for role in (part.start, part.end))
        goal = c + share * (d - c) + ratio * offset @ space.R
        pull += weight[:, None] * (goal - here)
        weights += weight
    return here + pull / np.maximum(weights, 1.0)[:, None]
