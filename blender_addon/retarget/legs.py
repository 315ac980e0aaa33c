"""Legs that keep planted feet planted."""

from __future__ import annotations

import numpy as np

from .clip import Clip
from .feet import GIVE, Floor, eased, find_contacts, hip_drop, plant, sole_points, toe_lift
from .figure import Figure
from .ik import REACH
from .level import level_turns
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


def soles_now(posing: Posing, side: str, soles: Soles | None, heads: np.ndarray, floor: Floor) -> np.ndarray:
    """Heel and ball (T, 2, 3) of a foot as posed. The ball is round: whichever way the foot is tilted, it is what lies
    under the toes' joint, so that planted toes stay where they are while the heel rises."""
    figure, rest = posing.figure, sole_points(posing.figure, side, soles)[:2]
    points = _carried(posing, f"{side}_foot", rest, heads)
    if _has_toes(posing, side):
        radius = (figure.head(f"{side}_toes") - rest[1]) @ figure.facing()[:, 2]
        points[:, 1] = heads[:, posing.node(f"{side}_toes")] - radius * floor.normal
    return points


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
    for k, side in enumerate(SIDES):
        _level(posing, side, contacts[:, 2 * k : 2 * k + 2] > 0.5, floor, fade)
    travel.go(posing)
    travel = travel.lowered(floor.normal * _floating(posing, contacts, floor, leg, soles))
    travel.go(posing)
    heads = posing.heads()
    goals, weights, reach = [], [], []
    for k, side in enumerate(SIDES):
        now = soles_now(posing, side, soles, heads, floor)
        planted = contacts[:, 2 * k : 2 * k + 2] > 0.5
        edges = _underside(posing, side, soles, heads, toes=False)
        move, weight = plant(now, edges, planted, floor, leg, fade)
        goals.append(heads[:, posing.node(f"{side}_foot")] + move)
        weights.append(weight)
        reach.append(REACH * (figure.length(f"{side}_upper_leg") + figure.length(f"{side}_lower_leg")))
    starts = [heads[:, posing.node(f"{side}_upper_leg")] for side in SIDES]
    drop = hip_drop(
        np.stack(starts, 1), np.stack(goals, 1), np.stack(weights, 1), np.array(reach), floor, fade
    )
    travel.lowered(floor.normal * drop[:, None]).go(posing)
    for side, goal in zip(SIDES, goals, strict=True):
        bend(posing, leg_roles(side), goal)
        if _has_toes(posing, side):
            _bend_toes(posing, side, floor, soles, fade)


def _level(posing: Posing, side: str, planted: np.ndarray, floor: Floor, fade: float) -> None:
    """Turn a foot, and its toes along with it, to lie with the floor while it is planted (T, 2)."""
    figure, foot = posing.figure, posing.figure.chains[f"{side}_foot"][0]
    heading, up = figure.heading(side), figure.facing()[:, 2]
    flat = np.stack([heading, np.cross(heading, up), up], -1)
    axes = posing.axes[:, posing.node(f"{side}_foot")] @ (figure.skeleton.rest[foot, :3, :3].T @ flat)
    turns = level_turns(axes, planted, floor, fade)
    posing.turn(f"{side}_foot", turns)
    if _has_toes(posing, side):
        posing.turn(f"{side}_toes", turns)


def _floating(posing: Posing, contacts: np.ndarray, floor: Floor, leg: float, soles: Soles | None) -> float:
    """How far the planted feet are above the floor, as a rule: no body's rest pose tells its height exactly."""
    heads = posing.heads()
    points = np.concatenate([soles_now(posing, side, soles, heads, floor) for side in SIDES], 1)
    planted = floor.above(points)[contacts > 0.5]
    rule = float(np.median(planted)) if len(planted) >= _ENOUGH else 0.0
    return rule if abs(rule) < _MAX_FLOATING * leg else 0.0


def _across(posing: Posing, side: str) -> np.ndarray:
    """(T, 3) to the right of a foot as posed: positive turns about it raise the toes."""
    figure, foot = posing.figure, posing.figure.chains[f"{side}_foot"][0]
    right = np.cross(figure.heading(side), figure.facing()[:, 2])
    return posing.axes[:, posing.hangs.index(foot)] @ (figure.skeleton.rest[foot, :3, :3].T @ right)


def _bend_toes(posing: Posing, side: str, floor: Floor, soles: Soles | None, ease: float) -> None:
    """Bend the toes up where they would sink in; where that is not enough, lift the foot."""
    figure = posing.figure
    toes, axis = f"{side}_toes", _across(posing, side)
    ends = _toe_ends(figure, side, soles)
    heads = posing.heads()
    joint, tips = heads[:, posing.node(toes)], _carried(posing, toes, ends, heads)
    lifts = [toe_lift(joint, tips[:, k], axis, floor) for k in range(len(ends))]
    posing.turn(toes, about_axis(axis, eased(np.max(lifts, 0), ease)))
    heads = posing.heads()
    lowest = floor.above(_carried(posing, toes, ends, heads)).min(1)
    edges = floor.above(_underside(posing, side, soles, heads, toes=True)).min(1)
    lowest = np.minimum(lowest, edges + GIVE * figure.leg_length())
    if lowest.min() < 0:
        ankle = heads[:, posing.node(f"{side}_foot")]
        bend(posing, leg_roles(side), ankle + floor.normal * np.maximum(-lowest, 0.0)[:, None])


def _underside(
    posing: Posing, side: str, soles: Soles | None, heads: np.ndarray, *, toes: bool
) -> np.ndarray:
    """Points (T, K, 3) of a foot's mesh as posed, skinned between foot and toes; of its sole where no mesh tells.

    Args:
        toes: with what the toes mainly carry, as they are bent now; else as if the foot were stiff, without it.
    """
    foot = f"{side}_foot"
    if soles is None or not soles.patches:
        return _carried(posing, foot, sole_points(posing.figure, side, soles)[:2], heads)
    patch = soles.patches[SIDES.index(side)]
    if not toes:
        return _carried(posing, foot, patch.points[patch.toes < 0.5], heads)
    stiff, bent = (_carried(posing, role, patch.points, heads) for role in (foot, f"{side}_toes"))
    return stiff + patch.toes[:, None] * (bent - stiff)


def _toe_ends(figure: Figure, side: str, soles: Soles | None) -> np.ndarray:
    """(2, 3) at rest: the tip of the toes on the floor, and above it at the height of their joint."""
    tip, up = sole_points(figure, side, soles)[2], figure.facing()[:, 2]
    return np.stack([tip, tip + up * ((figure.head(f"{side}_toes") - tip) @ up)])


def leg_roles(side: str) -> tuple[str, str, str]:
    return f"{side}_upper_leg", f"{side}_lower_leg", f"{side}_foot"


def _has_toes(posing: Posing, side: str) -> bool:
    role = f"{side}_toes"
    return posing.figure.has(role) and posing.figure.chains[role][0] in posing.hangs.bones
