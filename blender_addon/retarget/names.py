"""Bone names in one form, whatever the tool that wrote them: side, stem, no case, no prefixes."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .skeleton import SIDES

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
_RUNNING_NUMBER = re.compile(r"(?<=[^_])_\d{2,}$")
_SIDE_WORDS = {"l": "left", "left": "left", "r": "right", "right": "right"}
_SIDE_CHARACTERS = {"左": "left", "右": "right"}
_COMMON = 0.6
"""Share of a rig's bones from which a first or last word says nothing (mixamorig1_, CC_Base_, …Bone)."""


@dataclass(frozen=True)
class BoneName:
    """``side`` is left, right or empty; ``words`` are the rest in lower case, with numbers as words."""

    side: str
    words: tuple[str, ...]

    @property
    def stem(self) -> str:
        return "".join(self.words)

    @property
    def plain_stem(self) -> str:
        """The stem with 01, 001 and 1 the same."""
        return "".join(str(int(word)) if word.isdecimal() else word for word in self.words)


def parse(name: str) -> BoneName:
    """Take a name apart: ``mixamorig:LeftForeArm``, ``forearm.L``, ``lForeArm`` all become left, fore arm.

    Full-width letters count as plain ones, namespaces (before ``:`` or ``|``) are dropped, 左 and 右 are sides.
    """
    plain = re.split(r"[:|]", unicodedata.normalize("NFKC", name))[-1]
    words = _WORD.findall(plain)
    if not words:
        return BoneName("", (plain.lower(),))
    words = [word.lower() for word in words]
    middle = range(1, len(words) - 1)
    for place in (len(words) - 1, 0, *middle):
        if words[place] in _SIDE_WORDS and len(words) > 1:
            return BoneName(_SIDE_WORDS[words[place]], tuple(words[:place] + words[place + 1 :]))
    # a number may stand behind the side: thigh.L.001 is found above, LeftArm too, leftarm here
    for side in SIDES:
        if words[0].startswith(side) and words[0] != side:
            return BoneName(side, (words[0].removeprefix(side), *words[1:]))
    if words[0][0] in _SIDE_CHARACTERS and len(words[0]) > 1:
        return BoneName(_SIDE_CHARACTERS[words[0][0]], (words[0][1:], *words[1:]))
    return BoneName("", tuple(words))


def parse_all(names: Sequence[str]) -> list[BoneName]:
    """All names of one rig, without what most of them begin or end with, running numbers (Hips_01) included."""
    if sum(bool(_RUNNING_NUMBER.search(name)) for name in names) > _COMMON * len(names):
        names = [_RUNNING_NUMBER.sub("", name) for name in names]
    parsed = [parse(name) for name in names]
    while len(parsed) > 2 and (word := _common(parsed, 0)):
        parsed = [_without(name, word, 0) for name in parsed]
    while len(parsed) > 2 and (word := _common(parsed, -1)):
        parsed = [_without(name, word, -1) for name in parsed]
    return parsed


def _common(names: list[BoneName], place: int) -> str:
    """The word at this place of most names, or nothing."""
    counts = Counter(name.words[place] for name in names if len(name.words) > 1)
    word, count = counts.most_common(1)[0] if counts else ("", 0)
    return word if count > _COMMON * len(names) else ""


def _without(name: BoneName, word: str, place: int) -> BoneName:
    if len(name.words) < 2 or name.words[place] != word:
        return name
    return BoneName(name.side, name.words[1:] if place == 0 else name.words[:-1])


class NameIndex:
    """Finds bones by the names of a convention: first to the letter, then more and more loosely."""

    def __init__(self, names: Sequence[str]) -> None:
        self._levels: tuple[dict[object, list[int]], ...] = ({}, {}, {}, {}, {})
        stripped = parse_all(names)
        for bone, name in enumerate(names):
            for level, key in zip(self._levels, _keys(name, parse(name), stripped[bone]), strict=True):
                level.setdefault(key, []).append(bone)

    def find(self, name: str) -> list[int]:
        """Rows of the bones that may be called so, the likeliest first."""
        parsed = parse(name)
        found: list[int] = []
        for level, key in zip(self._levels, _keys(name, parsed, parsed), strict=True):
            found += [bone for bone in level.get(key, ()) if bone not in found]
        return found


def _keys(name: str, parsed: BoneName, stripped: BoneName) -> tuple[object, ...]:
    return (
        name,
        (parsed.side, parsed.stem),
        (stripped.side, stripped.stem),
        (parsed.side, parsed.plain_stem),
        (stripped.side, stripped.plain_stem),
    )
