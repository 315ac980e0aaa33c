"""Planted feet stay planted and no foot sinks into the floor: contacts, and what to move the ankles by.

Floors are planes n x = h. One foot is seen as three points of its sole: heel, ball and tip of the toes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .figure import Figure
from .soles import Soles

_SLOW, _FAST = 0.3, 0.5
"""Leg lengths a second: slower a point begins to be planted, faster it ends (a walking foot swings at 3 to 5)."""
_LOW, _HIGH = 0.05, 0.08
"""Leg lengths over the floor, in the same way."""
_BRIEF = 0.07  # seconds; shorter contacts are chance, shorter gaps too
GIVE = 0.006  # leg lengths by which the edge of a sole may sink in when the foot tilts
_STAIR = 0.12  # leg lengths over the floor, at which a planted foot stands on something else


@dataclass(frozen=True)
class Floor:
    """The plane ``normal @ x == height``."""

    normal: np.ndarray  # (3,) unit
    height: float

    def above(self, points: np.ndarray) -> np.ndarray:
        """Heights (...) of points (..., 3)."""
        return points @ self.normal - self.height


def sole_points(figure: Figure, side: str, soles: Soles | None) -> np.ndarray:
    """Heel, ball and tip (3, 3) of one foot at rest, in armature space.

    Where no mesh tells, the heel lies behind the ankle by a third of the way to the ball, and the tip before the ball
    by half of it. Feet without toes have their ball at the tip, a fifth of the leg before the ankle.
    """
    up, ankle, heading = figure.facing()[:, 2], figure.head(f"{side}_foot"), figure.heading(side)
    if figure.has(f"{side}_toes"):
        ball = (figure.head(f"{side}_toes") - ankle) @ heading
        heel, tip = ball / 3, 1.5 * ball
    else:
        heel, tip = figure.leg_length() / 15, figure.leg_length() / 5
    if soles is not None and soles.heel is not None and soles.tip is not None:
        heel, tip = soles.heel, soles.tip
    if not figure.has(f"{side}_toes"):
        ball = tip
    points = ankle + np.outer([-heel, ball, max(tip, ball)], heading)
    return points - np.outer(points @ up - figure.sole_height(soles), up)


def find_contacts(points: np.ndarray, fps: float, floor: Floor, leg: float) -> np.ndarray:
    """Contacts (T, K) in {0, 1} of points (T, K, 3): slow and low, with hysteresis, brief ones left out.

    Args:
        leg: length of the leg in the unit of the points, which speed and height are judged by.
    """
    if len(points) < 3:
        return (floor.above(points) < _LOW * leg).astype(float)
    smooth = blur(points, 0.02 * fps)
    speed = np.linalg.norm(np.gradient(smooth, axis=0), axis=-1) * fps / leg
    height = floor.above(points) / leg
    result = np.zeros(points.shape[:2])
    sure, likely = (speed < _SLOW) & (height < _LOW), (speed < _FAST) & (height < _HIGH)
    for k in range(points.shape[1]):
        for first, last in runs(likely[:, k]):
            if sure[first:last, k].any() and last - first >= _BRIEF * fps:
                result[first:last, k] = 1.0
    return result


def plant(
    points: np.ndarray, edges: np.ndarray, contacts: np.ndarray, floor: Floor, leg: float, fade: float
) -> tuple[np.ndarray, np.ndarray]:
    """What to move a foot by, (T, 3), and how much it is planted, (T,) in [0, 1].

    While a point is planted the foot is moved against its travel, and onto the floor, by as little as a constant
    place allows; when the heel lifts the ball takes over where it is. To either side the correction fades over
    ``fade`` frames. At last the foot is lifted wherever it is still below the floor, its edges by more than soles give.

    Args:
        points: (T, 2, 3) heel and ball of the sole as the foot moves now.
        edges: (T, K, 3) what must stay above the floor.
        contacts: (T, 2) bool.
        leg: length of the leg.
        fade: frames.
    """
    frames = len(points)
    move, anchored = np.zeros((frames, 3)), np.zeros(frames)
    phases = runs(contacts.any(1))
    for first, last in phases:
        move[first:last] = _hold(points[first:last], contacts[first:last], floor, leg)
        anchored[first:last] = 1.0
    move = _fade(move, phases, fade)
    weight = reach_out(anchored, fade)
    lowest = np.minimum(floor.above(points).min(1), floor.above(edges).min(1) + GIVE * leg)
    lowest += move @ floor.normal
    return move + floor.normal * np.maximum(-lowest, 0.0)[:, None], weight


def _hold(points: np.ndarray, contacts: np.ndarray, floor: Floor, leg: float) -> np.ndarray:
    """Correction (P, 3) over one phase of contact of points (P, 2, 3)."""
    both = contacts[1:] & contacts[:-1]
    steps = np.diff(points, axis=0)
    # of two planted points, the foot turns about the one that moves less
    stillness = 1 / ((steps**2).sum(-1) + (1e-3 * leg) ** 2)
    weights = np.where(both.any(1, keepdims=True), both, True) * stillness
    steps = (steps * (weights / weights.sum(1, keepdims=True))[..., None]).sum(1)
    steps -= floor.normal * (steps @ floor.normal)[:, None]
    move = np.concatenate([np.zeros((1, 3)), -np.cumsum(steps, 0)])
    move -= move.mean(0)
    height = floor.above(points)
    low = np.where(contacts, height, np.inf).min(1)
    stands_on = 0.0 if np.median(low) < _STAIR * leg else np.median(low)
    return move + floor.normal * blur(stands_on - low, 1.0)[:, None]


def _fade(move: np.ndarray, phases: list[tuple[int, int]], fade: float) -> np.ndarray:
    """Corrections carried into the frames between the phases, from each end down to nothing or to the next one."""
    result = move.copy()
    for before, after in zip([None, *phases], [*phases, None], strict=True):
        first, last = before[1] if before else 0, after[0] if after else len(move)
        distance = np.arange(1, last - first + 1)
        reach = min(fade, last - first + 1) if before and after else fade  # then the two weights add up to 1
        weight = smoothstep(1 - distance / max(reach, 1e-6))[:, None]
        if before:
            result[first:last] += weight * move[first - 1]
        if after:
            result[first:last] += weight[::-1] * move[last]
    return result


def reach_out(anchored: np.ndarray, fade: float) -> np.ndarray:
    """A weight that rises to 1 over ``fade`` frames before a phase and falls after it."""
    inside = np.flatnonzero(anchored)
    if not len(inside):
        return anchored
    frames = np.arange(len(anchored))
    at = np.searchsorted(inside, frames)
    before, after = inside[np.maximum(at - 1, 0)], inside[np.minimum(at, len(inside) - 1)]
    nearest = np.minimum(np.abs(frames - before), np.abs(frames - after))
    return smoothstep(1 - nearest / max(fade, 1e-6))


def hip_drop(
    hips: np.ndarray, ankles: np.ndarray, weights: np.ndarray, reach: np.ndarray, floor: Floor, fade: float
) -> np.ndarray:
    """How far (T,) the hips must come down for the planted feet to be within reach, smooth in time.

    Args:
        hips, ankles: (T, 2, 3) hip joints, and where the ankles go.
        weights: (T, 2) how much each foot is planted.
        reach: (2,) longest distance from hip joint to ankle.
        fade: frames over which the drop comes and goes.
    """
    between = hips - ankles
    rise = between @ floor.normal
    across = np.maximum((between**2).sum(-1) - rise**2, 0.0)
    drop = (weights * np.maximum(rise - np.sqrt(np.maximum(reach**2 - across, 0.0)), 0.0)).max(1)
    return eased(drop, fade)


def toe_lift(joint: np.ndarray, tip: np.ndarray, axis: np.ndarray, floor: Floor) -> np.ndarray:
    """Angles (T,) about ``axis`` that bend the toes up until their tip is not below the floor.

    Turned by t, the tip is a + b cos t + c sin t above the joint.

    Args:
        joint, tip: (T, 3).
        axis: (T, 3) unit, across the foot; positive turns raise the toes of a flat foot.
    """
    toes = tip - joint
    along = axis * (toes * axis).sum(-1, keepdims=True)
    a, b, c = along @ floor.normal, (toes - along) @ floor.normal, np.cross(axis, toes) @ floor.normal
    reach = np.maximum(np.hypot(b, c), 1e-9)
    needed = np.arccos(np.clip((-floor.above(joint) - a) / reach, -1.0, 1.0))
    bend = np.arctan2(c, b) - needed
    low = floor.above(tip) < 0
    return np.where(low, np.clip(bend, 0.0, np.pi / 2), 0.0)


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last index of each run of True."""
    edges = np.diff(np.concatenate([[0], mask.astype(int), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def smoothstep(t: np.ndarray) -> np.ndarray:
    """0 to 1 with no slope at either end, for t from 0 to 1; constant outside."""
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def eased(values: np.ndarray, fade: float) -> np.ndarray:
    """The least smooth course (T,) that is nowhere below ``values``, rising and falling over ``fade`` frames."""
    radius = int(np.ceil(fade))
    padded = np.pad(values, radius, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1).max(1)
    return np.maximum(blur(highest, fade / 3), values)


def blur(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian filter along the first axis; the ends are held."""
    radius = int(np.ceil(3 * sigma))
    if radius == 0 or len(values) < 2:
        return values
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, [(radius, radius)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    return sum(weight * padded[k : k + len(values)] for k, weight in enumerate(kernel))
