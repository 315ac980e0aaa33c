"""Flat cut-out characters: joint angles in the picture plane, whatever the lengths of limbs.

The person is seen as the camera saw it where the motion has one, else from the front of the world. Every limb of the
character takes the direction that the person's has in that picture; how far a limb points at the viewer is lost, as
it is in a drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import AddonError
from .clip import Clip
from .figure import Figure, snapped
from .rotations import about_axis, normalized
from .skeleton import SIDES

_THICK = 0.03  # of the rig's height: flatter is a drawing
_SHORT = 0.25
"""Of a limb's longest appearance: shorter, it points at the viewer and its direction is not believed."""
_TRUNK = ("hips", "spine", "neck")


@dataclass(frozen=True)
class Plane:
    """The plane a flat character is drawn in, armature space, as its viewer sees it."""

    right: np.ndarray  # (3,)
    up: np.ndarray  # (3,)

    @property
    def normal(self) -> np.ndarray:
        """(3,) towards the viewer: the axis about which a positive turn goes from right to up."""
        return np.cross(self.right, self.up)

    def angles(self, vectors: np.ndarray) -> np.ndarray:
        """(...) of vectors (..., 3), from right towards up."""
        return np.arctan2(vectors @ self.up, vectors @ self.right)


def plane_of(figure: Figure) -> Plane:
    """The plane of the mapped bones, seen from Blender's front, or from whichever side of it is nearest to that.

    Raises:
        AddonError: the bones do not lie in a plane.
    """
    rows = sorted({bone for chain in figure.chains.values() for bone in chain})
    heads = figure.skeleton.heads[rows]
    *_, axes = np.linalg.svd(heads - heads.mean(0))
    normal = axes[2]
    thick, tall = (np.ptp(heads @ axis) for axis in (normal, axes[0]))
    if thick > _THICK * tall:
        raise AddonError(
            f"the rig is {100 * thick / tall:.0f}% as thick as it is tall, so it is no flat character; "
            "retarget it as a body"
        )
    towards = np.array(
        [0.05, -1.0, 0.1]
    )  # the viewer of a rig in the XZ plane; of YZ, its +X side; of XY, from above
    viewer = normal * (np.sign(normal @ towards) or 1.0)
    top = next(figure.head(role) for role in ("head", "neck", "spine") if figure.has(role))
    up = top - figure.middle("upper_leg")
    up = snapped(normalized(up - viewer * (up @ viewer)))
    up = normalized(up - viewer * (up @ viewer))
    return Plane(np.cross(up, viewer), up)


def picture_of(clip: Clip) -> np.ndarray:
    """(T, B, 2) the bones' heads in the picture, x to the right, y up."""
    if clip.picture is not None:
        return clip.picture
    return clip.positions[..., [0, 2]]


def turn_flat(clip: Clip, source: Figure, figure: Figure, plane: Plane) -> dict[int, np.ndarray]:
    """Axes (T, 3, 3) in armature space by target bone, for the roles whose direction both show.

    Hips and spine turn as one with the line from the hips to the neck. What has no direction of its own, such as a
    head without a bone beyond it, is left to follow.
    """
    seen = picture_of(clip)
    result: dict[int, np.ndarray] = {}
    for role, chain in figure.chains.items():
        if role == "root" or (role not in source.chains and role not in _TRUNK):
            continue
        ends = _ends(source, role, seen)
        rest = _rest(figure, role)
        if ends is None or rest is None:
            continue
        turn = _steady_angle(ends[1] - ends[0]) - plane.angles(rest)
        turned = about_axis(plane.normal, _nearest_turn(turn))
        for bone in chain:
            result[bone] = turned @ figure.skeleton.rest[bone, :3, :3]
    return result


def flat_way(clip: Clip, source: Figure, figure: Figure, plane: Plane, *, in_place: bool) -> np.ndarray:
    """(T, 3) armature space, of the middle between the hip joints: where it is at rest, plus how the person's moves
    in the picture, by the ratio of the legs."""
    seen = picture_of(clip)
    hips = np.mean([seen[:, source.chains[f"{side}_upper_leg"][0]] for side in SIDES], 0)
    legs = [
        np.linalg.norm(
            seen[:, source.chains[f"{side}_{b}"][0]] - seen[:, source.chains[f"{side}_{a}"][0]], axis=-1
        )
        for side in SIDES
        for a, b in (("upper_leg", "lower_leg"), ("lower_leg", "foot"))
    ]
    size = sum(np.quantile(leg, 0.95) for leg in legs) / 2
    step = (hips - hips[0]) * figure.leg_length() / max(size, 1e-9)
    if in_place:
        step[:, 0] = 0.0
    return figure.middle("upper_leg") + step @ np.stack([plane.right, plane.up])


def _ends(source: Figure, role: str, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Where a role begins and ends in the picture, (T, 2) each."""
    if role in _TRUNK:
        low = np.mean([seen[:, source.chains[f"{side}_upper_leg"][0]] for side in SIDES], 0)
        neck = next((source.chains[r][0] for r in ("neck", "head") if source.has(r)), None)
        head = source.chains["head"][0] if source.has("head") else None
        if role == "neck":
            return None if neck is None or head in (None, neck) else (seen[:, neck], seen[:, head])
        return None if neck is None else (low, seen[:, neck])
    end = source.end_bone(role)
    return None if end is None else (seen[:, source.chains[role][0]], seen[:, end])


def _rest(figure: Figure, role: str) -> np.ndarray | None:
    """(3,) the way the role points at rest."""
    if role in ("hips", "spine"):
        neck = next((figure.head(r) for r in ("neck", "head") if figure.has(r)), None)
        return None if neck is None else neck - figure.middle("upper_leg")
    end = figure.end(role)
    return None if end is None else end - figure.head(role)


def _steady_angle(vectors: np.ndarray) -> np.ndarray:
    """Angles (T,) of picture vectors (T, 2) without jumps, told by the neighbours where a vector is too short."""
    length = np.linalg.norm(vectors, axis=-1)
    good = np.flatnonzero(length >= _SHORT * max(length.max(), 1e-9))
    angle = np.unwrap(np.arctan2(vectors[good, 1], vectors[good, 0]))
    return np.interp(np.arange(len(vectors)), good, angle)


def _nearest_turn(angles: np.ndarray) -> np.ndarray:
    """The same course of angles, begun within half a turn of none."""
    return angles - 2 * np.pi * np.round(angles[0] / (2 * np.pi))
