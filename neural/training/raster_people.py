"""A fast drawing of a synthetic person by our own rasterizer: textures, one lamp, the sky, a soft shadow."""

from __future__ import annotations

import numpy as np
import torch

from neural.training.studio import Studio
from neural.training.truth import FrameTruth, Surface, sample, see
from smpl_fitting.geometry import Camera, vertex_normals

_SUPERSAMPLING = 2
_SHADOW = 0.45


def draw_with_rasterizer(
    surface: Surface, vertices: np.ndarray, camera: Camera, studio: Studio | None, light: Studio | None = None
) -> np.ndarray:
    """uint8 (H, W, 3) of the person in the studio, or (H, W, 4) with straight alpha where ``studio`` is None.

    Args:
        vertices: (V, 3) float32 of the joined surface, Z-up world.
        light: whose lights to use where they are not the studio's own.
    """
    height, width = camera.image_size
    fine = camera.resized((height * _SUPERSAMPLING, width * _SUPERSAMPLING))
    light = light or studio or Studio()
    truth = see(surface, vertices, fine)
    linear = np.zeros((*fine.image_size, 4))
    seen = truth.mask
    linear[seen] = np.concatenate(
        (_shade(surface, vertices, truth, fine, light), np.ones((seen.sum(), 1))), axis=1
    )
    if studio is not None:
        linear[~seen, :3] = _room(vertices, fine, studio)[~seen]
    blocks = linear.reshape(height, _SUPERSAMPLING, width, _SUPERSAMPLING, 4).mean((1, 3))
    if studio is not None:
        return _to_bytes(_encode(blocks[..., :3]))
    alpha = blocks[..., 3:]
    straight = blocks[..., :3] / np.maximum(alpha, 1e-6)
    return _to_bytes(np.concatenate((_encode(straight), alpha), axis=-1))


def draw_room(vertices: np.ndarray, camera: Camera, studio: Studio) -> np.ndarray:
    """uint8 (H, W, 3) of the studio alone, with the shadow of a person of these vertices (V, 3)."""
    return _to_bytes(_encode(_room(vertices, camera, studio)))


def _shade(
    surface: Surface, vertices: np.ndarray, truth: FrameTruth, camera: Camera, light: Studio
) -> np.ndarray:
    """(N, 3) scene-linear colours of the seen pixels, Lambert's law with two-sided surfaces."""
    seen = truth.mask
    face, bary = truth.face[seen], truth.bary[seen]
    corner_normals = vertex_normals(torch.from_numpy(vertices), torch.from_numpy(surface.faces)).numpy()
    normals = np.einsum("nk,nkc->nc", bary, corner_normals[surface.faces[face]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    points = np.einsum("nk,nkc->nc", bary, vertices[surface.faces[face]])
    to_eye = camera.centre.numpy() - points
    normals *= np.where(np.einsum("nc,nc->n", normals, to_eye) < 0, -1.0, 1.0)[:, None]
    albedo = _decode(sample(surface, face, bary)[:, :3])
    return albedo * _light_on(normals, light)


def _light_on(normals: np.ndarray, light: Studio) -> np.ndarray:
    """(N, 1) light received: the sky above more than the floor below, and the lamp."""
    azimuth, elevation = np.deg2rad(light.key_azimuth), np.deg2rad(light.key_elevation)
    lamp = np.array(
        (
            np.cos(elevation) * np.sin(azimuth),
            -np.cos(elevation) * np.cos(azimuth),
            np.sin(elevation),
        )
    )
    sky = light.sky * (0.75 + 0.25 * normals[:, 2:])
    return sky + light.key_watts / 200.0 * np.clip(normals @ lamp, 0.0, None)[:, None]


def _room(vertices: np.ndarray, camera: Camera, studio: Studio) -> np.ndarray:
    """(H, W, 3) scene-linear floor and wall, with a soft shadow around the feet."""
    height, width = camera.image_size
    rows, columns = np.mgrid[:height, :width] + 0.5
    K, R = camera.K.double().numpy(), camera.R.double().numpy()
    eye = camera.centre.double().numpy()
    rays = np.stack((columns, rows, np.ones_like(rows)), axis=-1) @ np.linalg.inv(K).T @ R
    with np.errstate(divide="ignore"):
        to_floor = np.where(rays[..., 2] < 0, -eye[2] / rays[..., 2], np.inf)
        to_wall = np.where(rays[..., 1] > 0, (studio.wall_distance - eye[1]) / rays[..., 1], np.inf)
    on_floor = to_floor < to_wall
    reach = np.minimum(np.minimum(to_floor, to_wall), 50.0)
    points = eye + rays * reach[..., None]
    wall = _decode(np.array(studio.wall)) * _light_on(np.array([[0.0, -1.0, 0.0]]), studio)[0]
    floor = _decode(np.array(studio.floor)) * _light_on(np.array([[0.0, 0.0, 1.0]]), studio)[0]
    low = vertices[vertices[:, 2] < vertices[:, 2].min() + 0.25, :2]
    distance = np.linalg.norm(points[..., :2] - low.mean(0), axis=-1) / (0.15 + np.ptp(low, axis=0).max() / 2)
    shadow = 1.0 - _SHADOW * np.exp(-(distance**2))
    boards = np.where(np.floor(points[..., 1] / 0.16) % 2 > 0, 0.85, 1.1) if studio.planks else 1.0
    return np.where(on_floor[..., None], floor * (shadow * boards)[..., None], wall)


def _decode(color: np.ndarray) -> np.ndarray:
    """sRGB to scene-linear (IEC 61966-2-1)."""
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def _encode(color: np.ndarray) -> np.ndarray:
    """Scene-linear to sRGB, clipped to [0, 1]."""
    color = np.clip(color, 0.0, 1.0)
    return np.where(color <= 0.0031308, color * 12.92, 1.055 * color ** (1 / 2.4) - 0.055)


def _to_bytes(color: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(color, 0, 1)).astype(np.uint8)
