"""The paths that Liquid Motion stores in a file: resolved, kept right when the file moves or is appended, searched.

Blender looks after the paths it knows (images, libraries). Ours are properties, whose ``//`` it leaves as they are
when a file is saved to another folder or a person is appended from one; the handlers here do that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import bpy

_PATH_TYPES = {"FILE_PATH", "DIR_PATH"}


@dataclass(frozen=True)
class StoredPath:
    """One path in a property of ours: the data-block, and the way to the property from there."""

    owner: bpy.types.ID
    path: str  # for instance liquid_motion.subject

    @property
    def text(self) -> str:
        return self.owner.path_resolve(self.path)

    def write(self, value: str) -> None:
        group, _, name = self.path.rpartition(".")
        setattr(self.owner.path_resolve(group), name, value)

    @property
    def absolute(self) -> str:
        return absolute_path(self.owner, self.path)


def absolute_path(owner: bpy.types.ID, path: str) -> str:
    """The absolute path that a property of ``owner`` means, '' where it is empty.

    ``//`` counts from the file that the text was written in: of a library override's, that is the library, as long
    as it was not overridden.
    """
    text, library = owner.path_resolve(path), owner.library
    override = owner.override_library
    if override is not None and override.reference is not None:
        reference = override.reference
        if reference.path_resolve(path) == text:
            library = reference.library
    return os.path.normpath(bpy.path.abspath(text, library=library)) if text else ""


def stored_paths() -> Iterator[StoredPath]:
    """Every path of ours in the file that is not empty, linked ones included."""
    for owner in (*bpy.data.objects, *bpy.data.scenes):
        for path in _path_properties(owner.liquid_motion, "liquid_motion"):
            yield StoredPath(owner, path)


def _path_properties(group: bpy.types.PropertyGroup, prefix: str) -> Iterator[str]:
    for prop in group.bl_rna.properties:
        name = f"{prefix}.{prop.identifier}"
        if prop.identifier == "rna_type":
            continue
        if prop.type == "STRING" and prop.subtype in _PATH_TYPES:
            if getattr(group, prop.identifier):
                yield name
        elif prop.type == "COLLECTION":
            for index, item in enumerate(getattr(group, prop.identifier)):
                yield from _path_properties(item, f"{name}[{index}]")
        elif prop.type == "POINTER" and isinstance(
            getattr(group, prop.identifier, None), bpy.types.PropertyGroup
        ):
            yield from _path_properties(getattr(group, prop.identifier), name)


def relative_to(path: str, folder: str) -> str:
    """``path`` as a ``//`` path of a file in ``folder``; absolute where there is no such (another drive)."""
    try:
        return bpy.path.relpath(path, start=folder)
    except ValueError:
        return path


_before_save: list[tuple[StoredPath, str]] = []


@bpy.app.handlers.persistent
def _saving(filepath: str = "", *_) -> None:
    """Write our paths as seen from where the file goes."""
    _before_save.clear()
    if not filepath:  # the start-up file
        return
    folder, here = os.path.dirname(os.path.abspath(filepath)), os.path.dirname(bpy.data.filepath)
    first = not bpy.data.filepath and bpy.context.preferences.filepaths.use_relative_paths
    if folder == here:
        return
    for stored in stored_paths():
        text = stored.text
        relative = text.startswith("//")
        if stored.owner.library is not None or not (relative or first):
            continue
        if relative and not bpy.data.filepath:  # written for where the file is about to go
            continue
        _before_save.append((stored, text))
        stored.write(relative_to(stored.absolute, folder))


@bpy.app.handlers.persistent
def _saved(filepath: str = "", *_) -> None:
    """After a copy was saved elsewhere (or could not be), the open file's paths are what they were."""
    if not filepath or os.path.abspath(filepath) != bpy.data.filepath:
        _not_saved()
    _before_save.clear()


@bpy.app.handlers.persistent
def _not_saved(*_) -> None:
    for stored, text in _before_save:
        stored.write(text)
    _before_save.clear()


@bpy.app.handlers.persistent
def _imported(context, *_) -> None:
    """What was appended meant its ``//`` from the file it came from."""
    for item in context.import_items:
        owner = item.id
        if owner is None or owner.library is not None or not hasattr(owner, "liquid_motion"):
            continue
        if item.source_library is None or owner.override_library is not None:
            continue
        origin = os.path.dirname(bpy.path.abspath(item.source_library.filepath))
        for path in _path_properties(owner.liquid_motion, "liquid_motion"):
            stored = StoredPath(owner, path)
            if stored.text.startswith("//"):
                meant = os.path.normpath(os.path.join(origin, stored.text[2:]))
                here = os.path.dirname(bpy.data.filepath)
                stored.write(relative_to(meant, here) if here else meant)


_HANDLERS = {
    "save_pre": _saving,
    "save_post": _saved,
    "save_post_fail": _not_saved,
    "blend_import_post": _imported,  # from 4.3
}


def register() -> None:
    for name, handler in _HANDLERS.items():
        if hasattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in _HANDLERS.items():
        if hasattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).remove(handler)
