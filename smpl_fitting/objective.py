"""What a good fit is: the terms of the energy, each divided by its own expected spread (a negative log posterior).

Every term gives its residuals and their analytic Jacobians; robust ones are reweighted (iteratively reweighted
least squares), so that the sum is solved by Gauss-Newton steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import axis_angle_to_matrix, matrix_to_axis_angle
from smpl_fitting.landmarks import BONES, JOINT, LANDMARK
from smpl_fitting.normal_equations import NormalEquations
from smpl_fitting.observations import Observations, Parameters
from smpl_fitting.points import JointSet, Linear, PointSet, Posed, pose_body
from smpl_fitting.priors import inverse_right_jacobian, joint_limits, limit_excess, mean_pose, pose_spread

# Expected spreads. Landmarks: in units of the person's height in the picture.
LANDMARK_SPREAD = 0.01
LANDMARK_OUTLIER = 0.08  # residuals far beyond this no longer pull (Geman-McClure)
BONE_OUTLIER = 3.0  # spreads beyond which a bone's direction no longer pulls
# m/s^2 by which parts of the body accelerate; beyond it the cost grows linearly: people do punch and land
ACCELERATION_SPREADS = {"knee": 10.0, "elbow": 10.0, "ankle": 15.0, "heel": 15.0, "foot_index": 15.0}
ACCELERATION_SPREADS |= dict.fromkeys(("wrist", "pinky", "index", "thumb"), 15.0)
TRUNK_ACCELERATION_SPREAD = 6.0
LIMIT_SPREAD = 0.05  # radians beyond a joint's limit
POSE_WIDENING = 2**0.5  # of the prior's spread: its table is of everyday motion
SHAPE_SPREAD = 1.0
SHAPE_EVIDENCE = 1.0  # all frames of a person together say as much about the shape as this many
STATURE_SPREAD = 0.005  # metres
SLIDE_SPREAD = 0.003  # metres that a standing sole moves from frame to frame
SLIDE_OUTLIER = 15.0  # spreads; with fewer a foot stood in two places and jumped between them
OUTSIDE_SPREAD = 0.01  # of the height: body outside the person's mask
CONTOUR_SPREAD = 0.015  # of the height: mask edge away from the body (clothes, hair)
CONTOUR_OUTLIER = 0.05
OUTERMOST = 100  # points of the surface, farthest outside the mask, that are drawn in
# The outline counts as so many independent measurements; in a clip its errors last, as those of the clothes do.
PHOTO_OUTLINE_EVIDENCE, CLIP_OUTLINE_EVIDENCE = 60.0, 40.0

FREE_JOINTS = tuple(
    index for name, index in JOINT.items() if not name.endswith("_foot") and not name.endswith("_hand")
)
"""The joints that are solved for: toes and fingers leave no trace in the landmarks."""
SMOOTH_JOINTS = tuple(JOINT[name] for name in ("pelvis", "spine1", "spine2", "spine3", "neck"))
_FACE_INSIDE = ("eye_inner", "eye_outer", "left_eye", "right_eye", "mouth")


@dataclass
class Linearization:
    """The energy at some parameters, by term, and the equations of the next step."""

    equations: NormalEquations
    energies: dict[str, Tensor] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return float(torch.stack(list(self.energies.values())).sum())


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


def geman_mcclure(squared: Tensor, outlier: float | Tensor) -> tuple[Tensor, Tensor]:
    """Robust squared residual (Geman and McClure 1987): like ``squared`` when small, at most outlier^2.

    Returns:
        the cost, and the weight with which the plain square has the same slope.
    """
    limit = outlier * outlier
    share = limit / (squared + limit)
    return squared * share, share * share


class Objective:
    """The energy of :class:`Parameters` given :class:`Observations`."""

    def __init__(
        self,
        body: BodyModel,
        seen: Observations,
        sample: Tensor | None = None,
        *,
        outlier: float = LANDMARK_OUTLIER,
        shape: bool = True,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """Args:
        sample: (N,) vertex indices that stand for the surface in the silhouette term.
        outlier: where landmarks stop to pull, as a share of the height; wide while the pose is still rough.
        shape: solve for the betas too.
        without: names of terms to leave out, for ablations.
        """
        self._body, self._seen, self._outlier, self._without = body, seen, outlier, without
        self._free = torch.tensor(FREE_JOINTS)
        self._landmarks = PointSet(body, body.landmark_vertices, body.landmark_weights, self._free)
        soles = torch.full(body.sole_vertices.shape, 1 / body.sole_vertices.shape[1])
        self._soles = PointSet(body, body.sole_vertices, soles, self._free)
        self._joints = JointSet(body, torch.tensor(SMOOTH_JOINTS), self._free)
        self._smooth_landmarks = torch.tensor(
            [row for name, row in LANDMARK.items() if not any(part in name for part in _FACE_INSIDE)]
        )
        kinds = [name.split("_", 1)[-1] for name in LANDMARK]
        spreads = torch.tensor([ACCELERATION_SPREADS.get(kind, TRUNK_ACCELERATION_SPREAD) for kind in kinds])
        trunk = torch.full((len(SMOOTH_JOINTS),), TRUNK_ACCELERATION_SPREAD)
        self._accelerations = torch.cat((trunk, spreads[self._smooth_landmarks]))
        self._surface = None
        if sample is not None and seen.silhouettes is not None:
            self._surface = PointSet(body, sample[:, None], torch.ones(len(sample), 1), self._free)
        self._shared = body.num_betas if shape else 0
        self._evidence = PHOTO_OUTLINE_EVIDENCE if seen.frame_time is None else CLIP_OUTLINE_EVIDENCE
        self._weights = landmark_weights() * seen.weights
        self._low, self._high = joint_limits()
        self._mean, self._spread = mean_pose(), POSE_WIDENING * pose_spread()
        self._bones = torch.tensor(BONES)
        self._bone_roots = seen.direction_weights.sqrt()

    @property
    def unknowns(self) -> int:
        return 3 * len(self._free) + 3

    def moved(self, parameters: Parameters, step: Tensor, shape_step: Tensor) -> Parameters:
        """The parameters after a step (T, D) of turns in camera axes and of the place, and (B,) or () of betas."""
        rotations = parameters.rotations.clone()
        turns = pose_body(self._body, rotations, parameters.trans, parameters.betas, shape=False).turns
        own = turns[:, self._free].transpose(-1, -2) @ step[:, :-3].view(len(step), -1, 3, 1)
        rotations[:, self._free] = rotations[:, self._free] @ axis_angle_to_matrix(own[..., 0])
        betas = parameters.betas + shape_step if self._shared else parameters.betas
        return Parameters(rotations, parameters.trans + step[:, -3:], betas)

    def linearize(self, parameters: Parameters) -> Linearization:
        """Energies, sums over frames in units of half squared standard deviations, and the equations."""
        posed = pose_body(
            self._body, parameters.rotations, parameters.trans, parameters.betas, shape=self._shared > 0
        )
        result = Linearization(NormalEquations(len(parameters.trans), self.unknowns, self._shared))
        landmarks = self._landmarks.evaluate(posed, parameters.betas)
        self._pixels(landmarks, result)
        self._directions(landmarks, result)
        self._priors(parameters, posed, result)
        if self._shared and "shape" not in self._without:
            self._shape(parameters.betas, result)
        if len(parameters.trans) > 2:
            self._smoothness(landmarks, posed, result)
        if self._seen.contacts is not None:
            self._slide(posed, parameters.betas, result)
        if self._surface is not None:
            self._silhouette(posed, parameters.betas, result)
        return result

    def _add(self, result: Linearization, name: str, energy: Tensor, residuals: Tensor, *jacobians) -> None:
        if name in self._without:
            return
        result.energies[name] = result.energies.get(name, torch.zeros(())) + energy
        result.equations.add(residuals, *jacobians)

    def _project(self, linear: Linear, K: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels (T, N, 2) of points in camera axes and their Jacobians (T, N, 2, D) and (T, N, 2, B).

        Points behind the camera are held before it.
        """
        depth = linear.points[..., 2:].clamp_min(0.05)
        focal = K[:, None, [0, 1], [0, 1]]
        plane = linear.points[..., :2] / depth
        pixels = plane * focal + K[:, None, :2, 2]
        scale = torch.diag_embed((focal / depth).expand_as(plane))
        slope = torch.cat((scale, -(plane * focal / depth)[..., None]), -1)  # (T, N, 2, 3)
        return pixels, slope @ linear.by_frame, slope @ linear.shape

    def _pixels(self, landmarks: Linear, result: Linearization) -> None:
        seen = self._seen
        pixels, by_frame, by_shape = self._project(landmarks, seen.K)
        unit = 1 / (seen.heights[:, None, None] * LANDMARK_SPREAD)
        error = (pixels - seen.keypoints) * unit
        cost, weight = geman_mcclure(error.square().sum(-1), self._outlier / LANDMARK_SPREAD)
        root = (self._weights * weight).sqrt()[..., None]
        self._add(
            result,
            "landmarks",
            0.5 * (self._weights * cost).sum(),
            (root * error).flatten(1),
            (root * unit)[..., None].mul(by_frame).flatten(1, 2),
            (root * unit)[..., None].mul(by_shape).flatten(1, 2),
        )

    def _directions(self, landmarks: Linear, result: Linearization) -> None:
        start, end = self._bones.unbind(1)
        bones = landmarks.points[:, end] - landmarks.points[:, start]
        length = bones.norm(dim=-1, keepdim=True).clamp_min(1e-6)
        direction = bones / length
        error = (direction - self._seen.directions) * self._bone_roots[..., None]
        cost, weight = geman_mcclure(error.square().sum(-1), BONE_OUTLIER)
        root = weight.sqrt()[..., None]
        across = torch.eye(3) - direction[..., None] * direction[..., None, :]
        slope = across * (root * self._bone_roots[..., None] / length)[..., None]
        by_frame = landmarks.by_frame
        self._add(
            result,
            "bones",
            0.5 * cost.sum(),
            (root * error).flatten(1),
            (slope @ (by_frame[:, end] - by_frame[:, start])).flatten(1, 2),
            (slope @ (landmarks.shape[:, end] - landmarks.shape[:, start])).flatten(1, 2),
        )

    def _priors(self, parameters: Parameters, posed: Posed, result: Linearization) -> None:
        inner = self._free[1:]
        pose = matrix_to_axis_angle(parameters.rotations[:, inner])
        slope = inverse_right_jacobian(pose) @ posed.turns[:, inner].transpose(-1, -2)  # (T, A - 1, 3, 3)
        frames, count = pose.shape[:2]

        def spread_out(rows: Tensor) -> Tensor:
            """(T, A - 1, 3, 3) -> (T, 3 (A - 1), D): each joint's turn moves its own angles alone."""
            table = torch.zeros(frames, count, 3, count + 2, 3)
            joint = torch.arange(count)
            table[:, joint, :, joint + 1] = rows.transpose(0, 1)
            return table.view(frames, 3 * count, -1)

        spread = self._spread[inner - 1][:, None]
        strays = (pose - self._mean[inner - 1]) / spread
        self._add(
            result,
            "pose",
            0.5 * strays.square().sum(),
            strays.flatten(1),
            spread_out(slope / spread[..., None]),
        )
        low, high = self._low[inner - 1], self._high[inner - 1]
        excess = limit_excess(pose, low, high) / LIMIT_SPREAD
        beyond = ((pose > high).float() - (pose < low).float()) / LIMIT_SPREAD
        self._add(
            result,
            "limits",
            0.5 * excess.square().sum(),
            (excess * beyond.sign()).flatten(1),
            spread_out(slope * beyond.abs()[..., None]),
        )

    def _shape(self, betas: Tensor, result: Linearization) -> None:
        frames = len(self._seen.heights)
        root = (frames / SHAPE_EVIDENCE) ** 0.5 / SHAPE_SPREAD
        residuals, slope = betas * root, torch.eye(len(betas)) * root
        if self._seen.stature is not None:
            top, bottom = self._body.v_template[:, 1].argmax(), self._body.v_template[:, 1].argmin()
            span = self._body.v_template[top, 1] - self._body.v_template[bottom, 1]
            growth = self._body.shapedirs[top, 1] - self._body.shapedirs[bottom, 1]
            unit = frames**0.5 / STATURE_SPREAD
            residuals = torch.cat((residuals, (span + growth @ betas - self._seen.stature)[None] * unit))
            slope = torch.cat((slope, growth[None] * unit))
        result.energies["shape"] = 0.5 * residuals.square().sum()
        result.equations.add_shared(residuals, slope)

    def _smoothness(self, landmarks: Linear, posed: Posed, result: Linearization) -> None:
        """Accelerations under a pseudo-Huber cost: quadratic below their spread, linear above."""
        if self._seen.frame_time is None or "smooth" in self._without:
            return
        joints = self._joints.evaluate(posed)
        chosen = self._smooth_landmarks
        points = torch.cat((joints.points, landmarks.points[:, chosen]), 1)
        by_frame = torch.cat((joints.by_frame, landmarks.by_frame[:, chosen]), 1)
        unit = 1 / (self._seen.frame_time**2 * self._accelerations[:, None])
        error = (points[2:] - 2 * points[1:-1] + points[:-2]) * unit
        within = self._within_shots(len(error), 3)[:, None]
        root = (1 + error.square().sum(-1)).sqrt()
        result.energies["smooth"] = (within * (root - 1)).sum()
        weight = (within / root).sqrt()[..., None].expand_as(error)
        result.equations.add_difference(
            (weight * error).flatten(1), by_frame.flatten(1, 2), (weight * unit).flatten(1), (1.0, -2.0, 1.0)
        )

    def _within_shots(self, count: int, span: int) -> Tensor:
        """(count,) 1 where ``span`` frames from each row on belong to one shot, else 0."""
        rows = torch.arange(count)
        inside = torch.ones(count)
        for cut in self._seen.cuts:
            inside[(rows < cut) & (rows + span > cut)] = 0
        return inside

    def _slide(self, posed: Posed, betas: Tensor, result: Linearization) -> None:
        contacts = self._seen.contacts
        assert contacts is not None
        if "contacts" in self._without:
            return
        soles = self._soles.evaluate(posed, betas)
        error = (soles.points[1:] - soles.points[:-1]) / SLIDE_SPREAD
        standing = torch.minimum(contacts[1:], contacts[:-1]) * self._within_shots(len(error), 2)[:, None]
        cost, weight = geman_mcclure(error.square().sum(-1), SLIDE_OUTLIER)
        result.energies["contacts"] = 0.5 * (standing * cost).sum()
        root = (standing * weight).sqrt()[..., None].expand_as(error)
        result.equations.add_difference(
            (root * error).flatten(1),
            soles.by_frame.flatten(1, 2),
            (root / SLIDE_SPREAD).flatten(1),
            (-1.0, 1.0),
        )

    def _silhouette(self, posed: Posed, betas: Tensor, result: Linearization) -> None:
        shapes = self._seen.silhouettes
        assert shapes is not None and self._surface is not None
        if "silhouette" in self._without:
            return
        frames = shapes.frames
        K, scale = self._seen.K[frames], self._seen.heights[frames][:, None]
        everywhere = self._surface.positions(posed, betas, frames)
        depth = everywhere[..., 2:].clamp_min(0.05)
        pixels = everywhere[..., :2] / depth * K[:, None, [0, 1], [0, 1]] + K[:, None, :2, 2]
        far = shapes.distance(pixels)
        nearest = _nearest(shapes.contours, pixels)
        count = min(OUTERMOST, pixels.shape[1])
        outermost = far.topk(count, 1).indices
        surface = self._surface.evaluate_some(posed, betas, frames, torch.cat((outermost, nearest), 1))
        pixels, by_frame, by_shape = self._project(surface, K)
        distance, slope = shapes.distance_and_slope(pixels[:, :count])
        share = (self._evidence * 2 / everywhere.shape[1]) ** 0.5
        error = distance / scale / OUTSIDE_SPREAD
        cost, weight = geman_mcclure(error.square(), CONTOUR_OUTLIER / OUTSIDE_SPREAD)
        root = share * weight.sqrt()
        unit = (root / scale / OUTSIDE_SPREAD)[..., None] * slope  # (F, N, 2)
        self._add(
            result,
            "silhouette",
            0.5 * share**2 * cost.sum(),
            root * error,
            torch.einsum("fni,fnid->fnd", unit, by_frame[:, :count]),
            torch.einsum("fni,fnid->fnd", unit, by_shape[:, :count]),
            frames,
        )
        error = (pixels[:, count:] - shapes.contours) / scale[..., None] / CONTOUR_SPREAD
        share = (self._evidence * 2 / shapes.contours.shape[1]) ** 0.5
        cost, weight = geman_mcclure(error.square().sum(-1), CONTOUR_OUTLIER / CONTOUR_SPREAD)
        root = share * weight.sqrt()[..., None]
        unit = (root / scale[..., None] / CONTOUR_SPREAD)[..., None]
        self._add(
            result,
            "silhouette",
            0.5 * share**2 * cost.sum(),
            (root * error).flatten(1),
            (unit * by_frame[:, count:]).flatten(1, 2),
            (unit * by_shape[:, count:]).flatten(1, 2),
            frames,
        )


def _nearest(points: Tensor, others: Tensor) -> Tensor:
    """(F, C) which of ``others`` (F, N, 2) is nearest to each of ``points`` (F, C, 2)."""
    middle = points.mean(1, keepdim=True)
    others = others - middle
    # |b - a|^2 less |a|^2; numpy finds the least of a row several times as fast as torch
    squared = torch.baddbmm(others.square().sum(-1)[:, None], points - middle, others.mT, alpha=-2)
    return torch.from_numpy(squared.numpy().argmin(-1))
