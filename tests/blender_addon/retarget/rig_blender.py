"""Armatures and skins made from plain arrays."""

from __future__ import annotations

import bpy
import numpy as np

Bones = list[tuple[str, str, np.ndarray, np.ndarray, float]]
"""Name, parent or ``-``, head, tail, roll of every bone."""


def with_tails(bones: list[tuple[str, str, np.ndarray]]) -> Bones:
    """Tails at the first child that is apart, else 5 cm on along the parent's line."""
    heads = {name: head for name, _, head in bones}
    result: Bones = []
    directions: dict[str, np.ndarray] = {"-": np.array([0.0, 0.0, 1.0])}
    for name, parent, head in bones:
        steps = [heads[child] - head for child, above, _ in bones if above == name]
        step = next((s for s in steps if np.linalg.norm(s) > 0.01), 0.05 * directions[parent])
        directions[name] = step / np.linalg.norm(step)
        result.append((name, parent, head, head + step, 0.0))
    return result


def add_armature(name: str, bones: Bones) -> bpy.types.Object:
    """An armature at the origin, selected and active."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, _, head, tail, roll in bones:
        edit = data.edit_bones.new(bone)
        edit.head, edit.tail, edit.roll = head, tail, roll
    for bone, parent, *_ in bones:
        if parent != "-":
            data.edit_bones[bone].parent = data.edit_bones[parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def add_skin(
    armature: bpy.types.Object,
    vertices: np.ndarray,
    faces: np.ndarray,
    names: list[str],
    bones: np.ndarray,
    weights: np.ndarray,
) -> bpy.types.Object:
    """A mesh child with weights: ``bones`` and ``weights`` (V, K)."""
    mesh = bpy.data.meshes.new(f"{armature.name} body")
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    skin = bpy.data.objects.new(mesh.name, mesh)
    bpy.context.scene.collection.objects.link(skin)
    for name in dict.fromkeys(names):
        group = skin.vertex_groups.new(name=name)
        share = (weights * np.isin(bones, [row for row, other in enumerate(names) if other == name])).sum(1)
        for vertex in np.flatnonzero(share > 1e-4):
            group.add([int(vertex)], float(share[vertex]), "REPLACE")
    skin.parent = armature
    modifier = skin.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return skin
