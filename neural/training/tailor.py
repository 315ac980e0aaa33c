"""Clothes cut at random: the network shall learn how clothes go on where no source shows them, no wardrobe by heart.

A garment is the skin itself, puffed out. Where it ends is drawn into its texture in rest-pose coordinates (a sleeve
ends in a ring around the arm), and so are stripes, checks, prints, blocks of colour, buttons and pockets. Skirts hang
on hm08's helper. Lengths are metres; at rest the arms are stretched out to the sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy import ndimage

from neural.training.dressing import Material, Part
from neural.training.hm08 import RestBody, base_mesh, faces_of
from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.geometry import rasterize_meshes, vertex_normals

_TEXELS = 768
_FOLDS = 0.06  # how much lighter or darker folds are
_SKIRT_SHARE = 0.35  # of women
_PATTERNS = ("plain", "plain", "plain", "rings", "lines", "checks", "blotches", "print", "print", "halves")


@dataclass(frozen=True)
class _Places:
    """Points on a garment: ``at`` (N, 3) at rest, ``joints`` (24, 3) of the person."""

    at: np.ndarray
    joints: np.ndarray

    def joint(self, name: str) -> np.ndarray:
        return self.joints[JOINT_NAMES.index(name)]

    @property
    def arm(self) -> np.ndarray:
        """0 at the shoulder, 1 at the wrist; below 0 on the trunk."""
        shoulder, wrist = self.joint("left_shoulder")[0], self.joint("left_wrist")[0]
        return (np.abs(self.at[:, 0]) - shoulder) / (wrist - shoulder)

    @property
    def leg(self) -> np.ndarray:
        """0 at the hip, 1 at the ankle; below 0 above the hip."""
        hip, ankle = self.joint("left_hip")[1], self.joint("left_ankle")[1]
        return (hip - self.at[:, 1]) / (hip - ankle)

    @property
    def trunk(self) -> np.ndarray:
        """0 at the hip, 1 at the neck."""
        hip, neck = self.joint("left_hip")[1], self.joint("neck")[1]
        return (self.at[:, 1] - hip) / (neck - hip)

    @property
    def ahead(self) -> np.ndarray:
        """Metres before the trunk's middle."""
        return self.at[:, 2] - self.joint("spine2")[2]


@dataclass(frozen=True)
class _Cut:
    """Where a garment is. ``sleeve``, ``leg``: ends along the limbs. ``hem``, ``waist``: along the trunk."""

    sleeve: float = -1.0
    neckline: tuple[float, float, float] = (0.08, 0.05, 0.02)  # half width, depth before, behind
    hem: float = 0.0
    waist: float | None = None
    leg: float = 0.0
    bib: float | None = None

    def worn_at(self, places: _Places) -> np.ndarray:
        """(N,) bool."""
        trunk, arm = places.trunk, places.arm
        limb = arm > -0.12
        if self.waist is not None:
            below = (trunk < self.waist) & (places.leg < self.leg) & ~(limb & (trunk > 0.5))
            return below | self._bib(places)
        half, before, behind = self.neckline
        depth = np.where(places.ahead > 0, before, behind) * np.clip(
            1 - (places.at[:, 0] / half) ** 2, 0, None
        )
        open_neck = (np.abs(places.at[:, 0]) < half) & (places.at[:, 1] > places.joint("neck")[1] - depth)
        return (arm < self.sleeve) & (trunk > self.hem) & ~open_neck & (trunk < 1.15)

    def _bib(self, places: _Places) -> np.ndarray:
        if self.bib is None:
            return np.zeros(len(places.at), bool)
        x, trunk, ahead = np.abs(places.at[:, 0]), places.trunk, places.ahead > 0
        chest = ahead & (x < 0.11) & (trunk < self.bib)
        straps = (np.abs(x - 0.085 + 0.04 * ~ahead * (1 - trunk)) < 0.022) & (trunk > 0)
        return (chest | straps) & (trunk < 1.1)


