"""Recordings whose rest pose is no pose: all bones along one axis, as some motion-capture systems write them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .clip import Clip
from .figure import Figure
from .rotations import normalized, transpose
from .skeleton import SIDES

_DOWN = -0.5
"""Cosine between legs and trunk: what bends more than this at rest was never meant to stand."""


_LEG = (("upper_leg", "lower_leg"), ("lower_leg", "foot"))


def stands(figure: Figure) -> bool:
    """Whether the rest pose is that of somebody standing or lying straight: the legs go on where the trunk ends."""
    top = next(figure.head(role) for role in ("head", "neck", "spine") if figure.has(role))
    up = normalized(top - figure.middle("upper_leg"))
    for side in SIDES:
        thigh, shin = (figure.head(f"{side}_{b}") - figure.head(f"{side}_{a}") for a, b in _LEG)
        if normalized(thigh) @ up > _DOWN or normalized(shin) @ up > _DOWN:
            return False
    return True


def with_standing_rest(clip: Clip, figure: Figure) -> Clip:
    """The same movement told from another rest pose, that of the frame that stands straightest.

    The recording itself is not changed: only what its rotations are counted from.
    """
    if stands(figure):
        return clip
    frame = int(np.argmax(_straightness(clip.positions, figure)))
    world = clip.skeleton.world
    rest = np.tile(np.eye(4), (len(clip.skeleton.names), 1, 1))
    rest[:, :3, :3] = transpose(world[:3, :3] / np.cbrt(np.linalg.det(world[:3, :3]))) @ clip.rotations[frame]
    inverse = np.linalg.inv(world)
    rest[:, :3, 3] = clip.positions[frame] @ inverse[:3, :3].T + inverse[:3, 3]
    return replace(clip, skeleton=replace(clip.skeleton, rest=rest))


def _straightness(positions: np.ndarray, figure: Figure) -> np.ndarray:
    """(T,) how upright trunk and legs are in the world, as cosines, less how far the feet are off the floor."""
    row = {role: chain[0] for role, chain in figure.chains.items()}
    hips = (positions[:, row["left_upper_leg"]] + positions[:, row["right_upper_leg"]]) / 2
    top = next(row[role] for role in ("head", "neck", "spine") if role in row)
    score = 2 * normalized(positions[:, top] - hips)[:, 2]
    for side in SIDES:
        for a, b in _LEG:
            score -= normalized(positions[:, row[f"{side}_{b}"]] - positions[:, row[f"{side}_{a}"]])[:, 2]
    feet = np.stack([positions[:, row[f"{side}_foot"], 2] for side in SIDES], 1)
    length = np.linalg.norm(
        positions[:, row["left_foot"]] - positions[:, row["left_upper_leg"]], axis=-1
    ).max()
    return score - 10 * (feet.max(1) - feet.min()) / max(length, 1e-9)
