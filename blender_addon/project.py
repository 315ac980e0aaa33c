"""Where results go: beside the saved file, or in the user's folder until there is one."""

from __future__ import annotations

from pathlib import Path

import bpy

from .errors import AddonError

FOLDER = "liquid_motion"
UNSAVED = "unsaved"


def project_folder() -> Path:
    """The folder for results, made if need be.

    Raises:
        AddonError: it cannot be made.
    """
    folder = project_place()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AddonError(
            f"{folder}: cannot be made ({error.strerror}); save the .blend in a folder you may write to"
        ) from error
    return folder


def project_place() -> Path:
    """Where that folder is: ``liquid_motion/<name of the file>/`` beside the saved .blend, else the user's own."""
    if bpy.data.filepath:
        blend = Path(bpy.data.filepath)
        return blend.parent / FOLDER / blend.stem
    return user_folder() / UNSAVED


def user_folder() -> Path:
    """The extension's own folder for what it writes: its code folder is read-only. It survives updates."""
    if __package__.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(__package__))
    return Path(bpy.utils.user_resource("DATAFILES")) / FOLDER  # pip's bpy, where this is no extension


def unused_path(folder: Path, name: str) -> Path:
    """``folder/name``, numbered (``walk_002.npz``) where something has that name: nothing is overwritten."""
    path, number = folder / name, 1
    while path.exists():
        number += 1
        path = folder / f"{Path(name).stem}_{number:03d}{Path(name).suffix}"
    return path


def stored_path(path: Path) -> str:
    """As it is kept in properties: ``//``-relative in a saved file, where it can be, else absolute."""
    if not bpy.data.filepath:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:  # another drive on Windows: only an absolute path reaches it
        return str(path)
