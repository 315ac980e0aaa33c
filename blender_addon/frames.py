"""Frames of the ``render`` command: which ones, where, written whole or not at all, skipped only when verified."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import bpy

from .errors import AddonError
from .image_files import is_whole
from .scene.camera import border_box, picture_size


def parse_frames(text: str) -> list[int]:
    """``1-10,15,-3--1`` as numbers.

    Raises:
        AddonError: it is something else.
    """
    frames: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(-?\d+)(?:\s*-\s*(-?\d+))?\s*", part)
        if match is None:
            raise AddonError(f"frames {text!r} are not understood; write them as 1-10 or 1,5,8-12")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise AddonError(f"frames {part.strip()} run backwards; write {last}-{first}")
        frames.extend(range(first, last + 1))
    return frames


def frame_path(pattern: str | Path, frame: int) -> Path:
    """``dir/####.png`` with the frame's number in place of the last ``#`` run."""
    pattern = Path(pattern)
    runs = list(re.finditer(r"#+", pattern.name))
    if not runs:
        return pattern
    run = runs[-1]
    number = f"{frame:0{len(run[0])}d}"
    return pattern.with_name(pattern.name[: run.start()] + number + pattern.name[run.end() :])


def check_pattern(pattern: str | Path, frames: list[int]) -> None:
    """Raise :class:`AddonError` for a pattern that these frames cannot be written to."""
    pattern = Path(pattern)
    if pattern.suffix.lower() not in (".png", ".exr"):
        raise AddonError(f"{pattern}: frames are written as .png or .exr; give such a name")
    if len(frames) > 1 and "#" not in pattern.name:
        raise AddonError(
            f"{pattern}: several frames need a place for their number; write for instance ####.png"
        )


def set_output(scene: bpy.types.Scene, suffix: str) -> None:
    """Have Blender write what the suffix says: RGBA PNG, or multi-layer EXR with depth. What is skipped we decide."""
    scene.render.use_overwrite = True
    settings = scene.render.image_settings
    layers = suffix.lower() == ".exr"
    if hasattr(settings, "media_type"):  # 5.0
        settings.media_type = "MULTI_LAYER_IMAGE" if layers else "IMAGE"
    settings.file_format = "OPEN_EXR_MULTILAYER" if layers else "PNG"
    settings.color_mode = "RGBA"
    settings.color_depth = "16" if layers else "8"
    if layers:
        settings.exr_codec = "ZIP"
        for view_layer in scene.view_layers:
            view_layer.use_pass_z = True


def render_frames(
    scene: bpy.types.Scene,
    frames: list[int],
    pattern: str | Path,
    *,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Render frames to files. A frame that is there, whole, and of the right size is skipped.

    Raises:
        AddonError: a frame could not be rendered or written; frames before it are there, it is not.
    """
    check_pattern(pattern, frames)
    set_output(scene, Path(pattern).suffix)
    written = []
    for frame in frames:
        path = frame_path(pattern, frame).absolute()
        if not overwrite and is_whole(path, _output_size(scene)):
            say(f"Skipped: '{path}' is there")
            continue
        _render_frame(scene, frame, path)
        say(f"Saved: '{path}'")
        written.append(path)
    return written


def _render_frame(scene: bpy.types.Scene, frame: int, path: Path) -> None:
    temporary = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scene.frame_set(frame)
        bpy.ops.render.render(scene=scene.name)
        # not write_still: Blender would print "Saved:" with the temporary name, which farms read
        bpy.data.images["Render Result"].save_render(str(temporary), scene=scene)
        if not is_whole(temporary, _output_size(scene)):
            raise AddonError(f"{path}: frame {frame} was not rendered; see the messages above")
        os.replace(temporary, path)
    except RuntimeError as error:  # how operators report
        raise AddonError(f"{path}: frame {frame}: {_report_text(error)}") from error
    except OSError as error:
        raise AddonError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
    finally:
        temporary.unlink(missing_ok=True)


def _report_text(error: RuntimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return re.sub(r"^Error:\s*", "", lines[0]) if lines else "the render failed"


def _output_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """(height, width) of the file: a border that is not cropped to leaves the whole picture's size."""
    render = scene.render
    if not (render.use_border and render.use_crop_to_border):
        return picture_size(render)
    x0, y0, x1, y1 = border_box(render)
    return y1 - y0, x1 - x0
