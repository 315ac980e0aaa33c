"""A painted body whose look is known everywhere: the truth for everything that carries pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neural.light import Light
from neural.source_view import SourceView
from neural.subject import body_surface
from neural.surface import refine
from smpl_fitting.body import BodyModel
from smpl_fitting.colour import linear_to_srgb, srgb_to_linear
from smpl_fitting.geometry import Camera, interpolate, matrix_to_axis_angle, rasterize, vertex_normals
from smpl_fitting.motion import Motion
from smpl_fitting.world import LEVEL_CAMERA

BODY_UPRIGHT = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # Y-up to Z-up, facing -Y
BACKDROP = (0.8, 0.8, 0.85)
SIZE = (480, 320)


def body_pose(yaw: float = 0.0, arms: float = 0.9) -> Tensor:
    """(1, 72) standing upright in the Z-up world, turned by ``yaw`` degrees, arms lowered by ``arms`` radians."""
    pose = torch.zeros(1, 72)
    c, s = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    turn = torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    pose[0, :3] = matrix_to_axis_angle((turn @ BODY_UPRIGHT)[None])[0]
    pose[0, 16 * 3 + 2], pose[0, 17 * 3 + 2] = -arms, arms
    return pose


def level_camera(size: tuple[int, int] = SIZE, distance: float = 4.0, focal: float = 1.9) -> Camera:
    """In front of the origin; ``focal`` in picture heights."""
    height, width = size
    K = torch.tensor([[focal * height, 0, width / 2], [0, focal * height, height / 2], [0, 0, 1.0]])
    R = LEVEL_CAMERA.T
    return Camera(K, R, -R @ torch.tensor([0.0, -distance, 0.0]), size)


def checks(rest: Tensor, part: Tensor) -> Tensor:
    """(V, 3): a colour for each part, in checks of 6 cm."""
    base = torch.tensor(np.random.default_rng(3).uniform(0.25, 0.9, (14, 3)), dtype=torch.float32)
    return base[part] * (0.6 + 0.4 * (torch.floor(rest / 0.06).sum(-1) % 2))[:, None]


def lit(colour: Tensor, normals: Tensor, light: Tensor | None) -> Tensor:
    """Colours (N, 3) in a light, exposed so that even the brightest places stay within the range."""
    if light is None:
        return colour
    exposure = 1 / (1 + float(light[:3].norm()) + abs(float(light[3])))
    linear = srgb_to_linear(colour.numpy()) * exposure * Light.of_photo(light).irradiance(normals).numpy()
    return torch.from_numpy(linear_to_srgb(linear)).float()


@dataclass(frozen=True)
class Painted:
    """A body with a colour at every point, and pictures of it taken by our rasterizer at twice the size.

    ``light``: (4,) that falls on it in the world, as :func:`neural.light.estimate_light` tells it; None: colours are
    shown as they are.
    """

    body: BodyModel
    paint: Callable[[Tensor, Tensor], Tensor]
    light: Tensor | None = None

    def __post_init__(self) -> None:
        fine = refine(body_surface(self.body, torch.zeros(self.body.num_betas)), 200_000)
        part = torch.zeros(len(fine.surface.rest), dtype=torch.int64)
        part[fine.surface.faces.reshape(-1)] = fine.surface.part_labels.long().repeat_interleave(3)
        object.__setattr__(self, "fine", fine)
        object.__setattr__(self, "colour", self.paint(fine.surface.rest, part))

    def vertices(self, pose: Tensor) -> Tensor:
        return self.body(torch.zeros(self.body.num_betas), pose, torch.zeros(1, 3)).vertices[0]

    def picture(self, pose: Tensor, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 over the backdrop, and the coverage (H, W)."""
        height, width = camera.image_size
        double = camera.resized((2 * height, 2 * width))
        vertices = self.fine.lift(self.vertices(pose))
        fragments = rasterize(vertices, self.fine.surface.faces, double)
        colour = lit(self.colour, vertex_normals(vertices, self.fine.surface.faces), self.light)
        rgba = torch.cat([colour, torch.ones(len(colour), 1)], dim=1)
        image = interpolate(fragments, self.fine.surface.faces, rgba).permute(2, 0, 1)[None]
        image = torch.nn.functional.avg_pool2d(image, 2)[0].permute(1, 2, 0)
        alpha = image[..., 3:]
        over = image[..., :3] + (1 - alpha) * torch.tensor(BACKDROP)
        return (over * 255).round().to(torch.uint8).numpy(), alpha[..., 0].numpy()

    def view(self, pose: Tensor, camera: Camera | None = None) -> SourceView:
        camera = camera or level_camera()
        image, mask = self.picture(pose, camera)
        motion = Motion(
            poses=pose.numpy(),
            trans=np.zeros((1, 3), np.float32),
            betas=np.zeros(self.body.num_betas, np.float32),
            fps=30.0,
            camera_K=camera.K[None].numpy(),
            camera_R=camera.R[None].numpy(),
            camera_t=camera.t[None].numpy(),
            image_size=camera.image_size,
        )
        return SourceView(image, mask, self.vertices(pose), camera, motion)
