"""Which joints of a foreign skeleton are the body's: by their names, and by how they hang together.

Limbs are told by their names, of which a few dozen are common (CMU, Mixamo, LAFAN, Biped, Daz, VRM, Unreal,
Xsens, Acclaim, SMPL). The trunk is told by its place: the pelvis carries both legs, the chest both arms, the
spine lies between.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_FILLERS = {
    "j",
    "bip",
    "bip01",
    "b",
    "c",
    "def",
    "org",
    "jnt",
    "joint",
    "bone",
    "mixamorig",
    "character",
    "cc",
    "base",
}
_HELPERS = re.compile(r"twist|roll|helper|\bik|nub|pole|volume|offset|dummy|hip ?joint| end$", re.IGNORECASE)

_LIMB_NAMES: dict[str, tuple[str, ...]] = {
    "hip": ("upleg", "upperleg", "thigh", "hip", "femur"),
    "knee": ("knee", "leg", "lowleg", "lowerleg", "shin", "calf", "tibia"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toe", "toes", "ball", "foot"),
    "collar": ("collar", "clavicle", "shoulder"),
    "shoulder": ("upperarm", "uparm", "arm", "humerus", "shldr", "shoulder"),
    "elbow": ("elbow", "forearm", "lowerarm", "lowarm", "radius"),
    "wrist": ("wrist", "hand"),
    "hand": ("hand",),
}
_LIMBS = (("hip", "knee", "ankle", "foot"), ("collar", "shoulder", "elbow", "wrist", "hand"))


@dataclass(frozen=True)
class BodyJoints:
    """Where the body's joints are in a skeleton.

    ``limbs``: ``"left_knee"`` and its like, as far as the skeleton has them. ``spine``: from above the pelvis to
    the chest, both kinds of ends included. ``neck`` and ``head`` are ``None`` where there are none.
    """

    pelvis: int
    limbs: dict[str, int]
    spine: tuple[int, ...]
    neck: int | None
    head: int | None

    @property
    def chest(self) -> int:
        return self.spine[-1] if self.spine else self.pelvis


def find_body_joints(names: Sequence[str], parents: Sequence[int]) -> BodyJoints:
    """The body's joints in a skeleton whose joints come parents first.

    Raises:
        ValueError: it has neither two legs nor two arms with names we know.
    """
    keyed = _keys(names)
    limbs = _find_limbs(keyed, parents)
    legs = [limbs[f"{side}_hip"] for side in ("left", "right") if f"{side}_hip" in limbs]
    arms = [
        limbs.get(f"{side}_collar", limbs[f"{side}_shoulder"])
        for side in ("left", "right")
        if f"{side}_shoulder" in limbs
    ]
    if len(legs) < 2 and len(arms) < 2:
        raise ValueError(
            f"its joints ({', '.join(names[:4])}, …) have neither legs nor arms by any name we know, "
            "such as LeftUpLeg or left_shoulder"
        )
    pelvis = (
        _meeting(legs, parents) if len(legs) == 2 else _named(keyed, ("hips", "hip", "pelvis", "root")) or 0
    )
    head = _named(keyed, ("head",))
    if len(arms) == 2:
        chest = _meeting(arms, parents)
        if keyed[chest][1].startswith("neck"):  # Biped hangs the clavicles on the neck
            chest = parents[chest]
    else:
        chest = pelvis if head is None else parents[head]
    spine = _between(pelvis, chest, parents)
    necks = _between(chest, head, parents)[:-1] if head is not None else ()
    neck = necks[(len(necks) - 1) // 2] if necks else _named(keyed, ("neck",))
    return BodyJoints(pelvis, limbs, spine, neck, head)


def _keys(names: Sequence[str]) -> list[tuple[str, str]]:
    """(side, name) of each joint, without prefixes, numbers and separators; helpers have none."""
    prefix = _shared_prefix(names)
    keyed = []
    for name in names:
        bare = name.rpartition(":")[2]
        bare = bare.removeprefix(prefix) if prefix else bare
        if _HELPERS.search(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", bare)):
            keyed.append(("", ""))
            continue
        words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", bare)
        words = [word.lower() for word in words]
        side = next((_SIDES[word] for word in words if word in _SIDES), "")
        kept = [word for word in words if word not in _SIDES and word not in _FILLERS]
        key = "".join(kept)
        if not side and len(key) > 2 and key[0] in "lr" and key[1:] in _ACCLAIM:
            side, key = _SIDES[key[0]], key[1:]
        keyed.append((side, key))
    return keyed


_ACCLAIM = {"femur", "tibia", "foot", "toes", "clavicle", "humerus", "radius", "wrist", "hand"}


def _shared_prefix(names: Sequence[str]) -> str:
    """What most names begin with up to a separator, such as ``"Bip01 "``; sides are none."""
    heads = Counter(found[0] for name in names if (found := re.match(r"[A-Za-z0-9]+[ _.-]+", name)))
    for head, count in heads.most_common(1):
        if count > 0.6 * len(names) and head.rstrip(" _.-").lower() not in _SIDES:
            return head
    return ""


def _find_limbs(keyed: list[tuple[str, str]], parents: Sequence[int]) -> dict[str, int]:
    """A limb's joints one after another: each is looked for below the one before, by its best name."""
    limbs: dict[str, int] = {}
    for side in ("left", "right"):
        places: dict[str, int] = {}
        for joint, (where, key) in enumerate(keyed):
            if where == side and key:
                places.setdefault(key, joint)
        for limb in _LIMBS:
            last: int | None = None
            for kind in limb:
                found = _pick(kind, places, last, parents)
                if found is not None:
                    limbs[f"{side}_{kind}"] = last = found
    return limbs


def _pick(kind: str, places: dict[str, int], last: int | None, parents: Sequence[int]) -> int | None:
    names = _LIMB_NAMES[kind]
    if kind == "collar" and not any(name in places for name in _LIMB_NAMES["shoulder"][:-1]):
        names = names[:-1]  # "LeftShoulder" is the upper arm where nothing else is
    for name in names:
        joint = places.get(name)
        if joint is not None and (last is None or _is_below(joint, last, parents)):
            return joint
    return None


def _named(keyed: list[tuple[str, str]], names: tuple[str, ...]) -> int | None:
    for name in names:
        if ("", name) in keyed:
            return keyed.index(("", name))
    return None


def _ancestors(joint: int, parents: Sequence[int]) -> list[int]:
    """The joint and all above it."""
    chain = []
    while joint >= 0:
        chain.append(joint)
        joint = parents[joint]
    return chain


def _is_below(joint: int, above: int, parents: Sequence[int]) -> bool:
    return joint != above and above in _ancestors(joint, parents)


def _meeting(joints: list[int], parents: Sequence[int]) -> int:
    """The nearest joint that carries both.

    Raises:
        ValueError: they belong to different skeletons.
    """
    first, second = (_ancestors(parents[joint], parents) for joint in joints)
    for joint in first:
        if joint in second:
            return joint
    raise ValueError("its left and right limbs hang on different skeletons")


def _between(above: int, below: int, parents: Sequence[int]) -> tuple[int, ...]:
    """The joints from above (left out) to below, along the way below hangs on a joint that carries both."""
    carried = set(_ancestors(above, parents))
    chain = []
    for joint in _ancestors(below, parents):
        if joint in carried:
            break
        chain.append(joint)
    return tuple(reversed(chain))