@dataclass(frozen=True)
class _Cloth:
    """What a garment is made of: two colours, in linear steps of sRGB, and how they alternate."""

    colours: np.ndarray
    pattern: str
    pitch: float
    share: float
    waves: np.ndarray  # (K, 4) directions, per metre, and phases of the noise
    details: np.ndarray  # (4,) which of buttons, pockets, side stripes and cuffs there are

    def painted(self, places: _Places) -> np.ndarray:
        """(N, 3) colours in [0, 1]."""
        at = places.at
        along = np.where(places.arm > 0, np.abs(at[:, 0]), at[:, 1])
        round_ = np.where(places.arm > 0, at[:, 1], at[:, 0])
        rings, lines = ((one / self.pitch) % 1.0 < self.share for one in (along, round_))
        noise = np.sin(at @ self.waves[:, :3].T + self.waves[:, 3]).mean(1) * np.sqrt(len(self.waves))
        disc = np.hypot(at[:, 0] / 0.11, (places.trunk - 0.62) / 0.25) < 1
        second = {
            "plain": np.zeros(len(at), bool),
            "rings": rings,
            "lines": lines,
            "checks": rings ^ lines,
            "blotches": noise > 0.4,
            "print": disc & (noise > 0) & (places.ahead > 0),
            "halves": (places.arm > 0.02) | (places.trunk > 0.75),
        }[self.pattern]
        buttons, pockets, sides, cuffs = self.details > 0.7
        middle = (np.abs(at[:, 0]) < 0.012) & (places.ahead > 0) & (places.trunk > 0)
        second = second ^ (middle & buttons)
        pocket = (np.abs(np.abs(at[:, 0]) - 0.1) < 0.05) & (np.abs(places.leg - 0.02) < 0.09)
        second = second | (pocket & pockets & (places.ahead < 0))
        outside = (np.abs(at[:, 2] - places.joint("left_knee")[2]) < 0.02) & (places.leg > 0)
        second = second | (outside & (np.abs(at[:, 0]) > places.joint("left_knee")[0]) & sides)
        second = second | (((places.arm > 0.9) | (places.leg > 0.93)) & cuffs)
        colour = np.where(second[:, None], self.colours[1], self.colours[0])
        return np.clip(colour * (1 + _FOLDS * noise[:, None]), 0, 1)


def tailored(body: RestBody, weights: np.ndarray, gender: str, rng: np.random.Generator) -> list[Part]:
    """Random clothes of one person, inner layers first.

    Args:
        weights: (19158, 24) skinning weights of hm08. gender: women wear skirts, too.
    """
    cut = _random_trousers(rng)
    skirt = gender == "female" and rng.random() < _SKIRT_SHARE
    top = _Cut(
        sleeve=float(rng.choice((-0.1, 0.25, 0.45, 0.85, 1.0)) + rng.normal(0, 0.04)),
        neckline=(rng.uniform(0.06, 0.12), rng.uniform(0.02, 0.16), rng.uniform(0.0, 0.05)),
        hem=float(rng.uniform(-0.2, 0.25)),
    )
    cloth = _random_cloth(rng)
    same = rng.random() < 0.25
    below = cloth if same else _random_cloth(rng)
    loose = rng.uniform(0.004, 0.02, 2)
    layers = [(cut, below, loose[0]), (top, cloth, loose[1])]
    if cut.bib is not None or rng.random() < 0.25:  # overalls, or a shirt tucked in
        layers = [(top, cloth, loose.min() * 0.6), (cut, below, loose.max() + 0.004)]
    if skirt:
        layers = [(top, cloth, loose[1] * 0.5)]
    parts = [
        _over_skin(body, weights, *layer, rng, f"tailored_{index}") for index, layer in enumerate(layers)
    ]
    return [*parts, _skirt(body, weights, below, rng)] if skirt else parts


def _random_trousers(rng: np.random.Generator) -> _Cut:
    length = float(rng.choice((0.25, 0.45, 0.75, 0.97, 0.99)) + rng.normal(0, 0.03))
    bib = float(rng.uniform(0.45, 0.8)) if rng.random() < 0.15 else None
    return _Cut(waist=float(rng.uniform(0.1, 0.4)), leg=min(length, 1.0), bib=bib)


def _random_cloth(rng: np.random.Generator) -> _Cloth:
    grey = rng.uniform(0.05, 0.95, (2, 1))
    colours = np.clip(grey + rng.normal(0, rng.uniform(0.0, 0.3), (2, 3)), 0.03, 0.97)
    waves = np.concatenate([rng.normal(0, rng.uniform(10, 40), (9, 3)), rng.uniform(0, 6.28, (9, 1))], axis=1)
    return _Cloth(
        colours,
        str(rng.choice(_PATTERNS)),
        pitch=float(rng.uniform(0.02, 0.12)),
        share=float(rng.uniform(0.2, 0.6)),
        waves=waves,
        details=rng.random(4),
    )


