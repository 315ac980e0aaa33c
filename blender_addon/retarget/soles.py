"""The soles of a body at rest: how high they are, how far they reach behind the ankle and before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Soles:
    """In armature space and units, as a mesh tells it; without a mesh there is none."""

    height: float  # along the body's up axis
    heel: float | None = None  # behind the ankle, along the foot
    tip: float | None = None  # before the ankle, along the foot
    half_width: float = 0.0  # to either side of the line through the ankle


def soles_of_vertices(
    vertices: list[np.ndarray], ankles: list[np.ndarray], headings: list[np.ndarray], up: np.ndarray
) -> Soles | None:
    """Soles from the vertices (V, 3) of each foot; None where there are none.

    Args:
        vertices, ankles, headings: for each foot; headings are unit and square to ``up``.
    """
    feet = [foot for foot in zip(vertices, ankles, headings, strict=True) if len(foot[0])]
    if not feet:
        return None
    height = min(float((points @ up).min()) for points, _, _ in feet)
    heels, tips, widths = [], [], []
    for points, ankle, heading in feet:
        low = points[points @ up < ankle @ up]
        if not len(low):
            continue
        along, across = (low - ankle) @ heading, (low - ankle) @ np.cross(up, heading)
        heels.append(-along.min())
        tips.append(along.max())
        widths.append(np.abs(across).max())
    if not heels:
        return Soles(height)
    return Soles(height, *(float(max(np.mean(values), 0.0)) for values in (heels, tips, widths)))
