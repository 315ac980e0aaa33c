"""Limbs keyed through their inverse-kinematics controls: targets that hands and feet follow, and poles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import AddonError
from .figure import Figure
from .hangs import locate
from .limbs import hinge
from .posing import Posing
from .rotations import about_axis, normalized, rotate
from .skeleton import BoneMap, Switch

_PARTS = {"arm": ("upper_arm", "lower_arm", "hand"), "leg": ("upper_leg", "lower_leg", "foot")}
_STRAIGHT = 1e-3  # of the upper segment: what is bent by less is not bent on purpose


@dataclass(frozen=True)
class Limb:
    """One limb and the rows of its controls."""

    roles: tuple[str, str, str]  # upper, lower, end
    target: int
    pole: int | None
    switches: tuple[Switch, ...]


def limbs_of(figure: Figure, bone_map: BoneMap) -> list[Limb]:
    """The limbs whose controls the map names and whose bones it has.

    Raises:
        AddonError: it names none.
    """
    limbs = []
    for name, control in bone_map.controls.items():
        side, _, part = name.partition("_")
        upper, lower, end = (f"{side}_{role}" for role in _PARTS[part])
        if figure.has(upper, lower, end):
            index = figure.skeleton.index
            pole = index(control.pole) if control.pole else None
            limbs.append(Limb((upper, lower, end), index(control.target), pole, control.switches))
    if not limbs:
        raise AddonError("the map knows no inverse-kinematics controls of this rig; choose limbs 'fk'")
    return limbs


def drive(posing: Posing, limbs: list[Limb]) -> None:
    """Set axes and locations of the controls so that the limbs come to be as they are posed now."""
    for limb in limbs:
        _set_target(posing, limb)
        if limb.pole is not None:
            _set_pole(posing, limb)


def _set_target(posing: Posing, limb: Limb) -> None:
    """The control keeps to the hand or foot as at rest."""
    skeleton = posing.figure.skeleton
    end, node = posing.figure.chains[limb.roles[2]][0], posing.hangs.index(limb.target)
    rest, heads = skeleton.rest, posing.heads()
    turn = posing.axes[:, posing.hangs.index(end)] @ rest[end, :3, :3].T
    posing.axes[:, node] = turn @ rest[limb.target, :3, :3]
    wanted = heads[:, posing.hangs.index(end)] + turn @ (skeleton.heads[limb.target] - skeleton.heads[end])
    posing.locations[node] = locate(posing.hangs, node, posing.axes, heads, wanted)


def _set_pole(posing: Posing, limb: Limb) -> None:
    """At the angle about the limb's axis, from the plane it is bent in, that the pole has at rest, and as far away."""
    assert limb.pole is not None
    figure, node = posing.figure, posing.hangs.index(limb.pole)
    heads = posing.heads()
    start, joint, end = (heads[:, posing.node(role)] for role in limb.roles)
    along = normalized(end - start)
    out = _across(joint - start, along) / figure.length(limb.roles[0])
    # a straight limb has no plane: then the axis it would bend about decides
    out = normalized(out + 0.02 * normalized(np.cross(along, hinge(posing, limb.roles[0]))))
    out = rotate(about_axis(along, np.full(len(along), _pole_angle(figure, limb))), out)
    reach = np.linalg.norm(figure.skeleton.heads[limb.pole] - figure.head(limb.roles[1]))
    posing.locations[node] = locate(posing.hangs, node, posing.axes, heads, joint + reach * out)


def _pole_angle(figure: Figure, limb: Limb) -> float:
    """From the bend of the limb at rest to its pole, about the limb's axis: rigs keep it, whatever their pole angle."""
    start, joint, end = (figure.head(role) for role in limb.roles)
    along = normalized(end - start)
    bent, pole = _across(joint - start, along), _across(figure.skeleton.heads[limb.pole] - start, along)
    if np.linalg.norm(bent) < _STRAIGHT * figure.length(limb.roles[0]):
        return 0.0
    return float(np.arctan2(np.cross(bent, pole) @ along, bent @ pole))


def _across(vectors: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The part of vectors (..., 3) square to unit directions."""
    return vectors - along * (vectors * along).sum(-1, keepdims=True)


def replaced(figure: Figure, limbs: list[Limb]) -> set[int]:
    """Rows of the bones that the controls move, which need no keys of their own."""
    return {bone for limb in limbs for role in limb.roles for bone in figure.chains[role]}


def all_switches(bone_map: BoneMap, limbs: list[Limb]) -> tuple[Switch, ...]:
    """The map's switches, with those of the limbs in place of theirs."""
    switches = {(s.bone, s.property): s for s in bone_map.switches}
    switches |= {(s.bone, s.property): s for limb in limbs for s in limb.switches}
    return tuple(switches.values())
