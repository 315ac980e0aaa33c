"""Bone maps as files: the tables of the known conventions beside this module, and maps that users save and share."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..errors import AddonError
from .skeleton import LIMBS, ROLES, SIDES, BoneMap, LimbControl, Switch

MAP_FORMAT = "liquid-motion bone map"
MAP_VERSION = 1
_MEND = "detect the bones again, or choose another file"


@dataclass(frozen=True)
class Convention:
    """Names that a kind of rig uses. ``bones`` maps a role to the links of its chain, each a list of names."""

    name: str
    bones: dict[str, tuple[tuple[str, ...], ...]]
    control_rig: bool = False
    """The bones are an animator's controls, whose parents are machinery: parent order says nothing."""
    switches: tuple[Switch, ...] = ()
    controls: dict[str, LimbControl] = field(default_factory=dict)


@cache
def conventions() -> tuple[Convention, ...]:
    """All tables that come with the extension, by file name."""
    folder = files(__package__) / "conventions"
    tables = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".json")), key=lambda e: e.name
    )
    return tuple(_convention(json.loads(entry.read_text(encoding="utf-8"))) for entry in tables)


def _convention(table: dict) -> Convention:
    """One file. ``@`` in a name stands for the side, ``|`` stands between names for the same bone.

    ``sides`` lists how left and right are written: a pair for each way. Roles of the table are without side.
    """
    ways = [dict(zip(SIDES, pair, strict=True)) for pair in table["sides"]]
    bones = {}
    for part, links in table["bones"].items():
        for role, side in _roles(part):
            bones[role] = tuple(
                tuple(
                    dict.fromkeys(
                        name.replace("@", way[side] if side else "")
                        for name in link.split("|")
                        for way in (ways if "@" in name else ways[:1])
                    )
                )
                for link in links
            )
    first = ways[0]
    switches = tuple(
        _switch(s, first[side]) for side in SIDES for s in table.get("switches", ()) if _on(s, side)
    )
    controls = {}
    for limb, control in table.get("controls", {}).items():
        for side in SIDES:
            controls[f"{side}_{limb}"] = LimbControl(
                target=control["target"].replace("@", first[side]),
                pole=control["pole"].replace("@", first[side]) if control.get("pole") else None,
                switches=tuple(_switch(s, first[side]) for s in control.get("switches", ())),
            )
    return Convention(table["name"], bones, table.get("control_rig", False), switches, controls)


def _roles(part: str) -> list[tuple[str, str]]:
    """The roles that an entry stands for, with their sides."""
    if part in ROLES:
        return [(part, "")]
    return [(f"{side}_{part}", side) for side in SIDES]


def _on(switch: dict, side: str) -> bool:
    """Switches in the middle of the body are taken once, with the left ones."""
    return "@" in switch["bone"] or side == SIDES[0]


def _switch(entry: dict, side: str) -> Switch:
    return Switch(entry["bone"].replace("@", side), entry["property"], float(entry["value"]))


def save_map(path: str | Path, bone_map: BoneMap) -> None:
    """Write a map as JSON, whole or not at all.

    Raises:
        AddonError: the folder cannot be written.
    """
    path = Path(path)
    content = {
        "format": MAP_FORMAT,
        "version": MAP_VERSION,
        "convention": bone_map.convention,
        "pairs": {role: list(bone_map.pairs[role]) for role in ROLES if bone_map.pairs.get(role)},
        "switches": [_switch_entry(switch) for switch in bone_map.switches],
        "controls": {
            limb: {
                "target": control.target,
                "pole": control.pole,
                "switches": [_switch_entry(switch) for switch in control.switches],
            }
            for limb, control in bone_map.controls.items()
        },
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise AddonError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
    finally:
        temporary.unlink(missing_ok=True)


def _switch_entry(switch: Switch) -> dict:
    return {"bone": switch.bone, "property": switch.property, "value": switch.value}


def load_map(path: str | Path) -> BoneMap:
    """Read a map that :func:`save_map` wrote, perhaps edited since.

    Raises:
        AddonError: it is missing, no JSON, of another format, or names an unknown role.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AddonError(f"{path}: no such bone map; {_MEND}") from None
    except (OSError, ValueError) as error:
        raise AddonError(
            f"{path}: not a readable bone map ({' '.join(str(error).split())}); {_MEND}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != MAP_FORMAT:
        raise AddonError(f"{path}: not a bone map of Liquid Motion; {_MEND}")
    if content.get("version") != MAP_VERSION:
        raise AddonError(
            f"{path}: bone map version {content.get('version')}, this extension reads {MAP_VERSION}; {_MEND}"
        )
    try:
        return _bone_map(content, f"read from {path.name}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AddonError(f"{path}: not a complete bone map ({error}); {_MEND}") from error


def _bone_map(content: dict, reason: str) -> BoneMap:
    pairs: dict[str, tuple[str, ...]] = {}
    for role, names in content["pairs"].items():
        if role not in ROLES:
            raise ValueError(f"unknown role {role!r}")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{role} must be a list of bone names")
        pairs[role] = tuple(names)
    controls = {}
    for limb, entry in content.get("controls", {}).items():
        if limb not in LIMBS:
            raise ValueError(f"unknown limb {limb!r}")
        switches = tuple(_switch(switch, "") for switch in entry.get("switches", ()))
        controls[limb] = LimbControl(entry["target"], entry.get("pole"), switches)
    return BoneMap(
        pairs=pairs,
        reasons=dict.fromkeys(pairs, reason),
        convention=str(content.get("convention", "")),
        switches=tuple(_switch(switch, "") for switch in content.get("switches", ())),
        controls=controls,
    )
