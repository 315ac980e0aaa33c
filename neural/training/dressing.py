"""What a person is made of when seen: skin, eyes, lashes, clothes, shoes, hair, each with its material."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from neural.training.face_details import eye_texture, eye_uv, lash_texture, lash_uv
from neural.training.hm08 import RestBody, base_mesh, faces_of, skin
from neural.training.wardrobe import HM08_VERTICES, Garment, hidden_faces
from smpl_fitting.video import read_image

_SKIN_GAP = 0.004
_LAYER_REACH = 0.03


@dataclass(frozen=True)
class Material:
    """``texture`` uint8 (H, W, 3|4) sRGB, straight alpha, or None for plain ``color`` (sRGB in [0, 1]);
    ``cutout``: the texture's alpha shapes the surface (hair, lashes)."""

    texture: np.ndarray | None
    color: tuple[float, float, float] = (0.5, 0.5, 0.5)
    roughness: float = 0.6
    subsurface: float = 0.0
    cutout: bool = False
    normal_map: np.ndarray | None = None


@dataclass(frozen=True)
class Part:
    """One mesh of a dressed person. ``rest`` (V, 3) in SMPL's rest pose, ``weights`` (V, 24),
    ``faces`` (F, 3), ``uv`` (U, 2) v up, ``faces_uv`` (F, 3). Indices are int64."""

    name: str
    kind: str  # skin | eyes | lashes | outfit | shoes | hair
    rest: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    faces_uv: np.ndarray
    material: Material


def dress(
    body: RestBody,
    weights: np.ndarray,
    garments: dict[str, Garment],
    skin_texture: np.ndarray,
    iris: tuple[float, float, float],
    fabric: tuple[float, float, float],
    hair_tint: tuple[float, float, float],
    lashes: float,
) -> tuple[Part, ...]:
    """All parts of a person, each brought from the A-pose, where clothes fit, to the rest pose.

    Args:
        weights: (19158, 24) skinning weights of hm08.
        garments: by kind: ``outfit``, ``shoes``, ``hair``; any may be left out.
        iris, fabric: sRGB colours of the eyes, and of garments whose texture the wardrobe has lost.
        hair_tint: multiplies the hair's texture.
        lashes: how dense the lashes are, in [0, 1].
    """
    fitted = {kind: garment.fit(body.a_pose) for kind, garment in garments.items()}
    if "outfit" in fitted and "shoes" in fitted:  # socks go below trousers
        faces = garments["shoes"].mesh.faces
        fitted["shoes"] = tuck(fitted["shoes"], faces, fitted["outfit"], garments["outfit"].mesh.faces)
    parts = []
    for kind, garment in garments.items():
        material = _material(kind, garment, fabric, hair_tint)
        carried, mesh = garment.carry(weights), garment.mesh
        rest = skin(fitted[kind], carried, body.transforms)
        parts.append(Part(garment.name, kind, rest, carried, mesh.faces, mesh.uv, mesh.faces_uv, material))
    parts.append(_skin_part(body, weights, garments, fitted, skin_texture))
    parts.append(_eyes_part(body, weights, iris))
    parts.append(_lashes_part(body, weights, lashes))
    return tuple(parts)


def tuck(
    inner: np.ndarray, inner_faces: np.ndarray, outer: np.ndarray, outer_faces: np.ndarray
) -> np.ndarray:
    """Push vertices of an inner layer below the outer layer where they poke through or nearly touch.

    A vertex moves when the nearest point of the outer surface lies within 3 cm, faces the same way, and
    leaves less than 4 mm of room below it.

    Args:
        inner (V, 3), inner_faces (F, 3), outer (W, 3), outer_faces (G, 3): metres, both unposed.
    """
    points, normals = _surface_samples(outer, outer_faces)
    distance, near = cKDTree(points).query(inner, distance_upper_bound=_LAYER_REACH)
    found = np.isfinite(distance)
    near = np.where(found, near, 0)
    own = _vertex_normals(inner, inner_faces)
    height = np.einsum("vc,vc->v", inner - points[near], normals[near])
    sideways = np.linalg.norm(inner - points[near] - height[:, None] * normals[near], axis=1)
    facing = np.einsum("vc,vc->v", own, normals[near]) > 0.3
    pushed = found & facing & (height > -_SKIN_GAP) & (sideways < 0.008)
    depth = np.where(pushed, height + _SKIN_GAP, 0.0)
    return inner - depth[:, None] * normals[near]


