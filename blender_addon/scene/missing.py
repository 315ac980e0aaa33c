"""Files that the scene needs and that are not where it says, and a folder searched for them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import bpy

from .paths import StoredPath, relative_to, stored_paths

_MOST_FILES = 100_000
"""Files and folders looked at in a search: a whole disk chosen by mistake must not hang Blender."""
_KINDS = {"FILE": "Picture", "SEQUENCE": "Pictures", "MOVIE": "Movie"}


@dataclass(frozen=True)
class Missing:
    """One file or folder that is not there."""

    what: str  # for the artist: Subject, Footage, Picture …
    owner: str  # name of the data-block that needs it
    path: str  # where it should be
    place: StoredPath | bpy.types.Image  # what names it

    @property
    def library(self) -> bpy.types.Library | None:
        """The file it can only be mended in, None where that is this one."""
        return self.place.owner.library if isinstance(self.place, StoredPath) else self.place.library

    def __str__(self) -> str:
        return f"{self.what} of {self.owner}: {self.path}"


def find_missing() -> list[Missing]:
    """Everything that Liquid Motion or a picture of the file names and that is not there."""
    found = [_of_property(stored) for stored in stored_paths() if not _is_there(stored)]
    for image in bpy.data.images:
        if image.source not in _KINDS or image.packed_file is not None or not image.filepath:
            continue
        path = os.path.normpath(bpy.path.abspath(image.filepath, library=image.library))
        if not os.path.exists(path):
            found.append(Missing(_KINDS[image.source], image.name, path, image))
    return found


def _of_property(stored: StoredPath) -> Missing:
    group, _, name = stored.path.rpartition(".")
    prop = stored.owner.path_resolve(group).bl_rna.properties[name]
    return Missing(prop.name, stored.owner.name, stored.absolute, stored)


def _is_there(stored: StoredPath) -> bool:
    path = Path(stored.absolute)
    if stored.path.endswith(".subject"):
        return (path / "subject.json").is_file()
    return path.exists() or ("#" in path.name and _matching(path) is not None)


def _matching(pattern: Path) -> Path | None:
    """A picture of a sequence ``shot_####.png``, if there is one."""
    name = re.compile(re.sub(r"(?:\\#)+", r"\\d+", re.escape(pattern.name)))
    if not pattern.parent.is_dir():
        return None
    return next((path for path in pattern.parent.iterdir() if name.fullmatch(path.name)), None)


def relink(folder: str | Path, missing: list[Missing]) -> tuple[list[Missing], list[Missing]]:
    """Search a folder, and those in it, for what is missing, by name, and use what is found.

    Of several files of one name, the one whose folders are most like those of the old path.

    Returns:
        What was found, and what was not (or is named in a linked file, which cannot be changed from here).
    """
    names = {Path(one.path).name for one in missing if "#" not in Path(one.path).name}
    candidates, folders = _search(Path(folder), names)
    mended, left = [], []
    for one in missing:
        name = Path(one.path).name
        if "#" in name:
            places = [at / name for at in folders if _matching(at / name) is not None]
        else:
            places = candidates.get(name, [])
        if one.what == "Subject":
            places = [place for place in places if (place / "subject.json").is_file()]
        if not places or one.library is not None:
            left.append(one)
            continue
        _use(one, max(places, key=lambda place: _likeness(place, Path(one.path))))
        mended.append(one)
    return mended, left


def _search(folder: Path, names: set[str]) -> tuple[dict[str, list[Path]], list[Path]]:
    found: dict[str, list[Path]] = {folder.name: [folder]} if folder.name in names else {}
    folders, seen = [], 0
    for at, inner, files in os.walk(folder):
        folders.append(Path(at))
        for name in {*inner, *files} & names:
            found.setdefault(name, []).append(Path(at, name))
        seen += len(inner) + len(files)
        if seen > _MOST_FILES:
            break
    return found, folders


def _likeness(place: Path, old: Path) -> int:
    """How many names at the ends of two paths are the same."""
    pairs = zip(reversed(place.parts), reversed(old.parts), strict=False)
    return next((k for k, (a, b) in enumerate(pairs) if a != b), len(old.parts))


def _use(one: Missing, place: Path) -> None:
    here = os.path.dirname(bpy.data.filepath)
    relative = here and bpy.context.preferences.filepaths.use_relative_paths
    text = relative_to(str(place), here) if relative else str(place)
    if isinstance(one.place, StoredPath):
        one.place.write(text)
        return
    image = one.place
    image.filepath = text
    image.reload()


def report(missing: list[Missing]) -> list[str]:
    """A line for each: what, whose, and where it was looked for."""
    return [
        f"{one} is missing" + (f"; relink it in {one.library.filepath}" if one.library is not None else "")
        for one in missing
    ]


@bpy.app.handlers.persistent
def _loaded(*_) -> None:
    known[:] = find_missing()
    for line in report(known):
        print(f"Liquid Motion: {line}; press Relink Folder, or put it there")


known: list[Missing] = []
"""What was missing when the file was opened or last searched, for the panel: no disk is touched while it draws."""


def register() -> None:
    bpy.app.handlers.load_post.append(_loaded)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_loaded)
    known.clear()
