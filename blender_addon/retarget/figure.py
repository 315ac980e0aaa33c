"""A mapped skeleton at rest: where its joints are, which way its limbs point, which way it faces, how tall it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import AddonError
from .rotations import normalized
from .skeleton import FINGERS, SIDES, BoneMap, Skeleton
from .soles import Soles

_SNAP = np.cos(np.radians(20.0))
"""An axis of the body nearer than this to an axis of the armature is taken to be meant as that axis."""
NEXT = {
    "upper_arm": "lower_arm",
    "lower_arm": "hand",
    "upper_leg": "lower_leg",
    "lower_leg": "foot",
    "foot": "toes",
}
NEXT |= {"shoulder": "upper_arm"}
REQUIRED = ("hips", *(f"{side}_{part}" for side in SIDES for part in ("upper_leg", "lower_leg", "foot")))
"""Roles without which nothing can be retargeted."""


@dataclass(frozen=True)
class Figure:
    """Skeleton and map together. Everything is in armature space, in the armature's units."""

    skeleton: Skeleton
    chains: dict[str, tuple[int, ...]]  # role -> rows of its bones, parent to child

    def has(self, *roles: str) -> bool:
        return all(role in self.chains for role in roles)

    def head(self, role: str) -> np.ndarray:
        """(3,) where the first bone of the role begins."""
        return self.skeleton.heads[self.chains[role][0]]

    def end(self, role: str) -> np.ndarray | None:
        """(3,) where the role's chain ends: at the next joint, a hand between its knuckles. None where no bone tells.

        Tails are not asked: importers of formats that have joints only make them up.
        """
        side, _, part = role.partition("_")
        knuckles = [self.head(f"{side}_{f}") for f in FINGERS[1:] if f"{side}_{f}" in self.chains]
        if part == "hand" and knuckles:
            return np.mean(knuckles, 0)
        bone = self.end_bone(role)
        return None if bone is None else self.skeleton.heads[bone]

    def end_bone(self, role: str) -> int | None:
        """Row of the bone at whose head the role's chain ends, of a hand one of several. None where no bone tells."""
        side, _, part = role.partition("_")
        following = [f"{side}_{NEXT.get(part)}"]
        if role in ("hips", "spine", "neck"):
            following = ["spine", "neck", "head"][["hips", "spine", "neck"].index(role) :]
        elif part == "hand":
            following = [f"{side}_{finger}" for finger in ("middle", "index", "ring", "little")]
        for other in following:
            if other in self.chains:
                return self.chains[other][0]
        if role in ("hips", "spine", "neck"):
            return None
        children = self.skeleton.children(self.chains[role][-1])
        return int(children[0]) if len(children) == 1 else None

    def joints(self, role: str) -> np.ndarray:
        """Heads of the role's bones and its end (n + 1, 3); without a known end, the last bone counts as its
        predecessor does."""
        heads = self.skeleton.heads[list(self.chains[role])]
        end = self.end(role)
        if end is None:
            chain = self.chains[role]
            bone = chain[-1]
            end = 2 * heads[-1] - heads[-2] if len(chain) > 1 else self.skeleton.tails[bone]
        return np.concatenate([heads, end[None]])

    def length(self, role: str) -> float:
        """From the role's first joint to the next role's."""
        end = self.end(role)
        return 0.0 if end is None else float(np.linalg.norm(end - self.head(role)))

    def leg_length(self) -> float:
        """Mean of both legs, hip joint to ankle."""
        return float(
            np.mean([self.length(f"{side}_upper_leg") + self.length(f"{side}_lower_leg") for side in SIDES])
        )

    def middle(self, part: str) -> np.ndarray:
        """(3,) between the left and the right joint of a role."""
        return (self.head(f"left_{part}") + self.head(f"right_{part}")) / 2

    def facing(self) -> np.ndarray:
        """Axes (3, 3) of the body at rest, columns left, back, up: the identity for who stands facing -Y."""
        low = self.middle("upper_leg")
        top = next(self.head(role) for role in ("head", "neck", "spine") if role in self.chains)
        up = snapped(normalized(top - low))
        across = self.head("left_upper_leg") - self.head("right_upper_leg")
        if self.has("left_upper_arm", "right_upper_arm"):
            across = across + self.head("left_upper_arm") - self.head("right_upper_arm")
        left = snapped(normalized(across - up * (across @ up)))
        left = normalized(left - up * (left @ up))
        return np.stack([left, np.cross(up, left), up], -1)

    def heading(self, side: str) -> np.ndarray:
        """(3,) the way a foot points on the ground at rest: from the ankle to the toes, or as the body faces. Unit."""
        facing = self.facing()
        if not self.has(f"{side}_toes"):
            return -facing[:, 1]
        reach = self.head(f"{side}_toes") - self.head(f"{side}_foot")
        level = reach - facing[:, 2] * (reach @ facing[:, 2])
        return normalized(level) if np.linalg.norm(level) > 1e-3 * self.leg_length() else -facing[:, 1]

    def hip_height(self, soles: Soles | None) -> float:
        """Of the hip joints over the soles when the body stands with straight legs, however they are at rest."""
        up, sole = self.facing()[:, 2], self.sole_height(soles)
        return self.leg_length() + float(self.middle("foot") @ up) - sole

    def sole_height(self, soles: Soles | None) -> float:
        """Height of the soles along the body's up axis, in armature units.

        Without a mesh that tells (``soles``), rigs stand on their own origin; where the feet are not near it, the
        soles lie below the lowest joint by what they do in people: 3% of the leg under the ball, 9% under the ankle.
        """
        if soles is not None:
            return soles.height
        up, leg = self.facing()[:, 2], self.leg_length()
        balls = [self.head(f"{s}_toes") @ up for s in SIDES if self.has(f"{s}_toes")]
        ankles = [self.head(f"{s}_foot") @ up for s in SIDES]
        if 0 <= min([*balls, *ankles]) < 0.12 * leg:
            return 0.0
        return min(ball - 0.03 * leg for ball in balls) if balls else min(ankles) - 0.09 * leg


