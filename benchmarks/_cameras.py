"""Cameras calibrated by Qualisys (``.qca.txt``, as Pose2Sim ships them), and what several of them see together."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_SUBPIXELS = 64  # intrinsics are in 1/64 pixel
OUTLIER = 20.0  # pixels
_FLIP = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class CalibratedCamera:
    """``K`` (3, 3); ``distortion`` k1, k2, p1, p2 (Brown, as in OpenCV); x_cam = R x + t, metres."""

    name: str
    K: np.ndarray
    distortion: np.ndarray
    R: np.ndarray
    t: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (*, 2) of points (*, 3), distortion included."""
        seen = points @ self.R.T + self.t
        x, y = seen[..., 0] / seen[..., 2], seen[..., 1] / seen[..., 2]
        k1, k2, p1, p2 = self.distortion
        square = x * x + y * y
        radial = 1 + square * (k1 + square * k2)
        distorted = np.stack(
            (
                x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x),
                y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
            ),
            axis=-1,
        )
        return distorted * self.K[[0, 1], [0, 1]] + self.K[:2, 2]

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """x/z and y/z (*, 2) in camera axes of pixels (*, 2), undistorted (the way there, inverted by iteration)."""
        there = (pixels - self.K[:2, 2]) / self.K[[0, 1], [0, 1]]
        ideal = there.copy()
        straight = CalibratedCamera("", np.eye(3), self.distortion, np.eye(3), np.zeros(3))
        for _ in range(10):
            bent = straight.project(np.concatenate((ideal, np.ones_like(ideal[..., :1])), axis=-1))
            ideal += there - bent
        return ideal

    def depth(self, points: np.ndarray) -> np.ndarray:
        """(*,) metres along the camera's axis."""
        return points @ self.R[2] + self.t[2]


def read_qca(path: Path) -> list[CalibratedCamera]:
    """The cameras of a calibration file.

    Raises:
        OSError, ValueError, KeyError: it cannot be read or is no such file.
    """
    try:
        root = ElementTree.fromstring(path.read_text())
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: not a Qualisys calibration ({error})") from error
    return [_camera(node) for node in root.iter("camera")]


def _camera(node: ElementTree.Element) -> CalibratedCamera:
    pose, lens = node.find("transform"), node.find("intrinsic")
    if pose is None or lens is None:
        raise ValueError("a camera without transform or intrinsic")
    R = _FLIP @ np.array([[float(pose.attrib[f"r{i}{j}"]) for j in "123"] for i in "123"])
    centre = np.array([float(pose.attrib[axis]) for axis in "xyz"]) / 1000
    K = np.eye(3)
    K[[0, 1, 0, 1], [0, 1, 2, 2]] = [
        float(lens.attrib[name]) / _SUBPIXELS
        for name in ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV")
    ]
    names = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    bend = np.array([float(lens.attrib[name]) for name in names])
    return CalibratedCamera(node.attrib["serial"], K, bend, R, -R @ centre)


def triangulate(cameras: list[CalibratedCamera], pixels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N, 3) points seen at pixels (C, N, 2) with weights (C, N), whom a single camera cannot lead astray.

    The least squares of the ray equations (R. Hartley, A. Zisserman, "Multiple View Geometry", 2003, section 12.2),
    each divided by its depth so that it counts in pixels, reweighted by Geman and McClure's loss.
    """
    rays = [camera.rays(seen) for camera, seen in zip(cameras, pixels, strict=True)]
    shares, points = np.array(weights, float), np.zeros((pixels.shape[1], 3))
    for step in range(12):
        normal, right = np.zeros((len(points), 3, 3)), np.zeros((len(points), 3))
        for camera, ray, share in zip(cameras, rays, shares, strict=True):
            rows = camera.R[None, :2] - ray[..., None] * camera.R[2]
            values = ray * camera.t[2] - camera.t[:2]
            normal += np.einsum("n,nki,nkj->nij", share, rows, rows)
            right += np.einsum("n,nki,nk->ni", share, rows, values)
        points = np.linalg.solve(normal + 1e-9 * np.eye(3), right[..., None])[..., 0]
        outlier = OUTLIER * 2.0 ** max(0, 5 - step)  # graduated: from far to near
        for camera, seen, share, weight in zip(cameras, pixels, shares, weights, strict=True):
            error = np.linalg.norm(camera.project(points) - seen, axis=-1)
            share[:] = weight / (1 + (error / outlier) ** 2) ** 2 / np.maximum(camera.depth(points), 0.5) ** 2
    return points
