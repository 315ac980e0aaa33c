"""The pinhole camera of files and of the whole package: OpenCV's, x right, y down, z forward."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

# Keeps the division by depth finite for points in the camera's own plane (metres).
_SMALLEST_DEPTH = 1e-8


def project_points(points: Tensor, K: Tensor, R: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Project points through one camera or a batch of them; differentiable in every argument.

    Args:
        points: ``(*, N, 3)`` world coordinates in metres.
        K: ``(*, 3, 3)`` intrinsics in pixels; the leading shapes of all arguments broadcast.
        R, t: ``(*, 3, 3)`` and ``(*, 3)`` with ``x_cam = R x + t``.

    Returns:
        pixels ``(*, N, 2)`` as x (right), y (down) with pixel centres at .5, and depth ``(*, N)`` in metres
        along the camera's z. Pixels are meaningless where the depth is not positive.

    Raises:
        ValueError: a shape does not fit.
    """
    _require_shape(points, (3,), "points")
    _require_shape(K, (3, 3), "K")
    _require_shape(R, (3, 3), "R")
    _require_shape(t, (3,), "t")
    in_camera = points @ R.transpose(-1, -2) + t[..., None, :]
    depth = in_camera[..., 2]
    safe = torch.where(depth.abs() < _SMALLEST_DEPTH, torch.full_like(depth, _SMALLEST_DEPTH), depth)
    pixels = (in_camera / safe[..., None]) @ K[..., :2, :].transpose(-1, -2)
    return pixels, depth


@dataclass(frozen=True)
class Camera:
    """One pinhole camera without distortion.

    Attributes:
        K: ``(3, 3)`` float32 intrinsics in pixels, pixel centres at .5: pixel (row i, column j) covers
            x in [j, j+1], y in [i, i+1], and the middle of a picture is at (width / 2, height / 2).
        R, t: ``(3, 3)`` and ``(3,)`` float32 with ``x_cam = R x + t``, metres.
        image_size: (height, width) in pixels.

    Raises:
        ValueError: a shape or size is wrong.
    """

    K: Tensor
    R: Tensor
    t: Tensor
    image_size: tuple[int, int]

    def __post_init__(self) -> None:
        for name, shape in (("K", (3, 3)), ("R", (3, 3)), ("t", (3,))):
            value = torch.as_tensor(getattr(self, name), dtype=torch.float32)
            if value.shape != shape:
                raise ValueError(f"Camera.{name} must have the shape {shape}, got {tuple(value.shape)}")
            object.__setattr__(self, name, value)
        height, width = (int(n) for n in self.image_size)
        if height < 1 or width < 1:
            raise ValueError(
                f"Camera.image_size must be (height, width) of at least 1, got {self.image_size}"
            )
        object.__setattr__(self, "image_size", (height, width))

    @property
    def centre(self) -> Tensor:
        """``(3,)`` position of the camera in the world, metres."""
        return -self.R.T @ self.t

    def to(self, device: torch.device | str) -> Camera:
        """The same camera with its tensors on ``device``."""
        return replace(self, K=self.K.to(device), R=self.R.to(device), t=self.t.to(device))

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels ``(*, 2)`` and depth ``(*)`` in metres of world points ``(*, 3)``.

        See :func:`project_points`, which also takes batches of cameras.
        """
        _require_shape(points, (3,), "points")
        pixels, depth = project_points(points.reshape(-1, 3), self.K, self.R, self.t)
        return pixels.reshape(*points.shape[:-1], 2), depth.reshape(points.shape[:-1])

    def unproject(self, pixels: Tensor, depth: Tensor) -> Tensor:
        """World points ``(*, 3)`` of pixels ``(*, 2)`` at depths ``(*)`` metres; undoes :meth:`project`."""
        _require_shape(pixels, (2,), "pixels")
        rays = torch.cat([pixels, torch.ones_like(pixels[..., :1])], dim=-1) @ torch.linalg.inv(self.K).T
        return (rays * depth[..., None] - self.t) @ self.R

    def to_ndc(self, points: Tensor) -> Tensor:
        """PyTorch3D's normalised device coordinates, what ``rasterize_meshes`` takes.

        Args:
            points: ``(*, 3)`` world coordinates in metres.

        Returns:
            ``(*, 3)``: x left and y up, the shorter side of the picture spanning [-1, 1], and z the depth in
            metres.
        """
        pixels, depth = self.project(points)
        height, width = self.image_size
        size = pixels.new_tensor([width, height])
        return torch.cat([(size - 2 * pixels) / min(height, width), depth[..., None]], dim=-1)

    def covering_box(self, points: Tensor) -> tuple[int, int, int, int] | None:
        """The pixels x0, y0, x1, y1 that a surface with these points ``(N, 3)`` may touch; None if it is outside.

        All of the picture where the surface reaches within 5 cm of the camera's plane: its outline there is not
        that of its points.
        """
        pixels, depth = self.project(points)
        height, width = self.image_size
        if bool((depth <= 0.05).any()):
            return 0, 0, width, height
        low, high = pixels.amin(0).floor().long() - 1, pixels.amax(0).ceil().long() + 1
        x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
        x1, y1 = min(int(high[0]), width), min(int(high[1]), height)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def resized(self, image_size: tuple[int, int]) -> Camera:
        """The same view as a picture of ``image_size`` (height, width)."""
        scale = self.K.new_tensor(
            [image_size[1] / self.image_size[1], image_size[0] / self.image_size[0], 1.0]
        )
        return replace(self, K=self.K * scale[:, None], image_size=image_size)

    def cropped(self, box: tuple[int, int, int, int]) -> Camera:
        """The view of the pixels ``x0 <= x < x1, y0 <= y < y1``; the box may reach beyond the picture.

        Args:
            box: x0, y0, x1, y1 in whole pixels.
        """
        x0, y0, x1, y1 = box
        K = self.K.clone()
        K[0] -= x0 * K[2]
        K[1] -= y0 * K[2]
        return replace(self, K=K, image_size=(y1 - y0, x1 - x0))


def look_at(
    eye: tuple[float, float, float],
    target: tuple[float, float, float],
    field_of_view: float,
    image_size: tuple[int, int],
) -> Camera:
    """A level camera in the Z-up world.

    Args:
        eye, target: positions in metres; the target appears in the middle of the picture.
        field_of_view: degrees across the longer side of the picture.
        image_size: (height, width).
    """
    position = np.array(eye, float)
    forward = np.array(target, float) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    R = np.stack((right, np.cross(forward, right), forward))
    height, width = image_size
    focal = 0.5 * max(height, width) / np.tan(np.deg2rad(field_of_view) / 2)
    K = [[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]
    return Camera(
        torch.tensor(K), torch.from_numpy(R).float(), torch.from_numpy(-R @ position).float(), image_size
    )


def _require_shape(tensor: Tensor, last: tuple[int, ...], name: str) -> None:
    if tensor.shape[-len(last) :] != last:
        expected = ", ".join(map(str, last))
        raise ValueError(f"{name} must have the shape (*, {expected}), got {tuple(tensor.shape)}")
