"""Who is who in a rig: the convention whose names fit best, then what the rig's build tells, and why not the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import AddonError
from . import structure
from .names import NameIndex
from .presets import Convention, conventions
from .skeleton import ARM, FINGERS, LEG, ROLES, SIDES, BoneMap, LimbControl, Skeleton, Switch

REQUIRED = ("hips", *(f"{side}_{part}" for side in SIDES for part in (*ARM[1:3], *LEG[:3])))
"""Roles without which there is no body to move."""
EXPECTED = ("spine", "head", *(f"{side}_hand" for side in SIDES))
"""Roles that people have; their absence is worth a warning."""
Rows = dict[str, tuple[int, ...]]

_REQUIRED_WORTH, _WORTH, _LINK_WORTH = 3.0, 1.0, 0.2
_DISORDER_COST, _DRIVEN_COST, _LOOSE_COST = 2.0, 1.0, 0.01


@dataclass(frozen=True)
class _Reading:
    """A rig read by one convention."""

    convention: Convention
    rows: Rows
    disorder: dict[str, str]  # role -> what is wrong with its place in the tree
    score: float


def match(skeleton: Skeleton, *, source: bool = False) -> BoneMap:
    """Find the bones of a body. Nothing of the rig is changed.

    Args:
        skeleton: any rig; control rigs with all their bones.
        source: the bones are to be watched, not keyed: on a control rig those that move the skin, whatever the
            controls are that move them.

    Raises:
        AddonError: it holds no two-legged body; the message says what is missing.
    """
    if not skeleton.names:
        raise AddonError("the armature has no bones; choose another one")
    if len(skeleton.names) < len(REQUIRED):
        count = len(skeleton.names)
        raise AddonError(
            f"the armature has {count} bone{'s' * (count > 1)}, a body needs {len(REQUIRED)}; choose another one"
        )
    index = NameIndex(skeleton.names)
    if source:
        skeleton = replace(skeleton, constrained=np.zeros(len(skeleton.names), bool))
    tables = [convention for convention in conventions() if not (source and convention.control_rig)]
    readings = sorted((_read(t, index, skeleton, tree=not source) for t in tables), key=lambda r: -r.score)
    best = readings[0]
    rows, reasons = dict(best.rows), dict.fromkeys(best.rows, f"named as in {best.convention.name}")
    if any(role not in rows for role in REQUIRED):
        _borrow(rows, reasons, readings[1:], skeleton)
    _add_structure(rows, reasons, skeleton)
    _refuse_other_bodies(rows, reasons, skeleton)
    _explain(rows, reasons, best, skeleton)
    return _bone_map(rows, reasons, best.convention, skeleton)


def check(bone_map: BoneMap, skeleton: Skeleton) -> None:
    """Make sure that a map, loaded or edited, is for this rig.

    Raises:
        AddonError: a bone is not there, or has two roles.
    """
    known, used = set(skeleton.names), dict[str, str]()
    for role, names in bone_map.pairs.items():
        for name in names:
            if name not in known:
                raise AddonError(f"the map's {role} is {name!r}, which this rig does not have; detect again")
            if name in used:
                raise AddonError(f"{name!r} is both {used[name]} and {role} in the map; keep one")
            used[name] = role


def _read(convention: Convention, index: NameIndex, skeleton: Skeleton, *, tree: bool) -> _Reading:
    """``tree``: whether bones must hang under one another as a body's parts do."""
    rows: Rows = {}
    taken: set[int] = set()
    exact = 0
    for role in ROLES:
        chain: list[int] = []
        for link in convention.bones.get(role, ()):
            bone = _first_free(index, link, taken | set(chain))
            if bone is not None:
                chain.append(bone)
                exact += skeleton.names[bone] in link
        # a limb's segment without its main bone is none, however many twist bones it has
        if chain and (
            role in ("spine", "neck") or _first_free(index, convention.bones[role][0], taken) == chain[0]
        ):
            rows[role] = tuple(chain)
            taken |= set(chain)
    disorder = _disorder(rows, skeleton) if tree and not convention.control_rig else {}
    return _Reading(convention, rows, disorder, _score(rows, disorder, exact, skeleton))


def _first_free(index: NameIndex, names: Iterable[str], taken: set[int]) -> int | None:
    return next((bone for name in names for bone in index.find(name) if bone not in taken), None)


def _score(rows: Rows, disorder: dict[str, str], exact: int, skeleton: Skeleton) -> float:
    score = 0.0
    for role, chain in rows.items():
        score += _REQUIRED_WORTH if role in REQUIRED else _WORTH
        score += _LINK_WORTH * (len(chain) - 1)
        score -= _DRIVEN_COST * bool(skeleton.constrained[chain[0]])
    loose = sum(len(chain) for chain in rows.values()) - exact
    return score - _DISORDER_COST * len(disorder) - _LOOSE_COST * loose