def _over_skin(
    body: RestBody,
    weights: np.ndarray,
    cut: _Cut,
    cloth: _Cloth,
    loose: float,
    rng: np.random.Generator,
    name: str,
) -> Part:
    mesh, chosen = base_mesh(), faces_of("body")
    used, faces = np.unique(mesh.faces[chosen], return_inverse=True)
    faces = faces.reshape(-1, 3)
    rest = body.rest[used]
    places = _Places(rest, body.joints)
    worn = cut.worn_at(places)
    near = worn[faces].any(1)  # and the ring of faces around it, in which the texture ends
    near = near | np.isin(faces, faces[near]).any(1)
    flare = rng.uniform(0, 0.03) * np.clip(np.maximum(places.arm, places.leg), 0, 1) ** 2
    drape = rng.uniform(0, 0.015) * np.clip(1 - np.abs(places.trunk - 0.1), 0, 1)
    normals = vertex_normals(torch.from_numpy(rest), torch.from_numpy(faces)).numpy()
    puffed = rest + (loose + flare + drape)[:, None] * normals
    uv_used, faces_uv = np.unique(mesh.faces_uv[chosen][near], return_inverse=True)
    kept, kept_faces = np.unique(faces[near], return_inverse=True)
    return Part(
        name=name,
        kind="outfit",
        rest=puffed[kept],
        weights=weights[used[kept]],
        faces=kept_faces.reshape(-1, 3),
        uv=mesh.uv[uv_used],
        faces_uv=faces_uv.reshape(-1, 3),
        material=Material(_texture(body, cut, cloth), roughness=0.85, cutout=True),
    )


def _texture(body: RestBody, cut: _Cut, cloth: _Cloth) -> np.ndarray:
    """uint8 (S, S, 4): the cloth, and alpha 0 where the garment is not."""
    corners, bary, nearest = _texels()
    at = np.einsum("nk,nkc->nc", bary, body.rest[corners])
    places = _Places(at, body.joints)
    flat = np.concatenate([cloth.painted(places), cut.worn_at(places)[:, None]], axis=1)
    return np.round(255 * flat).astype(np.uint8)[nearest]


@lru_cache(maxsize=1)
def _texels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """hm08's vertices (N, 3) around each texel of the skin, with barycentrics; and which of these each texel (S, S)
    shows, those beside the charts the nearest, so that seams stay closed."""
    mesh, chosen = base_mesh(), faces_of("body")
    corners = 1 - 2 * mesh.uv  # pytorch3d's NDC: +x left, +y up
    points = np.stack([corners[:, 0], -corners[:, 1], np.ones(len(corners))], axis=1).astype(np.float32)
    pix_to_face, _, bary, _ = rasterize_meshes(
        [torch.from_numpy(points)], [torch.from_numpy(mesh.faces_uv[chosen])], (_TEXELS, _TEXELS)
    )
    face = pix_to_face[0, ..., 0].numpy()
    inside = face >= 0
    number = np.full(face.shape, -1)
    number[inside] = np.arange(inside.sum())
    row, column = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return mesh.faces[chosen][face[inside]], bary[0, ..., 0, :].numpy()[inside], number[row, column]


def _skirt(body: RestBody, weights: np.ndarray, cloth: _Cloth, rng: np.random.Generator) -> Part:
    mesh = base_mesh()
    used, faces = np.unique(mesh.faces[faces_of("helper-skirt")], return_inverse=True)
    faces, rest = faces.reshape(-1, 3), body.rest[used].copy()
    down = (rest[:, 1].max() - rest[:, 1]) / np.ptp(rest[:, 1])
    outward = rest * (1, 0, 1) - (0, 0, rest[:, 2].mean())
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    rest += outward * (0.004 + rng.uniform(0, 0.12) * down**1.5)[:, None]
    shown = (down[faces] < rng.uniform(0.3, 0.95)).all(1)
    kept, kept_faces = np.unique(faces[shown], return_inverse=True)
    # around and down; both halves alike, so that no face crosses a seam
    turn = np.abs(np.arctan2(rest[:, 0], rest[:, 2])) / np.pi
    uv = np.stack([0.02 + 0.96 * turn, 0.98 - 0.96 * down], axis=1)[kept]
    place = np.stack(np.meshgrid(np.linspace(0, 1, 256), np.linspace(0, 1, 256)), axis=-1).reshape(-1, 2)
    hip = body.joints[JOINT_NAMES.index("left_hip")]
    at = np.stack([place[:, 0] - 0.5, hip[1] - place[:, 1], np.cos(np.pi * place[:, 0])], axis=1)
    painted = cloth.painted(_Places(at * (0.25, 1, 0.15), body.joints)).reshape(256, 256, 3)
    return Part(
        name="tailored_skirt",
        kind="outfit",
        rest=rest[kept],
        weights=weights[used[kept]],
        faces=kept_faces.reshape(-1, 3),
        uv=uv,
        faces_uv=kept_faces.reshape(-1, 3),
        material=Material(np.round(255 * painted).astype(np.uint8), roughness=0.85),
    )
