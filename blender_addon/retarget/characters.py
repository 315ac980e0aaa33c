"""Characters in files: opened or imported, and exported with their new motion."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import bpy

from ..errors import AddonError
from ..scene.save import save_blend

READS = (".blend", ".glb", ".gltf", ".vrm", ".fbx")
WRITES = (".blend", ".glb", ".fbx")


def open_character(path: Path) -> None:
    """Make a file's content the current file: a ``.blend`` as it is, other formats in an otherwise empty one.

    Raises:
        AddonError: it is missing, of another format, or Blender cannot read it.
    """
    suffix = path.suffix.lower()
    if suffix not in READS:
        raise AddonError(
            f"{path}: {suffix or 'a file without suffix'} is none of {', '.join(READS)}; export it as one"
        )
    if not path.is_file():
        raise AddonError(f"{path}: no such file; check the path")
    try:
        if suffix == ".blend":
            bpy.ops.wm.open_mainfile(filepath=str(path.absolute()))
            return
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        _import(path.absolute(), suffix)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = (lines or ["unknown"])[0].removeprefix("Error: ")
        raise AddonError(f"{path}: Blender cannot read it ({reason}); export it again") from error


def _import(path: Path, suffix: str) -> None:
    if suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path))
    elif suffix == ".vrm":  # a VRM is a glTF binary, which Blender knows by the name alone
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / f"{path.stem}.glb"
            shutil.copyfile(path, copy)
            bpy.ops.import_scene.gltf(filepath=str(copy))
            bpy.ops.file.pack_all()
    else:
        bpy.ops.import_scene.gltf(filepath=str(path))


def save_character(out: Path, *, nla: bool = False) -> None:
    """Write the file in the format its name says, whole or not at all.

    Args:
        nla: exchange formats get the NLA tracks instead of the active actions.

    Raises:
        AddonError: another format, or the folder cannot be written.
    """
    check_out(out)
    if out.suffix.lower() == ".blend":
        save_blend(out.absolute())
        return
    temporary = out.absolute().with_name(f".{out.stem}-{os.getpid()}{out.suffix.lower()}")
    try:
        if out.suffix.lower() == ".glb":
            bpy.ops.export_scene.gltf(
                filepath=str(temporary),
                export_format="GLB",
                export_animation_mode="NLA_TRACKS" if nla else "ACTIVE_ACTIONS",
                export_frame_range=True,
            )
        else:
            bpy.ops.export_scene.fbx(
                filepath=str(temporary),
                bake_anim_use_nla_strips=nla,
                bake_anim_use_all_actions=False,
                bake_anim_simplify_factor=0.0,
                add_leaf_bones=False,
            )
        os.replace(temporary, out)
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise AddonError(f"{out}: cannot be written ({reason}); choose another folder or format") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_out(out: Path) -> None:
    """Raise AddonError where ``out`` could not be written: before any work is done."""
    if out.suffix.lower() not in WRITES:
        raise AddonError(
            f"{out}: {out.suffix or 'no suffix'} is none of {', '.join(WRITES)}; name the output so"
        )
    if not out.absolute().parent.is_dir():
        raise AddonError(f"{out.absolute().parent}: no such folder; make it first")


def armatures(names: list[str]) -> list[bpy.types.Object]:
    """The scene's armatures called so; without names, the only one there is.

    Raises:
        AddonError: a name is not there, or there is none, or more than one to choose from.
    """
    present = [o for o in bpy.context.scene.objects if o.type == "ARMATURE"]
    there = ", ".join(repr(o.name) for o in present) or "none"
    if names:
        by_name = {o.name: o for o in present}
        missing = [name for name in names if name not in by_name]
        if missing:
            raise AddonError(f"no armature called {missing[0]!r} in the scene; there is {there}")
        return [by_name[name] for name in names]
    if len(present) != 1:
        raise AddonError(f"the scene needs one armature or a --target, and its armatures are: {there}")
    return present
