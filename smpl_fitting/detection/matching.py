"""Who of the people being followed is who in the next frame: one assignment for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from smpl_fitting.detection.session import Sighting
from smpl_fitting.detection.tracks import Track

_REFUSED = 0.9  # cost from which nobody is rather believed than this sighting; see Track.cost
_TOUCHING = 0.05  # of the smaller box
_FAR = 1e6


def touching(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two boxes x0 y0 x1 y1 overlap enough for one person to hide the other."""
    common = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    smaller = min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod())
    return bool(common > _TOUCHING * max(smaller, 1e-6))


def assign(
    tracks: Sequence[Track], index: int, sightings: Sequence[Sighting | None]
) -> list[Sighting | None]:
    """The sighting in frame ``index`` of each track, None where he is not seen, at the least total cost.

    Sightings that show the same person go to one track only (Hungarian method; Kuhn, 1955).

    Args:
        sightings: what was seen in the place of each track.
    """
    people = _people([one for one in sightings if one is not None])
    costs = np.full((len(tracks), len(people) + len(tracks)), _REFUSED)
    for row, track in enumerate(tracks):
        for column, views in enumerate(people):
            costs[row, column] = min(track.cost(index, view) for view in views)
    found: list[Sighting | None] = [None] * len(tracks)
    for row, column in zip(*linear_sum_assignment(costs), strict=True):
        if column < len(people):
            views, own = people[column], sightings[row]
            mine = [view for view in views if view is own]
            found[row] = mine[0] if mine else min(views, key=lambda view: tracks[row].cost(index, view))
    return found


def relink(
    lost: Sequence[Track], newcomers: Sequence[Track], fps: float, forget_seconds: float
) -> list[Track | None]:
    """The lost track that each newcomer goes on, or None, at the least total cost."""
    costs = np.full((len(newcomers), len(lost) + len(newcomers)), _FAR)
    costs[:, len(lost) :] = _FAR / 2
    for row, newcomer in enumerate(newcomers):
        first = min(newcomer.recent)
        for column, track in enumerate(lost):
            seconds = (first - track.last) / fps
            if 0 < seconds < forget_seconds and track.could_become(newcomer, seconds):
                costs[row, column] = track.cost(first, newcomer.recent[first], newcomer.colours) + seconds
    chosen = dict(zip(*linear_sum_assignment(costs), strict=True))
    return [
        lost[column] if (column := int(chosen[row])) < len(lost) else None for row in range(len(newcomers))
    ]


def _people(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """The sightings of one frame, those of one person together."""
    people: list[list[Sighting]] = []
    for one in sightings:
        same = next((views for views in people if any(one.is_same_as(view) for view in views)), None)
        if same is None:
            people.append([one])
        else:
            same.append(one)
    return people
