"""The person: an armature with SMPL's joint names and a skinned mesh with shape keys, standing in Blender's axes."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector

from ..errors import AddonError
from .action import corrective_name
from .conventions import y_up_to_z_up
from .files import BodyData

_KEY_LIMIT = 10.0
"""Blender's hard limit of a shape key's value."""
_MIN_BONE = 0.02
"""Metres. Blender deletes bones of no length, and shorter ones cannot be picked."""
_MIN_WEIGHT = 1e-6


@dataclass(frozen=True)
class BodyObjects:
    """What was added for one person."""

    rig: bpy.types.Object
    mesh: bpy.types.Object


def add_body(scene: bpy.types.Scene, body: BodyData, *, name: str = "Person") -> BodyObjects:
    """Add the rig and the skinned mesh of one person at rest.

    ``scene`` must be the active one, in object mode: bones are made in edit mode.

    Raises:
        AddonError: the person's shape is beyond what a shape key can hold.
    """
    if np.abs(body.betas).max(initial=0) > _KEY_LIMIT:
        raise AddonError(
            f"{name}: shape value {np.abs(body.betas).max():.1f} is beyond {_KEY_LIMIT:.0f}; fit the person again"
        )
    rig = _add_rig(scene, body, f"{name} rig")
    mesh = _add_mesh(scene, body, name)
    mesh.parent = rig
    modifier = mesh.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    modifier.use_deform_preserve_volume = False  # SMPL is linear blend skinning
    return BodyObjects(rig, mesh)


def _add_rig(scene: bpy.types.Scene, body: BodyData, name: str) -> bpy.types.Object:
    heads = y_up_to_z_up(body.joints())
    tails = bone_tails(heads, body.parents)
    data = bpy.data.armatures.new(name)
    data.display_type = "STICK"
    rig = bpy.data.objects.new(name, data)
    rig.show_in_front = True  # the bones are inside the body
    scene.collection.objects.link(rig)
    view_layer = bpy.context.view_layer
    before = view_layer.objects.active
    view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones: list[bpy.types.EditBone] = []
    for joint, joint_name in enumerate(body.joint_names):
        bone = data.edit_bones.new(joint_name)
        bone.head, bone.tail = heads[joint], tails[joint]
        # Z to the body's front (up for feet), so that one axis bends every limb
        along_depth = abs(bone.vector.normalized().y) > 0.8
        bone.align_roll(Vector((0, 0, 1)) if along_depth else Vector((0, -1, 0)))
        if joint:
            bone.parent = bones[body.parents[joint]]
        bones.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    view_layer.objects.active = before
    for bone in rig.pose.bones:
        bone.rotation_mode = "QUATERNION"
    return rig


def bone_tails(heads: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Tails (J, 3) of bones with these heads: towards the child nearest the parent's line, leaves straight on."""
    tails = np.empty_like(heads)
    directions = np.zeros_like(heads)
    for joint in range(len(heads)):
        children = np.flatnonzero(parents == joint)
        onward = directions[parents[joint]] if joint else np.array([0.0, 0.0, 1.0])
        if len(children):
            steps = heads[children] - heads[joint]
            lengths = np.linalg.norm(steps, axis=1)
            step = steps[np.argmax(steps @ onward / np.maximum(lengths, 1e-9))]
        else:
            step = onward * max(0.5 * np.linalg.norm(heads[joint] - heads[parents[joint]]), _MIN_BONE)
        length = np.linalg.norm(step)
        directions[joint] = step / length if length > 1e-6 else onward
        tails[joint] = heads[joint] + directions[joint] * max(length, _MIN_BONE)
    return tails


def _add_mesh(scene: bpy.types.Scene, body: BodyData, name: str) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    data.from_pydata(y_up_to_z_up(body.v_template), [], body.faces)
    layer = data.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", body.uv[body.faces_uv.ravel()].astype(np.float32).ravel())
    data.polygons.foreach_set("use_smooth", np.ones(len(data.polygons), bool))
    if data.validate():
        bpy.data.meshes.remove(data)
        raise AddonError(f"{name}: the body's faces do not make a valid mesh; make the subject again")
    mesh = bpy.data.objects.new(name, data)
    scene.collection.objects.link(mesh)
    _add_weights(mesh, body)
    _add_shape_keys(mesh, body)
    return mesh


def _add_weights(mesh: bpy.types.Object, body: BodyData) -> None:
    for joint, joint_name in enumerate(body.joint_names):
        group = mesh.vertex_groups.new(name=joint_name)
        column = body.weights[:, joint]
        for vertex in np.flatnonzero(column > _MIN_WEIGHT):
            group.add([int(vertex)], float(column[vertex]), "REPLACE")


def _add_shape_keys(mesh: bpy.types.Object, body: BodyData) -> None:
    mesh.shape_key_add(name="Basis", from_mix=False)
    for k, value in enumerate(body.betas):
        key = _add_key(mesh, f"beta_{k}", body.v_template + body.shapedirs[:, :, k])
        key.value = value
    if body.clothing.any():
        key = _add_key(mesh, "Clothing", body.v_template + body.clothing)
        key.slider_min, key.value = 0.0, 1.0
    for k in range(body.posedirs.shape[2]):
        _add_key(mesh, corrective_name(k), body.v_template + body.posedirs[:, :, k])


def _add_key(mesh: bpy.types.Object, name: str, vertices: np.ndarray) -> bpy.types.ShapeKey:
    key = mesh.shape_key_add(name=name, from_mix=False)
    key.slider_min, key.slider_max = -_KEY_LIMIT, _KEY_LIMIT
    key.data.foreach_set("co", y_up_to_z_up(vertices).astype(np.float32).ravel())
    return key
