"""Footage seen through the camera: clips, picture sequences and plates as camera backgrounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..errors import AddonError
from .material import load_image


@dataclass(frozen=True)
class FootageFile:
    """What Blender needs to play footage: one file, its kind, and how a sequence is numbered."""

    path: Path
    source: str  # Image.source: FILE, MOVIE or SEQUENCE
    first_number: int = 1
    frame_count: int = 1


def resolve_footage(path: str | Path) -> FootageFile:
    """Find the file behind a clip, a picture, a folder of pictures, or a pattern ``shot_####.png``.

    Raises:
        AddonError: nothing is there, or the pictures are not numbered without gaps, as Blender needs them.
    """
    path = Path(path)
    if path.is_dir():
        return _sequence(path, sorted(path.iterdir()))
    if "#" in path.name:
        name = re.sub(r"(?:\\#)+", r"\\d+", re.escape(path.name))
        return _sequence(path, sorted(p for p in path.parent.glob("*") if re.fullmatch(name, p.name)))
    if not path.is_file():
        raise AddonError(f"{path}: no such footage; check the path")
    suffix = path.suffix.lower()
    if suffix in bpy.path.extensions_movie:
        return FootageFile(path, "MOVIE")
    if suffix in bpy.path.extensions_image:
        return FootageFile(path, "FILE")
    raise AddonError(f"{path}: neither a movie nor a picture that Blender knows; convert it to MP4 or PNG")


def _sequence(where: Path, files: list[Path]) -> FootageFile:
    files = [f for f in files if f.suffix.lower() in bpy.path.extensions_image and not f.name.startswith(".")]
    if not files:
        raise AddonError(f"{where}: no pictures there; check the path")
    if len(files) == 1:
        return FootageFile(files[0], "FILE")
    names = [re.fullmatch(r"(.*?)(\d+)(\.\w+)", f.name) for f in files]
    if None in names or len({(n[1], n[3]) for n in names if n}) > 1:
        raise AddonError(
            f"{where}: the pictures are not one numbered sequence; rename them to frame_0001.png …"
        )
    numbers = [int(n[2]) for n in names if n]
    first = min(numbers)
    if sorted(numbers) != list(range(first, first + len(numbers))):
        raise AddonError(f"{where}: the numbering has gaps; number the pictures one after the other")
    return FootageFile(files[numbers.index(first)], "SEQUENCE", first, len(files))


def add_background(
    camera: bpy.types.Object, path: str | Path, *, frame_start: int = 1, frame_count: int = 1
) -> bpy.types.CameraBackgroundImage:
    """Show footage behind the scene when looking through ``camera``, its first frame at ``frame_start``.

    Raises:
        AddonError: the footage is missing or unreadable.
    """
    footage = resolve_footage(path)
    image = load_image(footage.path)
    image.source = footage.source
    background = camera.data.background_images.new()
    background.image = image
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "CROP"  # covers the picture, as the render engine has it
    if footage.source != "FILE":
        user = background.image_user
        user.frame_start = frame_start
        user.frame_duration = frame_count if footage.source == "MOVIE" else footage.frame_count
        user.frame_offset = footage.first_number - 1
        user.use_auto_refresh = True
    camera.data.show_background_images = True
    return background
