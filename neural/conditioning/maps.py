"""What one frame of a body looks like to a diffusion animator, in the conventions of Champ and DensePose.

Champ (Zhu et al. 2024) reads 8-bit RGB sequences in the folders ``depth``, ``normal``, ``semantic_map``, ``dwpose``
and ``mask``, each 0000.png and on, black where nobody is.
"""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import Camera, Fragments, interpolate, rasterize, vertex_normals

FARTHEST_LEVEL = 51
"""Gray level of the clip's farthest depth; nobody is 0, so that the body's far side is told from it."""
_LEVELS_PER_JOINT = 10
"""Champ colours SMPL's joint j as entry 10 j of viridis."""


@dataclass(frozen=True)
class Mesh:
    """What of a body model the maps need.

    Attributes:
        faces: (F, 3). uv: (U, 2) in [0, 1], v up. faces_uv: (F, 3) into uv.
        part_labels: (F,) uint8. joint_of_vertex: (V,) the joint that moves each vertex most, SMPL's 24.
    """

    faces: Tensor
    uv: Tensor
    faces_uv: Tensor
    part_labels: Tensor
    joint_of_vertex: Tensor

    @staticmethod
    def of(body: BodyModel) -> Mesh:
        """That of a body model. Joints beyond SMPL's 22 count as the wrists' hands, as in SMPL."""
        joint = body.weights.argmax(1)
        hands = {
            index: 22 + name.startswith("right") for index, name in enumerate(body.joint_names) if index >= 22
        }
        for index, hand in hands.items():
            joint = torch.where(joint == index, torch.tensor(hand), joint)
        return Mesh(body.faces, body.uv, body.faces_uv, body.part_labels, joint)


@dataclass(frozen=True)
class FrameMaps:
    """One frame, (H, W, …) uint8.

    Attributes:
        depth: (H, W, 3) gray: 255 at the clip's nearest depth, falling linearly to 51 at its farthest; 0 nobody.
        normal: (H, W, 3) camera space, x right, y up, z towards the viewer, as 127.5 (n + 1); 0 nobody.
        semantic_map: (H, W, 3) Champ's colours of SMPL's joints; 0 nobody.
        mask: (H, W, 3) 255 where the body is.
        iuv: (H, W, 3) as DensePose's files: red v, green u, blue the part's number from 1; parts and charts are ours.
        parts: (H, W) the part's number from 1; 0 nobody.
    """

    depth: np.ndarray
    normal: np.ndarray
    semantic_map: np.ndarray
    mask: np.ndarray
    iuv: np.ndarray
    parts: np.ndarray


def draw_maps(
    mesh: Mesh, vertices: Tensor, camera: Camera, depth_range: tuple[float, float]
) -> tuple[FrameMaps, Fragments]:
    """Draw one frame.

    Args:
        vertices: (V, 3) world metres. depth_range: nearest and farthest depth of the clip, metres.

    Returns:
        the maps, and the rasterized body.
    """
    seen = rasterize(vertices, mesh.faces, camera)
    face = seen.pix_to_face[seen.mask]
    parts = torch.zeros(seen.mask.shape, dtype=torch.uint8)
    parts[seen.mask] = mesh.part_labels[face] + 1
    uv = interpolate(seen, mesh.faces_uv, mesh.uv)
    nearest_corner = mesh.faces[face].gather(1, seen.bary[seen.mask].argmax(1, keepdim=True))[:, 0]
    semantic = np.zeros((*seen.mask.shape, 3), np.uint8)
    semantic[seen.mask.numpy()] = joint_colours()[mesh.joint_of_vertex[nearest_corner].numpy()]
    iuv = torch.stack([uv[..., 1] * 255, uv[..., 0] * 255, parts.float()], dim=-1)
    maps = FrameMaps(
        depth=_gray(_depth_levels(seen.depth, depth_range)),
        normal=_normals(seen, mesh.faces, vertices, camera),
        semantic_map=semantic,
        mask=_gray(seen.mask.byte() * 255),
        iuv=iuv.round().to(torch.uint8).numpy(),
        parts=parts.numpy(),
    )
    return maps, seen


def joint_colours() -> np.ndarray:
    """(24, 3) uint8 of SMPL's joints in ``semantic_map``: entries 0, 10, … 230 of viridis."""
    table = np.rint(255 * np.array(matplotlib.colormaps["viridis"].colors)).astype(np.uint8)  # type: ignore[attr-defined]
    return table[_LEVELS_PER_JOINT * np.arange(24)]


def depth_of_level(level: np.ndarray, depth_range: tuple[float, float]) -> np.ndarray:
    """Metres of gray levels of ``depth``; infinite where they are 0."""
    near, far = depth_range
    share = (255.0 - level) / (255.0 - FARTHEST_LEVEL)
    return np.where(level > 0, near + share * (far - near), np.inf)


def _depth_levels(depth: Tensor, depth_range: tuple[float, float]) -> Tensor:
    near, far = depth_range
    share = ((depth - near) / max(far - near, 1e-6)).clamp(0, 1)
    levels = 255 - share * (255 - FARTHEST_LEVEL)
    return torch.where(depth.isinf(), 0.0, levels).round().to(torch.uint8)


def _normals(seen: Fragments, faces: Tensor, vertices: Tensor, camera: Camera) -> np.ndarray:
    turned = vertex_normals(vertices, faces) @ camera.R.T * camera.R.new_tensor([1.0, -1.0, -1.0])
    normals = torch.nn.functional.normalize(interpolate(seen, faces, turned), dim=-1)
    levels = torch.where(seen.mask[..., None], (normals + 1) * 127.5, 0.0)
    return levels.round().to(torch.uint8).numpy()


def _gray(levels: Tensor) -> np.ndarray:
    return levels[..., None].expand(*levels.shape, 3).contiguous().numpy()