def parent_role(role: str, rows: Iterable[str]) -> str | None:
    """The nearest role up the body that has a bone."""
    side, _, part = role.partition("_")
    up: tuple[str, ...]
    if role in ("hips", "root"):
        up = ("root",) if role == "hips" else ()
    elif side not in SIDES:
        up = {"spine": (), "neck": ("spine",), "head": ("neck", "spine"), "jaw": ("head", "neck", "spine")}[
            role
        ]
        up = (*up, "hips")
    elif part in LEG:
        up = (*(f"{side}_{p}" for p in reversed(LEG[: LEG.index(part)])), "hips")
    else:
        arm = ARM if part in FINGERS else ARM[: ARM.index(part)]
        up = (*(f"{side}_{p}" for p in reversed(arm)), "spine", "hips")
    return next((other for other in up if other in rows), None)


def _disorder(rows: Rows, skeleton: Skeleton) -> dict[str, str]:
    """Roles whose bones do not hang under those of the body part above."""
    problems = {}
    for role, chain in rows.items():
        above = parent_role(role, rows)
        if above is not None and not set(skeleton.ancestors(chain[0])) & set(rows[above]):
            problems[role] = f"does not hang under {skeleton.names[rows[above][0]]}"
    return problems


def _borrow(rows: Rows, reasons: dict[str, str], readings: list[_Reading], skeleton: Skeleton) -> None:
    """Fill roles that the best convention does not name, from the others: rigs named by hand mix them."""
    for reading in readings:
        for role, chain in reading.rows.items():
            taken = {bone for other in rows.values() for bone in other}
            if role in rows or taken & set(chain):
                continue
            if role not in _disorder({**rows, role: chain}, skeleton):
                rows[role] = chain
                reasons[role] = f"named as in {reading.convention.name}"


def _add_structure(rows: Rows, reasons: dict[str, str], skeleton: Skeleton) -> None:
    """Fill what names left open from the tree and the rest pose."""
    missing = [role for role in REQUIRED if role not in rows]
    if missing:
        guessed = structure.guess(skeleton)
        if isinstance(guessed, str):
            named = ", ".join(role.replace("_", " ") for role in missing)
            raise AddonError(
                f"no bones found for {named}, neither by name nor by build ({guessed}); name them by hand"
            )
        if any(rows[role][0] not in guessed[role] for role in rows if role in REQUIRED and role in guessed):
            rows.clear()  # names that contradict the build on the body's main bones are not about this body
            reasons.clear()
    else:
        guessed = structure.between(skeleton, rows)
    for role, chain in guessed.items():
        taken = {bone for other in rows.values() for bone in other}
        free = tuple(bone for bone in chain if bone not in taken)
        if role not in rows and free:
            rows[role] = free
            reasons[role] = "found by its place in the rig"


def _refuse_other_bodies(rows: Rows, reasons: dict[str, str], skeleton: Skeleton) -> None:
    problem = structure.not_a_person(skeleton, rows)
    if problem:
        raise AddonError(f"{problem}; choose the rig of a two-legged character, or map it by hand")
    for role, why in structure.misplaced(skeleton, rows).items():
        reasons[role] += f", but {why}"


def _explain(rows: Rows, reasons: dict[str, str], best: _Reading, skeleton: Skeleton) -> None:
    for role, chain in rows.items():
        if skeleton.constrained[chain[0]]:
            reasons[role] += ", but a constraint or driver moves it too"
        if role in best.disorder and role in best.rows and rows[role] == best.rows[role]:
            reasons[role] += f", but {best.disorder[role]}"
    for role in ROLES:
        if role not in rows:
            names = best.convention.bones.get(role, ())
            asked = " or ".join(names[0]) if names else ""
            reasons[role] = (
                f"no bone called {asked}" if asked else f"{best.convention.name} rigs have no such bone"
            ) + ", and nothing in its place"


def _bone_map(rows: Rows, reasons: dict[str, str], convention: Convention, skeleton: Skeleton) -> BoneMap:
    properties = {name: set(skeleton.properties[bone]) for bone, name in enumerate(skeleton.names)}

    def there(switches: tuple[Switch, ...]) -> tuple[Switch, ...]:
        return tuple(s for s in switches if s.property in properties.get(s.bone, ()))

    def known(control: LimbControl) -> LimbControl:
        pole = control.pole if control.pole in properties else None
        return replace(control, pole=pole, switches=there(control.switches))

    fits = any(reason.startswith(f"named as in {convention.name}") for reason in reasons.values())
    return BoneMap(
        pairs={role: tuple(skeleton.names[bone] for bone in rows[role]) for role in ROLES if role in rows},
        reasons={role: reasons[role] for role in ROLES},
        convention=convention.name if fits else "",
        switches=there(convention.switches) if fits else (),
        controls={
            limb: known(control)
            for limb, control in convention.controls.items()
            if control.target in properties
        }
        if fits
        else {},
    )
