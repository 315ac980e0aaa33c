"""What is known about a frame of a synthetic person: which surface each pixel shows, and where it goes next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from neural.training.dressing import Part
from neural.training.people import Person, PosedPerson
from smpl_fitting.body.names import JOINT_NAMES, PART_NAMES, PART_OF_JOINT
from smpl_fitting.geometry import Camera, rasterize_meshes

KINDS = ("skin", "eyes", "lashes", "outfit", "shoes", "hair")
_LAYERS = 10  # sheets of hair that a pixel may look through
_OPAQUE = 0.5


@dataclass(frozen=True)
class Surface:
    """All parts of a person as one mesh.

    ``faces``, ``faces_uv`` (F, 3); ``uv`` (U, 2); ``owner`` (F,) the part's number; ``kind`` (F,) uint8, 1 +
    index into :data:`KINDS`; ``body_part`` (F,) uint8, 1 + index into ``PART_NAMES`` of the joint that moves
    the face most.
    """

    parts: tuple[Part, ...]
    faces: np.ndarray
    faces_uv: np.ndarray
    uv: np.ndarray
    owner: np.ndarray
    kind: np.ndarray
    body_part: np.ndarray


@dataclass(frozen=True)
class FrameTruth:
    """One picture's truth.

    ``face`` (H, W) int64 into the surface, -1 where nobody is; ``bary`` (H, W, 3); ``depth`` (H, W) metres
    along the camera's z, inf outside; ``kind``, ``body_part`` (H, W) uint8, 0 outside.
    """

    face: np.ndarray
    bary: np.ndarray
    depth: np.ndarray
    kind: np.ndarray
    body_part: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool: the person, hair and clothes included."""
        return self.face >= 0


def join_parts(person: Person) -> Surface:
    """The person's parts as one mesh, in the order of ``PosedPerson.parts``."""
    joint_part = np.array([PART_NAMES.index(PART_OF_JOINT[name]) for name in JOINT_NAMES])
    faces, faces_uv, uv, owner, kind, body_part = [], [], [], [], [], []
    vertex_count = uv_count = 0
    for number, part in enumerate(person.parts):
        faces.append(part.faces + vertex_count)
        faces_uv.append(part.faces_uv + uv_count)
        uv.append(part.uv)
        owner.append(np.full(len(part.faces), number))
        kind.append(np.full(len(part.faces), 1 + KINDS.index(part.kind), np.uint8))
        joint = part.weights[part.faces].sum(1).argmax(1)
        body_part.append((1 + joint_part[joint]).astype(np.uint8))
        vertex_count += len(part.rest)
        uv_count += len(part.uv)
    return Surface(
        parts=person.parts,
        faces=np.concatenate(faces),
        faces_uv=np.concatenate(faces_uv),
        uv=np.concatenate(uv),
        owner=np.concatenate(owner),
        kind=np.concatenate(kind),
        body_part=np.concatenate(body_part),
    )


def surface_vertices(posed: PosedPerson, frame: int) -> np.ndarray:
    """(V, 3) float32 vertices of the joined surface in one frame."""
    return np.concatenate([vertices[frame] for vertices in posed.parts])


def see(surface: Surface, vertices: np.ndarray, camera: Camera) -> FrameTruth:
    """What the camera sees of the surface. Texels of hair and lashes less than half opaque are looked through."""
    layers = _LAYERS if any(part.material.cutout for part in surface.parts) else 1
    pix_to_face, zbuf, bary, _ = rasterize_meshes(
        [camera.to_ndc(torch.from_numpy(np.ascontiguousarray(vertices)))],
        [torch.from_numpy(surface.faces)],
        camera.image_size,
        faces_per_pixel=layers,
    )
    faces, depths, weights = (values[0].numpy() for values in (pix_to_face, zbuf, bary))
    face = np.full(camera.image_size, -1)
    depth = np.full(camera.image_size, np.inf, np.float32)
    chosen = np.zeros((*camera.image_size, 3), np.float32)
    for layer in range(layers):
        open_pixels = (face < 0) & (faces[..., layer] >= 0)
        rows, columns = np.nonzero(open_pixels)
        opacity = sample(surface, faces[rows, columns, layer], weights[rows, columns, layer])[:, 3]
        keep = opacity >= _OPAQUE
        rows, columns = rows[keep], columns[keep]
        face[rows, columns] = faces[rows, columns, layer]
        depth[rows, columns] = depths[rows, columns, layer]
        chosen[rows, columns] = weights[rows, columns, layer]
    seen = face >= 0
    return FrameTruth(
        face=face,
        bary=chosen,
        depth=depth,
        kind=np.where(seen, surface.kind[face], 0).astype(np.uint8),
        body_part=np.where(seen, surface.body_part[face], 0).astype(np.uint8),
    )


def sample(surface: Surface, face: np.ndarray, bary: np.ndarray) -> np.ndarray:
    """(N, 4) float32 sRGB colour and opacity in [0, 1] of surface points, bilinear.

    Args:
        face: (N,), bary: (N, 3).
    """
    colors = np.ones((len(face), 4), np.float32)
    at = np.einsum("nk,nkc->nc", bary, surface.uv[surface.faces_uv[face]])
    owner = surface.owner[face]
    for number in np.unique(owner):
        mine = owner == number
        material = surface.parts[number].material
        if material.texture is None:
            colors[mine, :3] = material.color
            continue
        texels = _bilinear(material.texture, at[mine])
        colors[mine, :3] = texels[:, :3]
        if material.cutout:
            colors[mine, 3] = texels[:, 3]
    return colors


def flow_to(
    truth: FrameTruth, surface: Surface, next_vertices: np.ndarray, next_camera: Camera
) -> np.ndarray:
    """(H, W, 2) float32 pixels: where each seen point moves in the next frame, x right, y down; NaN outside.

    The target may be hidden there: compare its depth with the next frame's.
    """
    rows, columns = np.nonzero(truth.mask)
    corners = next_vertices[surface.faces[truth.face[rows, columns]]]
    points = np.einsum("nk,nkc->nc", truth.bary[rows, columns], corners)
    pixels, _ = next_camera.project(torch.from_numpy(points.astype(np.float32)))
    flow = np.full((*truth.face.shape, 2), np.nan, np.float32)
    flow[rows, columns] = pixels.numpy() - np.stack((columns + 0.5, rows + 0.5), axis=1)
    return flow


def _bilinear(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N, C) in [0, 1] of a uint8 (H, W, C) texture at uv (N, 2), v up, repeated beyond its edges."""
    height, width = texture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - column)[:, None], (y - row)[:, None]
    left, right = column % width, (column + 1) % width
    top, bottom = row % height, (row + 1) % height
    upper = texture[top, left] * (1 - fx) + texture[top, right] * fx
    lower = texture[bottom, left] * (1 - fx) + texture[bottom, right] * fx
    return ((upper * (1 - fy) + lower * fy) / 255.0).astype(np.float32)
