"""Files of older versions: what they lack is added when they are opened.

Version 1 (the first with a number): a rig holds how its joints follow the betas, a body names its motion file.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from ..errors import AddonError
from .files import read_body, read_motion
from .paths import absolute_path
from .person import RECORD, beta_keys, store_shape

VERSION = 1


def migrate_file() -> list[str]:
    """Bring every body of the file to this version. Returns a line for each that had to stay as it was."""
    left = []
    for mesh in bpy.data.objects:
        if mesh.type == "MESH" and mesh.liquid_motion.subject and mesh.liquid_motion.version < VERSION:
            try:
                migrate(mesh)
            except AddonError as error:
                left.append(f"{mesh.name}: made by an older version, and not brought up to date: {error}")
    return left


def migrate(mesh: bpy.types.Object) -> None:
    """Add to one body what its version did not store; what is linked is left as it is.

    Raises:
        AddonError: its subject is not there, or is of another body.
    """
    rig = mesh.parent
    if mesh.library is not None or mesh.override_library is not None or rig is None or rig.type != "ARMATURE":
        return
    subject = Path(absolute_path(mesh, "liquid_motion.subject"))
    if RECORD not in rig.data and rig.data.library is None:
        body = read_body(subject / "body.npz")
        if len(body.betas) != len(beta_keys(mesh)) or any(n not in rig.data.bones for n in body.joint_names):
            raise AddonError(f"{subject}: its body is not the one in the scene; import the person again")
        store_shape(rig, body)
    if not mesh.liquid_motion.motion:
        beside = subject.parent / "motion.npz"  # where `liquid-motion run` writes it
        if beside.is_file() and read_motion(beside).frame_count == _keyed_frames(rig):
            relative = mesh.liquid_motion.subject.startswith("//")
            mesh.liquid_motion.motion = bpy.path.relpath(str(beside)) if relative else str(beside)
    mesh.liquid_motion.version = VERSION


def _keyed_frames(rig: bpy.types.Object) -> int:
    action = rig.animation_data.action if rig.animation_data else None
    return round(action.frame_range[1] - action.frame_range[0]) + 1 if action else 0


@bpy.app.handlers.persistent
def _loaded(*_) -> None:
    for line in migrate_file():
        print(f"Liquid Motion: {line}")


def register() -> None:
    bpy.app.handlers.load_post.append(_loaded)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_loaded)
