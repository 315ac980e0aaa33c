"""Eyes, lashes and brows, which MakeHuman's skins leave to separate assets: made here from hm08's helpers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from neural.training.hm08 import base_mesh, faces_of
from smpl_fitting.geometry import rasterize_meshes

_EYE_TEXELS = 256
_LASH_TEXELS = (64, 512)
# hm08's unit is the decimetre. A brow as (height above the pupil, half thickness) from the nose outwards.
_BROW_SPAN = (0.12, 0.55)
_BROW_HEIGHT = (0.150, 0.175, 0.198, 0.205, 0.160)
_BROW_HALF = (0.042, 0.042, 0.036, 0.027, 0.012)


def eye_texture(iris: tuple[float, float, float], seed: int = 0) -> np.ndarray:
    """uint8 (256, 256, 3): an eyeball by the angle from its axis: 180 degrees at half the width."""
    step = (np.arange(_EYE_TEXELS) + 0.5) / _EYE_TEXELS - 0.5
    angle = np.hypot(step[None], step[:, None]) * 360.0
    turn = np.arctan2(step[:, None], step[None])
    rng = np.random.default_rng(seed)
    rays = sum(rng.uniform(0.3, 1.0) * np.cos(k * turn + rng.uniform(0, 6.28)) for k in (7, 13, 22, 31))
    white = np.array([0.86, 0.83, 0.81]) - 0.10 * np.clip((angle - 40) / 50, 0, 1)[..., None] * (0, 1, 1)
    shade = 0.75 + 0.35 * np.clip((angle - 10) / 12, 0, 1) + 0.06 * rays
    colored = np.array(iris) * shade[..., None]
    edge = np.clip((angle - 20.0) / 3.0, 0, 1)[..., None]
    colored = colored * (1 - 0.6 * np.clip((angle - 17) / 5, 0, 1)[..., None])
    ball = colored * (1 - edge) + white * edge
    pupil = np.clip((angle - 8.0) / 2.0, 0, 1)[..., None]
    return np.round(255 * np.clip(ball * pupil + 0.01 * (1 - pupil), 0, 1)).astype(np.uint8)


def eye_uv() -> np.ndarray:
    """(U, 2) texture coordinates for hm08's ``faces_uv`` on the eyeballs, to go with :func:`eye_texture`."""
    mesh = base_mesh()
    uv = np.zeros((len(mesh.uv), 2))
    for side in "lr":
        corners, ball = _around_eye(side, faces_of(f"helper-{side}-eye"))
        angle = np.arctan2(np.hypot(ball[:, 0], ball[:, 1]), ball[:, 2]) / np.pi
        turn = np.arctan2(ball[:, 1], ball[:, 0])
        uv[corners] = 0.5 + 0.5 * angle[:, None] * np.stack((np.cos(turn), np.sin(turn)), axis=1)
    return uv


def lash_texture(strength: float, seed: int = 0) -> np.ndarray:
    """uint8 (64, 512, 4): dark hairs that thin out from the lid (bottom row) to the tips (top row)."""
    height, width = _LASH_TEXELS
    rng = np.random.default_rng(seed)
    length = np.repeat(rng.uniform(0.25, 1.0, width // 4), 4)
    rise = 1.0 - (np.arange(height) + 0.5) / height
    alpha = np.clip((length[None] - rise[:, None]) / 0.25, 0, 1) * strength
    picture = np.zeros((height, width, 4), np.uint8)
    picture[..., :3] = (30, 22, 18)
    picture[..., 3] = np.round(255 * alpha)
    return picture


def lash_uv() -> np.ndarray:
    """(U, 2) texture coordinates for hm08's ``faces_uv`` on the lashes: u round the eye, v from lid to tip.

    The lower lashes start half way up, where the hairs are fewer.
    """
    mesh = base_mesh()
    uv = np.zeros((len(mesh.uv), 2))
    for side in "lr":
        for row, foot in ((1, 0.5), (2, 0.0)):
            corners, offset = _around_eye(side, faces_of(f"helper-{side}-eyelashes-{row}"))
            reach = np.linalg.norm(offset, axis=1)
            rise = (reach - reach.min()) / np.ptp(reach)
            turn = (offset[:, 0] - offset[:, 0].min()) / np.ptp(offset[:, 0])
            uv[corners] = np.stack((0.02 + 0.96 * turn, foot + (0.98 - foot) * rise), axis=1)
    return uv


def paint_brows(skin_texture: np.ndarray, color: tuple[float, float, float], strength: float) -> np.ndarray:
    """A skin uint8 (H, W, 3) with brows of an sRGB colour drawn on.

    Args:
        strength: the densest hair's opacity, in [0, 1].
    """
    cover = _brow_cover(skin_texture.shape[0], skin_texture.shape[1])[..., None] * strength
    return np.round(skin_texture * (1 - cover) + 255 * np.array(color) * cover).astype(np.uint8)


@lru_cache(maxsize=2)
def _brow_cover(height: int, width: int) -> np.ndarray:
    """(H, W) in [0, 1]: how much of the skin's texture the brows' hairs cover."""
    place, known = _places_of_texels(height, width)
    eye = base_mesh().vertices[np.unique(base_mesh().faces[faces_of("helper-l-eye")])].mean(0)
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
    along = (x - _BROW_SPAN[0]) / (_BROW_SPAN[1] - _BROW_SPAN[0])
    stations = np.linspace(0, 1, len(_BROW_HEIGHT))
    centre = eye[1] + np.interp(along, stations, _BROW_HEIGHT)
    half = np.interp(along, stations, _BROW_HALF)
    across = (y - centre) / half
    ends = np.clip(along / 0.12, 0, 1) * np.clip((1 - along) / 0.15, 0, 1)
    cover = np.clip(1.3 * (1 - np.abs(across)), 0, 1) * ends
    return np.where(known & (z > 0.8), cover, 0.0)


def _places_of_texels(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) where on hm08's template each texel of a skin lies, and (H, W) whether it lies anywhere."""
    mesh = base_mesh()
    chosen = faces_of("body")
    side = min(height, width)
    ndc = np.stack(
        (
            (1 - 2 * mesh.uv[:, 0]) * width / side,
            (2 * mesh.uv[:, 1] - 1) * height / side,
            np.ones(len(mesh.uv)),
        ),
        axis=1,
    )
    pix_to_face, _, bary, _ = rasterize_meshes(
        [torch.from_numpy(ndc).float()], [torch.from_numpy(mesh.faces_uv[chosen])], (height, width)
    )
    face = pix_to_face[0, ..., 0].numpy()
    corners = mesh.vertices[mesh.faces[chosen][face]]
    return np.einsum("hwk,hwkc->hwc", bary[0, ..., 0, :].numpy(), corners), face >= 0


def _around_eye(side: str, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texture corners of the chosen faces, and where they lie seen from the eyeball's centre (n, 3)."""
    mesh = base_mesh()
    centre = mesh.vertices[np.unique(mesh.faces[faces_of(f"helper-{side}-eye")])].mean(0)
    return mesh.faces_uv[chosen].ravel(), mesh.vertices[mesh.faces[chosen].ravel()] - centre
