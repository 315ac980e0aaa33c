"""Small pictures of photos, clips and found people. Blender draws them in a thread of its own."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

_collections: list[bpy.utils.previews.ImagePreviewCollection] = []


def icon_of(path: str) -> int:
    """The icon of a photo or clip, 0 where there is no such file. A file that changes gets a new picture."""
    file = Path(bpy.path.abspath(path)) if path else None
    try:
        name = f"{file}|{file.stat().st_mtime_ns}" if file else ""
    except OSError:
        return 0
    if not name:
        return 0
    if not _collections:
        _collections.append(bpy.utils.previews.new())
    previews = _collections[0]
    if name not in previews:
        kind = "MOVIE" if file.suffix.lower() in bpy.path.extensions_movie else "IMAGE"
        previews.load(name, str(file), kind)
    return previews[name].icon_id


def register() -> None:
    """The collection is made when the first picture is asked for."""


def unregister() -> None:
    while _collections:
        bpy.utils.previews.remove(_collections.pop())