def figure_of(skeleton: Skeleton, bone_map: BoneMap, whose: str) -> Figure:
    """Resolve the names of a map.

    Args:
        whose: begins the error messages.

    Raises:
        AddonError: hips or a joint of the legs is missing, or the map names a bone that is not there.
    """
    rows = {name: row for row, name in enumerate(skeleton.names)}
    for role, names in bone_map.pairs.items():
        for name in names:
            if name not in rows:
                raise AddonError(
                    f"{whose}: the map's {role} is {name!r}, which this rig does not have; detect again"
                )
    chains = {role: tuple(rows[name] for name in names) for role, names in bone_map.pairs.items() if names}
    missing = [role for role in REQUIRED if role not in chains]
    if missing:
        why = "; ".join(bone_map.reasons[role] for role in missing if bone_map.reasons.get(role))
        raise AddonError(
            f"{whose}: no bone for {', '.join(missing)}{f' ({why})' if why else ''}; name them in the bone map"
        )
    if not any(role in chains for role in ("spine", "neck", "head")):
        raise AddonError(f"{whose}: no bone for spine, neck or head; name one in the bone map")
    figure = Figure(skeleton, chains)
    if figure.leg_length() <= 0 or not np.isfinite(skeleton.rest).all():
        raise AddonError(f"{whose}: the legs have no length; check the map and the rest pose")
    return figure


def snapped(axis: np.ndarray) -> np.ndarray:
    """The nearest axis of the armature where ``axis`` is near one, else ``axis``."""
    nearest = np.argmax(np.abs(axis))
    if abs(axis[nearest]) < _SNAP:
        return axis
    return np.sign(axis[nearest]) * np.eye(3)[nearest]
