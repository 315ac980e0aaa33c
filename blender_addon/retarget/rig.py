"""An armature object of Blender as plain data: its skeleton at rest, and where its soles are."""

from __future__ import annotations

import bpy
import numpy as np

from ..errors import AddonError
from .figure import Figure
from .skeleton import SIDES, Skeleton
from .soles import Patch, Soles, soles_of_vertices


def read_skeleton(rig: bpy.types.Object) -> Skeleton:
    """The rig at rest, and the pose that its bones have now.

    Raises:
        AddonError: it is no armature, or has no bones.
    """
    if rig.type != "ARMATURE":
        raise AddonError(f"{rig.name}: is a {rig.type.lower()}, not an armature; choose the armature")
    bones = _parents_first(rig.data)
    if not bones:
        raise AddonError(f"{rig.name}: the armature has no bones; choose another one")
    row = {bone.name: k for k, bone in enumerate(bones)}
    poses = [rig.pose.bones[bone.name] for bone in bones]
    driven = _driven_bones(rig)
    return Skeleton(
        names=tuple(row),
        parents=np.array([row[bone.parent.name] if bone.parent else -1 for bone in bones]),
        rest=np.array([bone.matrix_local for bone in bones], float),
        lengths=np.array([bone.length for bone in bones]),
        rotation_modes=tuple(pose.rotation_mode for pose in poses),
        inherit_rotation=np.array([bone.use_inherit_rotation for bone in bones]),
        inherit_scale=tuple(bone.inherit_scale for bone in bones),
        local_location=np.array([bone.use_local_location for bone in bones]),
        connected=np.array([bone.use_connect for bone in bones]),
        deform=np.array([bone.use_deform for bone in bones]),
        constrained=np.array(
            [
                any(not c.mute and c.influence > 0 for c in pose.constraints) or pose.name in driven
                for pose in poses
            ]
        ),
        properties=tuple(tuple(pose.keys()) for pose in poses),
        basis=np.array([pose.matrix_basis for pose in poses], float),
        world=np.array(rig.matrix_world, float),
    )


def _parents_first(armature: bpy.types.Armature) -> list[bpy.types.Bone]:
    ordered = [bone for bone in armature.bones if bone.parent is None]
    for bone in ordered:
        ordered.extend(bone.children)
    return ordered


def _driven_bones(rig: bpy.types.Object) -> set[str]:
    """Bones one of whose channels has a driver."""
    drivers = rig.animation_data.drivers if rig.animation_data else ()
    driven = set()
    for driver in drivers:
        owner, _, channel = driver.data_path.rpartition(".")
        if owner.startswith('pose.bones["') and channel.startswith(("location", "rotation", "scale")):
            driven.add(owner[len('pose.bones["') : -len('"]')])
    return driven


def soles_of(rig: bpy.types.Object, figure: Figure) -> Soles | None:
    """The soles of the meshes that hang on the feet, at rest; None where none does."""
    up, to_armature = figure.facing()[:, 2], rig.matrix_world.inverted_safe()
    meshes = [
        (mesh, np.array(to_armature @ mesh.matrix_world))
        for mesh in bpy.data.objects
        if mesh.type == "MESH" and any(m.type == "ARMATURE" and m.object == rig for m in mesh.modifiers)
    ]
    feet = []
    for side in SIDES:
        foot, toes = _bones_of(figure, f"{side}_foot"), _bones_of(figure, f"{side}_toes")
        parts = [_following(mesh, foot | toes, toes, matrix) for mesh, matrix in meshes]
        points = np.concatenate([np.empty((0, 3)), *(part.points for part in parts)])
        feet.append(Patch(points, np.concatenate([np.empty(0), *(part.toes for part in parts)])))
    ankles = [figure.head(f"{side}_foot") for side in SIDES]
    return soles_of_vertices(feet, ankles, [figure.heading(side) for side in SIDES], up)


def _bones_of(figure: Figure, role: str) -> set[str]:
    """Names of the bones that deform a part: the mapped ones, what hangs on them, and on control rigs those that
    deform in their place."""
    skeleton = figure.skeleton
    if not figure.has(role):
        return set()
    first = figure.chains[role][0]
    at = np.linalg.norm(skeleton.heads - skeleton.heads[first], axis=1) < 1e-3 * figure.leg_length()
    part = {*figure.chains[role], *np.flatnonzero(at & skeleton.deform).tolist()}
    part -= set(skeleton.ancestors(first))
    hanging = {b for b in range(len(skeleton.names)) if part.intersection(skeleton.ancestors(b))}
    return {skeleton.names[bone] for bone in part | hanging}


def _following(mesh: bpy.types.Object, bones: set[str], toes: set[str], matrix: np.ndarray) -> Patch:
    """Vertices that mainly follow these bones, taken by ``matrix`` (4, 4), and how much of that is the toes'."""
    groups = {group.index: group.name for group in mesh.vertex_groups if group.name in bones}
    rows, shares = [], []
    for vertex in mesh.data.vertices:
        weights = {groups[g.group]: g.weight for g in vertex.groups if g.group in groups}
        whole = sum(weights.values())
        if whole > 0.5:
            rows.append(vertex.index)
            shares.append(sum(weight for name, weight in weights.items() if name in toes) / whole)
    places = np.empty(len(mesh.data.vertices) * 3, np.float32)
    mesh.data.vertices.foreach_get("co", places)
    points = places.reshape(-1, 3)[rows] @ matrix[:3, :3].T + matrix[:3, 3]
    return Patch(points, np.array(shares))
