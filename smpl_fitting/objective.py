"""What a good fit is: the terms of the energy, each divided by its own expected spread (a negative log posterior)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import matrix_to_axis_angle, rotation_6d_to_matrix
from smpl_fitting.landmarks import BONES, LANDMARK
from smpl_fitting.priors import joint_limits, limit_excess, mean_pose, pose_spread
from smpl_fitting.silhouette import Silhouettes

# Expected spreads. Landmarks: in units of the person's height in the picture.
LANDMARK_SPREAD = 0.01
LANDMARK_OUTLIER = 0.05  # residuals far beyond this no longer pull (Geman-McClure)
BONE_SPREAD = 0.3  # radians: MediaPipe's 3D directions against motion capture
ACCELERATION_SPREAD = (
    15.0  # m/s^2 of a joint; beyond it the cost grows linearly, since people do punch and land
)
LIMIT_SPREAD = 0.05  # radians beyond a joint's limit
SHAPE_SPREAD = 1.0
OUTSIDE_SPREAD = 0.01  # of the height: body outside the person's mask
CONTOUR_SPREAD = 0.015  # of the height: mask edge away from the body (clothes, hair)
CONTOUR_OUTLIER = 0.05
SILHOUETTE_EVIDENCE = 60.0  # the outline counts as this many independent measurements


@dataclass(frozen=True)
class Observations:
    """What was seen of one person in T frames, in pixels and camera axes (OpenCV)."""

    keypoints: Tensor  # (T, 33, 2) pixels
    weights: Tensor  # (T, 33) visibility, 0 where nobody was found
    world: Tensor  # (T, 33, 3) metres, camera axes
    heights: Tensor  # (T,) the person's size in pixels
    K: Tensor  # (T, 3, 3)
    frame_time: float | None  # seconds; None where the frames are separate photos of one person
    silhouettes: Silhouettes | None = None


@dataclass(frozen=True)
class Parameters:
    """What is solved for, in camera axes."""

    pose: Tensor  # (T, 24, 6) rotations, continuous 6D form (Zhou et al. 2019)
    trans: Tensor  # (T, 3)
    betas: Tensor  # (B,)

    def rotations(self) -> Tensor:
        """(T, 24, 3, 3)"""
        return rotation_6d_to_matrix(self.pose)


def landmark_weights() -> Tensor:
    """(33,) how far each landmark is to be believed, beside its visibility.

    The face's eleven count together as about three; hips and hands wander most.
    """
    weights = torch.ones(len(LANDMARK))
    weights[:11] = 0.3
    for side in ("left", "right"):
        weights[LANDMARK[f"{side}_hip"]] = 0.6
        for part in ("pinky", "index", "thumb"):
            weights[LANDMARK[f"{side}_{part}"]] = 0.3
        for part in ("heel", "foot_index"):
            weights[LANDMARK[f"{side}_{part}"]] = 0.7
    return weights


def geman_mcclure(squared: Tensor, outlier: float) -> Tensor:
    """Robust squared residual (Geman and McClure 1987): like ``squared`` when small, at most outlier^2."""
    limit = outlier * outlier
    return squared * limit / (squared + limit)


class Objective:
    """The energy of :class:`Parameters` given :class:`Observations`; ``terms`` names each part."""

    def __init__(
        self, body: BodyModel, seen: Observations, sample: Tensor, outlier: float = LANDMARK_OUTLIER
    ) -> None:
        """sample: (N,) vertex indices that stand for the surface in the silhouette term.

        outlier: where landmarks stop to pull, as a share of the height; wide while the pose is still rough.
        """
        self._body = body
        self._seen = seen
        self._sample = sample
        self._outlier = outlier
        self._weights = landmark_weights() * seen.weights
        self._low, self._high = joint_limits()
        self._mean, self._spread = mean_pose(), pose_spread()
        self._bones = torch.tensor(BONES)
        self._bone_weights = seen.weights[:, self._bones].amin(-1)

    def terms(self, parameters: Parameters) -> dict[str, Tensor]:
        """Scalars, each a mean over frames in units of half squared standard deviations."""
        rotations = parameters.rotations()
        points = self._body.landmarks(parameters.betas, rotations, parameters.trans)
        terms = {
            "landmarks": self._landmarks(points),
            "bones": self._bone_directions(points),
            **self._priors(rotations),
            "shape": (parameters.betas / SHAPE_SPREAD).square().sum(),
        }
        if self._seen.frame_time is not None and len(rotations) > 2:
            joints = self._body.joints(parameters.betas, rotations, parameters.trans)
            terms["smooth"] = self._smoothness(joints, self._seen.frame_time)
        if self._seen.silhouettes is not None:
            terms["silhouette"] = self._silhouette(parameters, rotations)
        return terms

    def total(self, parameters: Parameters) -> Tensor:
        return torch.stack(list(self.terms(parameters).values())).sum()

    @staticmethod
    def _project(points: Tensor, K: Tensor) -> Tensor:
        """Pixels (T, N, 2) of points (T, N, 3) in camera axes; points behind the camera are held before it."""
        depth = points[..., 2:].clamp_min(0.05)
        return points[..., :2] / depth * K[:, None, [0, 1], [0, 1]] + K[:, None, :2, 2]

    def _landmarks(self, points: Tensor) -> Tensor:
        error = (self._project(points, self._seen.K) - self._seen.keypoints) / self._seen.heights[
            :, None, None
        ]
        robust = geman_mcclure(error.square().sum(-1), self._outlier) / LANDMARK_SPREAD**2
        return (self._weights * robust).sum(-1).mean()

    def _bone_directions(self, points: Tensor) -> Tensor:
        def directions(p: Tensor) -> Tensor:
            bones = p[:, self._bones[:, 1]] - p[:, self._bones[:, 0]]
            return bones / bones.norm(dim=-1, keepdim=True).clamp_min(1e-6)

        squared = (directions(points) - directions(self._seen.world)).square().sum(-1)
        robust = geman_mcclure(squared, 3 * BONE_SPREAD) / BONE_SPREAD**2
        return (self._bone_weights * robust).sum(-1).mean()

    def _priors(self, rotations: Tensor) -> dict[str, Tensor]:
        pose = matrix_to_axis_angle(rotations[:, 1:])
        strays = (pose - self._mean) / self._spread[:, None]
        excess = limit_excess(pose, self._low, self._high) / LIMIT_SPREAD
        return {
            "pose": 0.5 * strays.square().sum((-1, -2)).mean(),
            "limits": excess.square().sum((-1, -2)).mean(),
        }

    @staticmethod
    def _smoothness(joints: Tensor, frame_time: float) -> Tensor:
        acceleration = (joints[2:] - 2 * joints[1:-1] + joints[:-2]) / frame_time**2
        squared = (acceleration / ACCELERATION_SPREAD).square().sum(-1)
        return 2 * ((1 + squared).sqrt() - 1).sum(-1).mean()

    def _silhouette(self, parameters: Parameters, rotations: Tensor) -> Tensor:
        shapes = self._seen.silhouettes
        assert shapes is not None
        frames = shapes.frames
        output = self._body(
            parameters.betas, rotations[frames], parameters.trans[frames], vertex_index=self._sample
        )
        pixels = self._project(output.vertices, self._seen.K[frames])
        scale = self._seen.heights[frames][:, None]
        outside = (shapes.distance(pixels) / scale / OUTSIDE_SPREAD).square()
        outside = geman_mcclure(outside, CONTOUR_OUTLIER / OUTSIDE_SPREAD)
        nearest = torch.cdist(shapes.contours, pixels).amin(-1) / scale
        reach = geman_mcclure(nearest.square(), CONTOUR_OUTLIER) / CONTOUR_SPREAD**2
        return SILHOUETTE_EVIDENCE * (outside.mean(-1) + reach.mean(-1)).mean()
