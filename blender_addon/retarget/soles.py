"""The soles of a body at rest: how high they are, how far they reach behind the ankle and before it, their shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_CELL = 0.15  # of the foot's length: one point of the mesh speaks for so much of the sole
_TILTS = np.radians([0.0, 20.0, 40.0, 60.0, 80.0])  # of a foot, in which a point may be the lowest
_WAYS = np.radians(np.arange(0.0, 360.0, 30.0))
_RIM = 0.1  # so much higher a point may be than another of its cell that is farther in by one


@dataclass(frozen=True)
class Patch:
    """The underside of one foot: points of the mesh at rest, and how far the toes carry each along."""

    points: np.ndarray  # (K, 3)
    toes: np.ndarray  # (K,) from 0, the foot alone, to 1


@dataclass(frozen=True)
class Soles:
    """In armature space and units, as a mesh tells it; without a mesh there is none."""

    height: float  # along the body's up axis
    heel: float | None = None  # behind the ankle, along the foot
    tip: float | None = None  # before the ankle, along the foot
    patches: tuple[Patch, ...] = ()  # left and right, or none


def soles_of_vertices(
    feet: Sequence[Patch], ankles: Sequence[np.ndarray], headings: Sequence[np.ndarray], up: np.ndarray
) -> Soles | None:
    """Soles from all vertices of each foot; None where there are none.

    Args:
        ankles, headings: for each foot, left and right; headings are unit and square to ``up``.
    """
    there = [each for each in zip(feet, ankles, headings, strict=True) if len(each[0].points)]
    if not there:
        return None
    height = min(float((foot.points @ up).min()) for foot, _, _ in there)
    heels, tips, patches = [], [], []
    for foot, ankle, heading in there:
        low = foot.points @ up < ankle @ up
        if not low.any():
            continue
        foot = Patch(foot.points[low], foot.toes[low])
        along = (foot.points - ankle) @ heading
        heels.append(-along.min())
        tips.append(along.max())
        patches.append(_underside(foot, ankle, heading, up, height))
    if not heels:
        return Soles(height)
    heel, tip = (float(max(np.mean(values), 0.0)) for values in (heels, tips))
    return Soles(height, heel, tip, tuple(patches) if len(patches) == 2 else ())


def _underside(foot: Patch, ankle: np.ndarray, heading: np.ndarray, up: np.ndarray, height: float) -> Patch:
    """What may meet the floor: the points of the foot, and of the toes, that are the lowest when it is tilted some way,
    and, since skin between the two gives way, the lowest of each cell of the sole, of equally low ones the outermost.
    """
    level = np.stack([heading, np.cross(heading, up)], -1)
    flat, above = (foot.points - ankle) @ level, foot.points @ up - height
    tilts, ways = (angles.ravel() for angles in np.meshgrid(_TILTS, _WAYS))
    depth = (flat @ np.stack([np.cos(ways), np.sin(ways)])) * np.sin(tilts) - np.outer(above, np.cos(tilts))
    kept = [
        np.flatnonzero(part)[depth[part].argmax(0)]
        for part in (foot.toes < 0.5, foot.toes >= 0.5)
        if part.any()
    ]
    size = _CELL * max(float(np.ptp(flat[:, 0])), 1e-9)
    order = np.argsort(above - _RIM * np.linalg.norm(flat - flat.mean(0), axis=1))
    _, first = np.unique(np.round(flat[order] / size).astype(int), axis=0, return_index=True)
    rows = np.unique(np.concatenate([order[first], *kept]))
    return Patch(foot.points[rows], foot.toes[rows])
