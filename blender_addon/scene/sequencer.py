"""Rendered frames or a movie as a strip of the video sequencer, the same from Blender 4.2 to 5.2."""

from __future__ import annotations

import re
from pathlib import Path

import bpy

from ..errors import AddonError
from .footage import resolve_footage


def add_frames_strip(scene: bpy.types.Scene, path: str | Path) -> bpy.types.ID:
    """Add numbered frames at the frames that they are of, or a movie at the scene's start, above all other strips.

    Raises:
        AddonError: the frames are missing, unreadable, or not numbered without gaps.
    """
    frames = resolve_footage(path)
    if bpy.data.filepath:
        try:
            first = bpy.path.relpath(str(frames.path))
        except ValueError:  # another drive on Windows
            first = str(frames.path)
    else:
        first = str(frames.path.resolve())
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences  # from 4.4, and before
    channel = max((strip.channel for strip in strips), default=0) + 1
    name = frames.path.stem
    try:
        if frames.source == "MOVIE":
            strip = strips.new_movie(name, first, channel, scene.frame_start)
        else:
            start = frames.first_number if frames.source == "SEQUENCE" else scene.frame_start
            strip = strips.new_image(name, first, channel, start)
            for number in range(frames.first_number + 1, frames.first_number + frames.frame_count):
                strip.elements.append(_numbered(frames.path.name, number))
    except RuntimeError as error:
        raise AddonError(f"{frames.path}: the sequencer cannot read it ({error}); convert it") from error
    strip.blend_type = "ALPHA_OVER"
    workspace = bpy.context.workspace
    if hasattr(workspace, "sequencer_scene"):  # from 5.0: which scene's strips the editor shows
        workspace.sequencer_scene = scene
    return strip


def _numbered(name: str, number: int) -> str:
    """The name with another number at its end, of as many digits at least."""
    match = re.fullmatch(r"(.*?)(\d+)(\.\w+)", name)
    assert match is not None  # resolve_footage takes no others for a sequence
    return f"{match[1]}{number:0{len(match[2])}d}{match[3]}"
