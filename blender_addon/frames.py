"""Frames of the ``render`` command: which ones, where, written whole or not at all, skipped only when verified."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import bpy

from .errors import AddonError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EXR_MAGIC = b"\x76\x2f\x31\x01"
_EXR_MULTIPART = 0x10  # in the second byte of the version field
_EXR_ROWS_PER_BLOCK = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # by compression


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
    """Have Blender write what the suffix says: RGBA PNG, or multi-layer EXR with depth."""
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
    scale = render.resolution_percentage / 100
    width, height = int(render.resolution_x * scale), int(render.resolution_y * scale)
    if render.use_border and render.use_crop_to_border:
        width = int(render.border_max_x * width) - int(render.border_min_x * width)
        height = int(render.border_max_y * height) - int(render.border_min_y * height)
    return height, width


def is_whole(path: Path, size: tuple[int, int]) -> bool:
    """Whether a PNG or EXR file is complete and of ``size`` (height, width)."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return False
    found = _png_size(data) if data.startswith(_PNG_SIGNATURE) else _exr_size(data)
    return found == size


def _png_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) of a PNG whose chunks are all there with the right checksums, else None."""
    size, at = None, len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 4 : at + 8 + length]
        if at + 12 + length > len(data):
            return None
        if zlib.crc32(body) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            return None
        if kind == b"IHDR":
            width, height = struct.unpack_from(">II", data, at + 8)
            size = (height, width)
        if kind == b"IEND":
            return size
        at += 12 + length
    return None


def _exr_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) of a scan-line EXR whose every block is inside the file, else None.

    Layout: magic, version, a header for each part (Blender 5 writes several), a table of block offsets for each part,
    blocks. OpenEXR writes the tables last, so a cut-off file has zeros in them.
    """
    if not data.startswith(_EXR_MAGIC):
        return None
    try:
        parts, table = _exr_headers(data)
        several = len(parts) > 1 or bool(data[5] & _EXR_MULTIPART)
        sizes = set()
        for part in parts:
            left, top, right, bottom = struct.unpack("<4i", part["dataWindow"])
            sizes.add((bottom - top + 1, right - left + 1))
            rows = _EXR_ROWS_PER_BLOCK[part["compression"][0]]
            blocks = -(-(bottom - top + 1) // rows)
            for offset in struct.unpack_from(f"<{blocks}Q", data, table):
                start = offset + 8 + 4 * several  # past the part's number, first row and byte count
                (count,) = struct.unpack_from("<I", data, start - 4)
                if offset < table or start + count > len(data):
                    return None
            table += 8 * blocks
    except (struct.error, KeyError, ValueError, IndexError):
        return None
    return sizes.pop() if len(sizes) == 1 else None


def _exr_headers(data: bytes) -> tuple[list[dict[str, bytes]], int]:
    """Attributes (name, type, size, value, up to an empty name) of each part, and where the offset tables start."""
    several = bool(data[5] & _EXR_MULTIPART)
    parts, at = [], 8
    while data[at]:
        attributes = {}
        while data[at]:
            end = data.index(b"\0", at)
            name = data[at:end].decode("ascii")
            at = data.index(b"\0", end + 1) + 1
            (length,) = struct.unpack_from("<i", data, at)
            attributes[name] = data[at + 4 : at + 4 + length]
            at += 4 + length
        parts.append(attributes)
        at += 1
        if not several:
            return parts, at
    return parts, at + 1
