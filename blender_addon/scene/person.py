"""Who is a person in a file: the rig, the body it carries, how its joints follow its shape, what may be changed."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import AddonError
from .files import BodyData

RECORD = "liquid_motion"
"""Custom property of the armature data that holds the joints and how they follow the shape."""


@dataclass(frozen=True)
class PersonShape:
    """How the rest joints of a rig follow the betas: ``joints + directions @ betas``, Y-up, metres."""

    names: tuple[str, ...]  # J joints
    joints: np.ndarray  # (J, 3)
    directions: np.ndarray  # (J, 3, B)
    fitted: np.ndarray  # (B,) the betas of the fit
    applied: np.ndarray  # (B,) the betas that the bones stand for now
    offset: np.ndarray  # (3,) how far that moved the body in its rest pose, in Blender's axes
    model: str  # the body model: open, smpl …
    gender: str

    def rest_joints(self, betas: np.ndarray) -> np.ndarray:
        """Rest joints (J, 3), Y-up, of a person with these betas (B,)."""
        return self.joints + self.directions @ betas


def store_shape(rig: bpy.types.Object, body: BodyData) -> None:
    """Write what the rig needs in order to follow other betas into the file, so that it needs no other file."""
    rig.data[RECORD] = {
        "names": list(body.joint_names),
        "joints": [float(value) for value in body.J_template.ravel()],
        "directions": [float(value) for value in body.J_shapedirs.ravel()],
        "fitted": [float(value) for value in body.betas],
        "applied": [float(value) for value in body.betas],
        "offset": [0.0, 0.0, 0.0],
        "model": body.name,
        "gender": body.gender,
    }


def read_shape(rig: bpy.types.Object) -> PersonShape:
    """What :func:`store_shape` wrote.

    Raises:
        AddonError: the rig was not made by Liquid Motion, or by a version that did not store it.
    """
    record = rig.data.get(RECORD)
    if record is None:
        raise AddonError(
            f"{rig.name}: does not know how its joints follow the shape; relink its subject, or import it again"
        )
    names = tuple(record["names"])
    fitted = np.array(record["fitted"], float)
    return PersonShape(
        names=names,
        joints=np.array(record["joints"], float).reshape(len(names), 3),
        directions=np.array(record["directions"], float).reshape(len(names), 3, len(fitted)),
        fitted=fitted,
        applied=np.array(record["applied"], float),
        offset=np.array(record["offset"], float),
        model=record["model"],
        gender=record["gender"],
    )


def rig_of(chosen: bpy.types.Object | None) -> bpy.types.Object | None:
    """The person's rig, from the rig or its body; None where it is neither."""
    if chosen is not None and chosen.type == "MESH" and chosen.parent is not None:
        chosen = chosen.parent
    if chosen is None or chosen.type != "ARMATURE":
        return None
    return chosen if RECORD in chosen.data or body_of(chosen) is not None else None


def selected_rig(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active person's rig. A script that Blender runs before its window is there has no active object at all."""
    return rig_of(getattr(context, "object", None))


def body_of(rig: bpy.types.Object | None) -> bpy.types.Object | None:
    """The body's mesh that a rig carries: one with a subject, a motion, or the shape keys of a body."""
    if rig is None:
        return None
    meshes = [child for child in rig.children if child.type == "MESH"]
    return next((mesh for mesh in meshes if mesh.liquid_motion.subject or beta_keys(mesh)), None)


def beta_keys(mesh: bpy.types.Object) -> list[bpy.types.ShapeKey]:
    """The shape keys ``beta_0``, ``beta_1`` … of a body, in order."""
    keys = mesh.data.shape_keys
    found: list[bpy.types.ShapeKey] = []
    while keys is not None and (key := keys.key_blocks.get(f"beta_{len(found)}")) is not None:
        found.append(key)
    return found


def check_action_writable(rig: bpy.types.Object) -> None:
    """Refuse rigs whose keys cannot be changed from this file; overrides can, their action becomes a local one.

    Raises:
        AddonError: the rig is linked.
    """
    if rig.library is not None:
        raise AddonError(
            f"{rig.name}: is linked from {bpy.path.basename(rig.library.filepath)}; make a library override first "
            "(Object > Library Override > Make)"
        )


def check_local(data: bpy.types.ID, what: str) -> None:
    """Refuse to change what is not this file's.

    Raises:
        AddonError: ``data`` is linked from another file, or overrides what is.
    """
    if data.library is not None:
        raise AddonError(
            f"{data.name}: {what} is linked from {bpy.path.basename(data.library.filepath)}; change it there, "
            "or make it local (Object > Relations > Make Local)"
        )
    if data.override_library is not None:
        raise AddonError(
            f"{data.name}: {what} overrides a linked one and cannot be rebuilt; change it in its own file, "
            "or make it local (Object > Relations > Make Local)"
        )
