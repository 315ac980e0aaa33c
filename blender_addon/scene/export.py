"""The animated, textured body for other programs: FBX, glTF and USD, written whole or not at all.

It is exported from a scene of its own that holds copies of the rig and the body: nothing of the artist's selection,
modes or objects is touched. In the copy, the person's shape and clothes are the mesh itself, no shape keys.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from ..errors import AddonError
from .action import corrective_name
from .person import body_of

SUFFIXES = (".fbx", ".glb", ".gltf", ".usdc", ".usda", ".usdz")
_COPIED = ("fps", "fps_base")


def export_person(scene: bpy.types.Scene, rig: bpy.types.Object, out: str | Path) -> Path:
    """Write rig, body, texture and the scene's frame range in the format that the suffix names.

    What is written is the motion as Blender evaluates it, corrections and NLA included, a key on every frame.

    Raises:
        AddonError: there is no body, the suffix is none of ``SUFFIXES``, Blender's exporter is missing or fails, or
            the folder cannot be written.
    """
    out = Path(out).absolute()
    if out.suffix.lower() not in SUFFIXES:
        raise AddonError(f"{out}: persons are exported as {', '.join(SUFFIXES)}; choose such a name")
    body = body_of(rig)
    if body is None:
        raise AddonError(f"{rig.name}: carries no body; choose the rig of a person")
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{out.stem}-", dir=out.parent))
    except OSError as error:
        raise AddonError(f"{out}: cannot be written ({error.strerror}); choose another folder") from error
    try:
        with _stage(scene, rig, body) as stage, bpy.context.temp_override(**_override(stage)):
            _write(folder / out.name)
        _move(folder, out)
    except RuntimeError as error:
        reason = " ".join(str(error).split()).removeprefix("Error: ")
        raise AddonError(f"{out}: Blender could not export it ({reason})") from error
    except OSError as error:
        raise AddonError(f"{out}: cannot be written ({error.strerror}); choose another folder") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return out


@contextmanager
def _stage(
    scene: bpy.types.Scene, rig: bpy.types.Object, body: bpy.types.Object
) -> Iterator[bpy.types.Scene]:
    """A scene with copies of rig and body, the body in its shape; gone afterwards, the file is as it was."""
    frame = scene.frame_current
    stage = bpy.data.scenes.new(rig.name)  # what FBX and glTF call the animation
    keys = set(bpy.data.shape_keys)
    moving, dressed, mesh = rig.copy(), body.copy(), body.data.copy()
    pairs = ((rig, moving), (body, dressed), (body.data, mesh))
    names = [original.name for original, _ in pairs]
    try:
        for (original, copy), name in zip(pairs, names, strict=True):
            if original.library is None:  # what is written shall have the names of the artist's objects
                original.name = f"{name}.exporting"
            copy.name = name
        dressed.data, dressed.parent = mesh, moving
        for modifier in dressed.modifiers:
            if modifier.type == "ARMATURE" and modifier.object == rig:
                modifier.object = moving
        bake_shape(dressed)
        for thing in (moving, dressed):
            stage.collection.objects.link(thing)
            thing.hide_viewport = thing.hide_render = False
        stage.frame_start, stage.frame_end = scene.frame_start, scene.frame_end
        for setting in _COPIED:
            setattr(stage.render, setting, getattr(scene.render, setting))
        yield stage
    finally:
        bpy.data.scenes.remove(stage)
        bpy.data.objects.remove(dressed)
        bpy.data.meshes.remove(mesh)
        bpy.data.objects.remove(moving)
        # before 5.0 the copied mesh leaves its cleared keys behind, which Blender then warns about when saving
        bpy.data.batch_remove([key for key in bpy.data.shape_keys if key not in keys])
        for (original, _), name in zip(pairs, names, strict=True):
            if original.library is None:
                original.name = name
        scene.frame_set(frame)


def bake_shape(body: bpy.types.Object) -> None:
    """Make the present mix of shape and clothes the mesh itself. Pose correctives stay as shape keys."""
    keys = body.data.shape_keys
    if keys is None:
        return
    blocks = list(keys.key_blocks)
    count = len(body.data.vertices)
    shapes = {key.name: _points(key, count) for key in blocks}
    basis = shapes[blocks[0].name]
    moving = {corrective_name(k) for k in range(len(blocks))}
    still = [key for key in blocks[1:] if key.name not in moving and not key.mute]
    mixed = basis + sum(
        (key.value * (shapes[key.name] - _points(key.relative_key, count)) for key in still),
        np.zeros_like(basis),
    )
    for key in [key for key in blocks[1:] if key.name not in moving]:
        body.shape_key_remove(key)
    for key in body.data.shape_keys.key_blocks:
        key.data.foreach_set("co", (shapes[key.name] + mixed - basis).ravel())
    if len(body.data.shape_keys.key_blocks) == 1:
        body.shape_key_clear()
    body.data.vertices.foreach_set("co", mixed.ravel())
    body.data.update()


def _points(key: bpy.types.ShapeKey, count: int) -> np.ndarray:
    points = np.empty(count * 3, np.float32)
    key.data.foreach_get("co", points)
    return points.reshape(-1, 3)


def _override(stage: bpy.types.Scene) -> dict:
    layer = stage.view_layers[0]
    things = list(stage.objects)
    rig = next(thing for thing in things if thing.type == "ARMATURE")
    layer.objects.active = rig
    return {
        "scene": stage,
        "view_layer": layer,
        "collection": stage.collection,
        "layer_collection": layer.layer_collection,
        "active_object": rig,
        "object": rig,
        "selected_objects": things,
    }


def _write(path: Path) -> None:
    """Call Blender's exporter. Raises RuntimeError or AddonError."""
    suffix = path.suffix.lower()
    if suffix == ".fbx":
        operator, name = bpy.ops.export_scene.fbx, "FBX"
        options = {
            "object_types": {"ARMATURE", "MESH"},
            "add_leaf_bones": False,
            "bake_anim_use_nla_strips": False,
            "bake_anim_use_all_actions": False,
            "bake_anim_simplify_factor": 0.0,
            "apply_scale_options": "FBX_SCALE_ALL",  # metres stay metres, objects keep scale 1
            "path_mode": "COPY",
            "embed_textures": True,
            "mesh_smooth_type": "FACE",
        }
    elif suffix in (".glb", ".gltf"):
        operator, name = bpy.ops.export_scene.gltf, "glTF 2.0"
        options = {
            "export_format": "GLB" if suffix == ".glb" else "GLTF_SEPARATE",
            "use_active_scene": True,
            "export_animation_mode": "SCENE",
            "export_anim_scene_split_object": False,
            "export_force_sampling": True,
            "export_optimize_animation_size": False,
            "export_influence_nb": 8,
        }
    else:
        operator, name = bpy.ops.wm.usd_export, "USD"
        options = {"export_animation": True, "export_armatures": True, "export_hair": False}
    try:
        known = {prop.identifier for prop in operator.get_rna_type().properties}
    except KeyError:
        mend = (
            "this Blender was built without it; take one from blender.org, or export FBX or glTF"
            if name == "USD"
            else "enable it in the preferences (Add-ons)"
        )
        raise AddonError(f"Blender's {name} exporter is not there; {mend}") from None
    options = {key: value for key, value in options.items() if key in known}  # versions differ
    if operator(filepath=str(path), **options) != {"FINISHED"} or not path.is_file():
        raise RuntimeError("it wrote nothing")


def _move(folder: Path, out: Path) -> None:
    """Put the file and what belongs to it (textures, buffers) in place; the file last, so that it is whole."""
    for source in sorted(folder.rglob("*"), key=lambda path: path.name == out.name):
        if source.is_file():
            target = out.parent / source.relative_to(folder)
            target.parent.mkdir(exist_ok=True)
            os.replace(source, target)