def tinted(texture: np.ndarray, tint: tuple[float, float, float]) -> np.ndarray:
    """A texture uint8 (H, W, 3|4) with its colours multiplied by ``tint``; alpha stays."""
    colors = np.clip(texture[..., :3] * np.array(tint), 0, 255).astype(np.uint8)
    return np.concatenate((colors, texture[..., 3:]), axis=-1)


def _material(
    kind: str, garment: Garment, fabric: tuple[float, float, float], hair_tint: tuple[float, float, float]
) -> Material:
    texture = _read(garment.texture)
    if kind == "hair" and texture is not None:
        texture = tinted(texture, hair_tint)
    return Material(
        texture=texture,
        color=fabric,
        roughness={"hair": 0.75, "shoes": 0.55, "outfit": 0.85}[kind],
        cutout=kind == "hair" and texture is not None,
        normal_map=_read(garment.normal_map),
    )


def _skin_part(
    body: RestBody,
    weights: np.ndarray,
    garments: dict[str, Garment],
    fitted: dict[str, np.ndarray],
    texture: np.ndarray,
) -> Part:
    mesh = base_mesh()
    hides = [garment.hides for garment in garments.values()]
    chosen = faces_of("body")
    if hides:
        chosen &= ~hidden_faces(mesh.faces, np.concatenate(hides), HM08_VERTICES)
    vertices = body.a_pose
    for kind in ("shoes", "outfit"):
        if kind in fitted:
            vertices = tuck(vertices, mesh.faces[chosen], fitted[kind], garments[kind].mesh.faces)
    material = Material(texture=texture, roughness=0.5, subsurface=0.12)
    return _helper_part("skin", replace(body, a_pose=vertices), weights, chosen, mesh.uv, material)


def _eyes_part(body: RestBody, weights: np.ndarray, iris: tuple[float, float, float]) -> Part:
    chosen = faces_of("helper-l-eye") | faces_of("helper-r-eye")
    material = Material(texture=eye_texture(iris), roughness=0.08)
    return _helper_part("eyes", body, weights, chosen, eye_uv(), material)


def _lashes_part(body: RestBody, weights: np.ndarray, strength: float) -> Part:
    groups = [f"helper-{side}-eyelashes-{row}" for side in "lr" for row in (1, 2)]
    chosen = np.any([faces_of(group) for group in groups], axis=0)
    material = Material(texture=lash_texture(strength), roughness=0.9, cutout=True)
    return _helper_part("lashes", body, weights, chosen, lash_uv(), material)


def _helper_part(
    kind: str, body: RestBody, weights: np.ndarray, chosen: np.ndarray, uv: np.ndarray, material: Material
) -> Part:
    """The chosen faces (F,) of hm08 as a part, without the vertices they leave unused."""
    mesh = base_mesh()
    used, faces = np.unique(mesh.faces[chosen], return_inverse=True)
    used_uv, faces_uv = np.unique(mesh.faces_uv[chosen], return_inverse=True)
    rest = skin(body.a_pose[used], weights[used], body.transforms)
    return Part(
        name=kind,
        kind=kind,
        rest=rest,
        weights=weights[used],
        faces=faces.reshape(-1, 3),
        uv=uv[used_uv],
        faces_uv=faces_uv.reshape(-1, 3),
        material=material,
    )


def _surface_samples(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (S, 3) on every face, about 5 mm apart on clothes, and their smooth normals (S, 3)."""
    normals = _vertex_normals(vertices, faces)
    steps = 4
    corners = [(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]
    bary = np.array(corners) / steps
    points = np.einsum("sk,fkc->fsc", bary, vertices[faces]).reshape(-1, 3)
    smooth = np.einsum("sk,fkc->fsc", bary, normals[faces]).reshape(-1, 3)
    return points, smooth / np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    edges = vertices[faces[:, 1:]] - vertices[faces[:, :1]]
    area = np.cross(edges[:, 0], edges[:, 1])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], area)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _read(path: Path | None) -> np.ndarray | None:
    return None if path is None else read_image(path)
