"""Another shape for a person: the sliders move the skin at once, this makes the bones follow."""

from __future__ import annotations

import bpy
import numpy as np

from ..errors import AddonError
from .body import bone_tails
from .conventions import Y_UP_TO_Z_UP, y_up_to_z_up
from .person import RECORD, beta_keys, body_of, check_local, read_shape


def slider_betas(body: bpy.types.Object) -> np.ndarray:
    """(B,) what the sliders of the shape keys say."""
    return np.array([key.value for key in beta_keys(body)])


def bones_lag(rig: bpy.types.Object) -> bool:
    """Whether the sliders say another shape than the bones stand for."""
    body = body_of(rig)
    record = rig.data.get(RECORD) if rig is not None else None
    if body is None or record is None:
        return False
    sliders = slider_betas(body)
    return len(sliders) == len(record["applied"]) and bool(
        np.abs(sliders - np.array(record["applied"])).max(initial=0) > 1e-5
    )


def apply_shape(rig: bpy.types.Object, *, keep_feet: bool = True) -> None:
    """Move the rest bones to the joints of the shape that the sliders say. No key of any action changes.

    Bones keep their directions, so every pose means the same turns. With them the body moves in its rest pose: by
    what makes the motion file's ``trans`` mean the same (pelvis = J_0 + trans), or, where the feet shall stay on the
    ground, in height by as much as the legs have grown.

    Args:
        keep_feet: keep the standing height of the soles instead of the pelvis' path.

    Raises:
        AddonError: rig or body is linked or an override, or does not know its shape.
    """
    shape, body = read_shape(rig), body_of(rig)
    if body is None:
        raise AddonError(f"{rig.name}: carries no body")
    check_local(rig.data, "the armature")
    check_local(rig, "the rig")
    check_local(body.data, "the body")
    betas = slider_betas(body)
    if len(betas) != len(shape.fitted):
        raise AddonError(f"{body.name}: has {len(betas)} shape sliders, its rig knows {len(shape.fitted)}")
    offset = _offset(body, shape, betas, keep_feet)
    old = y_up_to_z_up(shape.rest_joints(shape.applied)) + shape.offset
    new = y_up_to_z_up(shape.rest_joints(betas)) + offset
    parents = _parents(rig, shape.names)
    lengths = np.linalg.norm(bone_tails(new, parents) - new, axis=1)
    _move_bones(rig, shape.names, new - old, lengths)
    body.location = np.array(body.location) + offset - shape.offset
    record = rig.data[RECORD]
    record["applied"], record["offset"] = betas.tolist(), offset.tolist()


def _offset(body, shape, betas: np.ndarray, keep_feet: bool) -> np.ndarray:
    """(3,) how far the rest body stands from where the fit's shape would put it."""
    pelvis = shape.rest_joints(betas)[0] - shape.rest_joints(shape.fitted)[0]
    offset = pelvis - Y_UP_TO_Z_UP @ pelvis  # trans is counted from J_0 in the axes of the Y-up body
    if keep_feet:
        grown = _leg(body, shape, betas) - _leg(body, shape, shape.fitted)
        offset[2] = grown - pelvis[1]
    return offset


def _leg(body: bpy.types.Object, shape, betas: np.ndarray) -> float:
    """Height of the pelvis above the soles of the standing, bare body."""
    blocks = body.data.shape_keys.key_blocks
    basis = _points(blocks[0])
    skin = basis + sum(
        value * (_points(key) - basis) for key, value in zip(beta_keys(body), betas, strict=True)
    )
    return float(shape.rest_joints(betas)[0, 1] - skin[:, 2].min())


def _points(key: bpy.types.ShapeKey) -> np.ndarray:
    points = np.empty(len(key.data) * 3, np.float32)
    key.data.foreach_get("co", points)
    return points.reshape(-1, 3)


def _parents(rig: bpy.types.Object, names: tuple[str, ...]) -> np.ndarray:
    bones = rig.data.bones
    return np.array([names.index(bones[n].parent.name) if bones[n].parent else -1 for n in names])


def _move_bones(
    rig: bpy.types.Object, names: tuple[str, ...], shifts: np.ndarray, lengths: np.ndarray
) -> None:
    """Shift heads (J, 3), keep directions, and give the bones their lengths (J,). Bones of the artist's stay."""
    layer = bpy.context.view_layer
    if rig.name not in layer.objects:
        raise AddonError(f"{rig.name}: is not in this scene's view layer; show its collection first")
    before, mode, hidden = layer.objects.active, rig.mode, rig.hide_get()
    if before is not None and before.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    rig.hide_set(False)
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        for joint, name in enumerate(names):
            bone = rig.data.edit_bones[name]
            bone.use_connect = False
            direction = bone.vector.normalized()
            roll = bone.z_axis.copy()
            bone.head = np.array(bone.head) + shifts[joint]
            bone.tail = bone.head + direction * float(lengths[joint])
            bone.align_roll(roll)
    finally:
        bpy.ops.object.mode_set(mode=mode if before == rig else "OBJECT")
        layer.objects.active = before
        rig.hide_set(hidden)


def reset_shape(rig: bpy.types.Object) -> None:
    """The fitted shape again, sliders and bones.

    Raises:
        AddonError: as :func:`apply_shape`.
    """
    shape, body = read_shape(rig), body_of(rig)
    if body is None:
        raise AddonError(f"{rig.name}: carries no body")
    check_local(body.data, "the body")
    for key, value in zip(beta_keys(body), shape.fitted, strict=True):
        key.value = value
    apply_shape(rig, keep_feet=False)
