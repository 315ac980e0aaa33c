"""What retargeting knows of a rig and of who is who in it: plain data, no Blender.

Matrices act on column vectors. Bone matrices follow Blender: the origin is the head, +Y runs along the bone, rest
matrices are in armature space (``Bone.matrix_local``). Lengths are in the armature's own units; ``world`` takes them
to metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SIDES = ("left", "right")
FINGERS = ("thumb", "index", "middle", "ring", "little")
TRUNK = ("root", "hips", "spine", "neck", "head", "jaw")
ARM = ("shoulder", "upper_arm", "lower_arm", "hand")
LEG = ("upper_leg", "lower_leg", "foot", "toes")
ROLES = TRUNK + tuple(f"{side}_{part}" for side in SIDES for part in ARM + LEG + FINGERS)
"""Every role a bone can have. ``left`` is the character's own left."""
LIMBS = ("left_arm", "right_arm", "left_leg", "right_leg")


@dataclass(frozen=True)
class Skeleton:
    """A rig of B bones at rest, and the flags that decide how Blender poses them. Parents come before children."""

    names: tuple[str, ...]
    parents: np.ndarray  # (B,) int, -1 for roots
    rest: np.ndarray  # (B, 4, 4) armature space, orthonormal axes
    lengths: np.ndarray  # (B,)
    rotation_modes: tuple[str, ...]  # as PoseBone.rotation_mode
    inherit_rotation: np.ndarray  # (B,) bool
    inherit_scale: tuple[str, ...]  # as Bone.inherit_scale
    local_location: np.ndarray  # (B,) bool
    connected: np.ndarray  # (B,) bool: the location of a connected bone has no effect
    deform: np.ndarray  # (B,) bool
    constrained: np.ndarray  # (B,) bool: an enabled constraint or driver has a say in the pose
    properties: tuple[tuple[str, ...], ...]  # names of each pose bone's custom properties
    basis: np.ndarray  # (B, 4, 4) the pose at the time of reading: bones without keys keep it
    world: np.ndarray  # (4, 4) object to world at the time of reading

    @property
    def heads(self) -> np.ndarray:
        """(B, 3) in armature space."""
        return self.rest[:, :3, 3]

    @property
    def tails(self) -> np.ndarray:
        """(B, 3) in armature space."""
        return self.heads + self.rest[:, :3, 1] * self.lengths[:, None]

    def index(self, name: str) -> int:
        """Row of the bone called ``name``. Raises ValueError where there is none."""
        return self.names.index(name)

    def children(self, bone: int) -> np.ndarray:
        """Rows of the bones whose parent is ``bone``."""
        return np.flatnonzero(self.parents == bone)

    def ancestors(self, bone: int) -> list[int]:
        """Rows from the parent of ``bone`` up to its root."""
        chain = []
        while (bone := int(self.parents[bone])) >= 0:
            chain.append(bone)
        return chain


def plain_skeleton(
    names: tuple[str, ...], parents: np.ndarray, rest: np.ndarray, lengths: np.ndarray, **changes
) -> Skeleton:
    """A skeleton with Blender's default flags, no constraints and an object at the origin; ``changes`` override."""
    count = len(names)
    flags = {
        "rotation_modes": ("QUATERNION",) * count,
        "inherit_rotation": np.ones(count, bool),
        "inherit_scale": ("FULL",) * count,
        "local_location": np.ones(count, bool),
        "connected": np.zeros(count, bool),
        "deform": np.ones(count, bool),
        "constrained": np.zeros(count, bool),
        "properties": ((),) * count,
        "basis": np.tile(np.eye(4), (count, 1, 1)),
        "world": np.eye(4),
    }
    return Skeleton(
        names, np.asarray(parents), np.asarray(rest, float), np.asarray(lengths), **(flags | changes)
    )


@dataclass(frozen=True)
class Switch:
    """A custom property of a pose bone that must hold ``value`` for the map to work, such as Rigify's IK_FK."""

    bone: str
    property: str
    value: float


@dataclass(frozen=True)
class LimbControl:
    """The inverse-kinematics controls of one limb."""

    target: str  # the bone that the hand or foot follows
    pole: str | None = None  # the bone that the elbow or knee points at
    switches: tuple[Switch, ...] = ()  # what turns this limb to inverse kinematics


@dataclass(frozen=True)
class BoneMap:
    """Which bones play which role.

    ``pairs`` maps a role to its chain of bones, parent to child. Spine, neck and fingers hold as many as there are;
    limb segments may hold twist bones after the main one, in line (MakeHuman's upperarm01, upperarm02) or beside it
    (Unreal's upperarm_twist_01_l). Roles without bones are absent.
    """

    pairs: dict[str, tuple[str, ...]]
    reasons: dict[str, str] = field(default_factory=dict)  # role -> how it was found, or why it was not
    convention: str = ""
    switches: tuple[Switch, ...] = ()  # always set, such as IK_FK to forward kinematics
    controls: dict[str, LimbControl] = field(default_factory=dict)  # limb of LIMBS -> its IK controls
