"""Legs that keep planted feet planted."""

from __future__ import annotations

import numpy as np

from .clip import Clip
from .feet import Floor, find_contacts, hip_drop, plant, sole_edges, sole_points, toe_lift
from .figure import Figure
from .ik import REACH
from .limbs import bend
from .posing import Posing, Travel
from .root import UP, floor_of
from .rotations import about_axis, rotate
from .skeleton import SIDES
from .soles import Soles

_ENOUGH = 10  # contacts, to tell a rule from chance
_MAX_FLOATING = 0.2
"""Leg lengths: planted feet this far up stand on something else."""


def contacts_of(clip: Clip, source: Figure) -> np.ndarray:
    """Contacts (T, 4) of the source: those of the clip, else found in its movement."""
    if clip.contacts is not None:
        return clip.contacts
    world = clip.skeleton.world
    rest = clip.rest_rotations()
    leg = source.leg_length() * float(np.linalg.norm(world[:3, :3] @ source.facing()[:, 2]))
    points = []
    for side in SIDES:
        foot = source.chains[f"{side}_foot"][0]
        sole = sole_points(source, side, clip.soles)[:2] - source.head(f"{side}_foot")
        delta = clip.rotations[:, foot] @ rest[foot].T
        arms = sole @ world[:3, :3].T
        points += [clip.positions[:, foot] + rotate(delta, arm) for arm in arms]
    return find_contacts(np.stack(points, 1), clip.fps, Floor(UP, floor_of(clip, source)), leg)


def soles_now(posing: Posing, side: str, soles: Soles | None, heads: np.ndarray) -> np.ndarray:
    """Heel, ball and tip (T, 3, 3) of a foot as posed; the tip is on the toes where there are any."""
    points = sole_points(posing.figure, side, soles)
    result = _carried(posing, f"{side}_foot", points, heads)
    if _has_toes(posing, side):
        result[:, 2] = _carried(posing, f"{side}_toes", points[2:], heads)[:, 0]
    return result


def _carried(posing: Posing, role: str, points: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """Points (K, 3) at rest, carried along (T, K, 3) by a role's first bone."""
    skeleton, bone = posing.figure.skeleton, posing.figure.chains[role][0]
    arms = (points - skeleton.heads[bone]) @ skeleton.rest[bone, :3, :3]
    node = posing.hangs.index(bone)
    return heads[:, node, None] + arms @ np.swapaxes(posing.axes[:, node], -1, -2)


def plant_legs(
    posing: Posing, travel: Travel, contacts: np.ndarray, floor: Floor, fade: float, soles: Soles | None
) -> None:
    """Move the ankles so that planted feet stay and none is below the floor; lower the hips where legs are too short.

    Args:
        posing: with axes and locations of the plain motion; changed in place.
        travel: how it got its locations.
        contacts: (T, 4) in [0, 1].
        fade: frames.
    """
    figure = posing.figure
    leg = figure.leg_length()
    travel = travel.lowered(floor.normal * _floating(posing, contacts, floor, leg, soles))
    travel.go(posing)
    heads = posing.heads()
    goals, weights, reach = [], [], []
    for k, side in enumerate(SIDES):
        now = soles_now(posing, side, soles, heads)
        planted = contacts[:, 2 * k : 2 * k + 2] > 0.5
        edges = _carried(posing, f"{side}_foot", sole_edges(figure, side, soles), heads)
        move, weight = plant(now[:, :2], edges, planted, floor, leg, fade)
        goals.append(heads[:, posing.node(f"{side}_foot")] + move)
        weights.append(weight)
        reach.append(REACH * (figure.length(f"{side}_upper_leg") + figure.length(f"{side}_lower_leg")))
    starts = [heads[:, posing.node(f"{side}_upper_leg")] for side in SIDES]
    drop = hip_drop(
        np.stack(starts, 1), np.stack(goals, 1), np.stack(weights, 1), np.array(reach), floor, fade
    )
    travel.lowered(floor.normal * drop[:, None]).go(posing)
    for side, goal in zip(SIDES, goals, strict=True):
        bend(posing, (f"{side}_upper_leg", f"{side}_lower_leg", f"{side}_foot"), goal)
        if _has_toes(posing, side):
            _bend_toes(posing, side, floor, soles, fade)


def _floating(posing: Posing, contacts: np.ndarray, floor: Floor, leg: float, soles: Soles | None) -> float:
    """How far the planted feet are above the floor, as a rule: no body's rest pose tells its height exactly."""
    heads = posing.heads()
    points = np.concatenate([soles_now(posing, side, soles, heads)[:, :2] for side in SIDES], 1)
    planted = floor.above(points)[contacts > 0.5]
    rule = float(np.median(planted)) if len(planted) >= _ENOUGH else 0.0
    return rule if abs(rule) < _MAX_FLOATING * leg else 0.0


def _bend_toes(posing: Posing, side: str, floor: Floor, soles: Soles | None, ease: float) -> None:
    figure, heads = posing.figure, posing.heads()
    joint, tip = heads[:, posing.node(f"{side}_toes")], soles_now(posing, side, soles, heads)[:, 2]
    foot = figure.chains[f"{side}_foot"][0]
    across = np.cross(figure.heading(side), figure.facing()[:, 2])
    axis = posing.axes[:, posing.hangs.index(foot)] @ (figure.skeleton.rest[foot, :3, :3].T @ across)
    posing.turn(f"{side}_toes", about_axis(axis, toe_lift(joint, tip, axis, floor, ease)))


def _has_toes(posing: Posing, side: str) -> bool:
    role = f"{side}_toes"
    return posing.figure.has(role) and posing.figure.chains[role][0] in posing.hangs.bones
