"""From the camera's axes to a Z-up world, and back: where the fitted body and its camera stand in the scene."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.contacts import find_contacts, shots
from smpl_fitting.geometry import Camera, axis_angle_to_matrix, matrix_to_axis_angle
from smpl_fitting.landmarks import JOINT, LANDMARK
from smpl_fitting.motion import Motion
from smpl_fitting.root_path import intervals

# OpenCV camera axes (x right, y down, z forward) of a level camera, seen in the Z-up world: the camera looks
# along +Y, so a person who faces it faces -Y, as Blender's front view expects.
LEVEL_CAMERA = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
FOOT_SPREAD = 0.03  # metres that a standing foot's fitted height strays
BALANCE_SPREAD = 0.1  # radians by which people lean on average, and the fit errs in it
FRAMES_PER_STEP, POINTS_PER_STEP = 10.0, 2.0  # that share one error of the fit
PLANE_PASSES = 2  # from the lower foot's plane to that of the contacts
SLOPE_SPREAD = (0.1, 0.17)  # radians by which hand-held cameras usually roll, and look up or down


def camera_to_world(
    body: BodyModel,
    betas: Tensor,
    rotations: Tensor,
    trans: Tensor,
    fps: float = 30.0,
    *,
    confidence: np.ndarray | None = None,
    rays: np.ndarray | None = None,
    cuts: Sequence[int] | np.ndarray = (),
) -> tuple[Tensor, Tensor, Tensor, Tensor, np.ndarray]:
    """Place a camera-space fit in a Z-up world with the ground at z = 0.

    The ground is the plane on which the feet stand (:func:`ground_plane`), so a camera that looks down on
    somebody who walks is found to look down; where the feet stay in one place it is taken to be level. What
    stands (:func:`smpl_fitting.contacts.find_contacts`) and the plane decide each other in turn. The origin is
    below the pelvis of the first frame, and the camera looks along +Y.

    Args:
        betas: (B,). rotations: (T, J, 3, 3) with joint 0 in camera axes. trans: (T, 3), camera axes.
        confidence, cuts: as in :func:`smpl_fitting.contacts.find_contacts`.
        rays: (T, 4, 2) where the feet are seen, :func:`smpl_fitting.contacts.foot_rays`.

    Returns:
        poses (T, 3 J) axis-angle and trans (T, 3) in the world, camera R (3, 3) and t (3,) with
        x_cam = R x_world + t, and the contacts (T, 4) of left heel, left toe, right heel, right toe.
    """
    rest_pelvis = body.shaped(betas)[1][0]
    lean = _lean(body.landmarks(betas, rotations, trans) @ LEVEL_CAMERA.T)
    soles = body.soles(betas, rotations, trans) @ LEVEL_CAMERA.T
    pelvis = rest_pelvis + trans
    picture = None if rays is None else _unprojected(rays, pelvis[:, 2].numpy(), cuts)

    def contacts_of(level: Tensor, ground: float) -> np.ndarray:
        return find_contacts(
            (soles @ level.T).numpy(),
            fps,
            ground=ground,
            confidence=confidence,
            view=(pelvis @ LEVEL_CAMERA.T @ level.T).numpy(),
            picture=picture,
            cuts=cuts,
        )

    height, slope, contacts = _stand(soles, lean, contacts_of, cuts)
    to_world = _upright(slope) @ LEVEL_CAMERA
    pelvis = (rest_pelvis + trans) @ to_world.T
    foot = torch.tensor([0.0, 0.0, height]) @ _upright(slope).T  # a point of the plane
    origin = torch.stack([pelvis[0, 0], pelvis[0, 1], foot[2]])
    turned = torch.cat([(to_world @ rotations[:, 0])[:, None], rotations[:, 1:]], dim=1)
    poses = matrix_to_axis_angle(turned).flatten(1)
    R = to_world.T
    return poses, pelvis - origin - rest_pelvis, R, R @ origin, contacts


def _stand(
    soles: Tensor,
    lean: Tensor,
    contacts_of: Callable[[Tensor, float], np.ndarray],
    cuts: Sequence[int] | np.ndarray,
) -> tuple[float, Tensor, np.ndarray]:
    """Height and slope (2,) of the ground under soles (T, 4, 3), z up, and the contacts (T, 4).

    contacts_of: gives them for the rotation that levels the ground and its height then.
    """
    height, slope = ground_plane(_lower_foot(soles), lean, FRAMES_PER_STEP)
    for _ in range(PLANE_PASSES):
        level = _upright(slope)
        contacts = contacts_of(level, float((torch.tensor([0.0, 0.0, height]) @ level.T)[2]))
        steps = intervals(contacts, cuts)
        if len(steps):
            places = [soles[start:stop, point].median(0).values for point, start, stop in steps.tolist()]
            height, slope = ground_plane(torch.stack(places), lean, POINTS_PER_STEP)
    return height, slope, contacts


def _unprojected(rays: np.ndarray, depth: np.ndarray, cuts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Rays (T, 4, 2) at the depth (T,) in metres at which each shot usually shows the person."""
    usual = [np.full(shot.stop - shot.start, np.median(depth[shot])) for shot in shots(len(depth), cuts)]
    return rays * np.concatenate(usual)[:, None, None]


def ground_plane(points: Tensor, lean: Tensor, repeats: float = 1.0) -> tuple[float, Tensor]:
    """The plane z = height + slope . (x, y) through where the feet stand.

    A robust ridge fit: points above the plane (steps and jumps) count less the higher they are. Where the feet
    stay in one place and prove no slope, cameras are taken to be about level and people to stand in balance.

    Args:
        points: (N, 3) where the feet stood, z up.
        lean: (2,) how far the person leans in x and y on average, as a share of the height.
        repeats: so many of the points (on average) share one error.

    Returns:
        height in metres at x = y = 0, and the slope (2,).
    """
    points = points.double()
    middle = points[:, :2].median(0).values
    rows = torch.cat([torch.ones(len(points), 1, dtype=torch.float64), points[:, :2] - middle], dim=1)
    slopes = torch.diag(torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64))
    level = torch.tensor([0.0, SLOPE_SPREAD[0] ** -2, SLOPE_SPREAD[1] ** -2], dtype=torch.float64)
    prior = slopes / BALANCE_SPREAD**2 + torch.diag(level)
    upright = torch.cat([torch.zeros(1), -lean]).double() / BALANCE_SPREAD**2
    weights = torch.ones(len(points), dtype=torch.float64)
    evidence = 1 / (FOOT_SPREAD**2 * min(len(points), repeats))
    solution = torch.zeros(3, dtype=torch.float64)
    for _ in range(20):
        normal = evidence * rows.T @ (weights[:, None] * rows) + prior
        solution = torch.linalg.solve(normal, evidence * rows.T @ (weights * points[:, 2]) + upright)
        above = (points[:, 2] - rows @ solution) / FOOT_SPREAD
        # asymmetric Cauchy weights: a foot may be above the ground, never below it
        weights = 1 / (1 + torch.where(above > 0, above, 0.3 * above).square())
    slope = solution[1:]
    return float(solution[0] - slope @ middle), slope.float()


def _lower_foot(soles: Tensor) -> Tensor:
    """(T, 3): of the soles (T, 4, 3), z up, the lowest point in each frame."""
    return soles[torch.arange(len(soles)), soles[..., 2].argmin(1)]


def _lean(points: Tensor) -> Tensor:
    """(2,) the trunk's middle over the middle of the feet, as a share of its height; landmarks (T, 33, 3), z up."""
    feet = points[:, LANDMARK["left_ankle"] : LANDMARK["right_foot_index"] + 1].mean(1)
    trunk = points[
        :, [LANDMARK[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "hip")]
    ].mean(1)
    way = trunk - feet
    upright = way[:, 2] > 0.5 * way.norm(dim=-1)
    if not bool(upright.any()):
        return torch.zeros(2)
    return (way[upright, :2] / way[upright, 2:]).median(0).values


def _upright(slope: Tensor) -> Tensor:
    """(3, 3) rotation that makes a plane of this slope level: the shortest that takes its normal to +Z."""
    normal = torch.stack([-slope[0], -slope[1], torch.ones(())])
    normal = normal / normal.norm()
    axis = torch.linalg.cross(normal, torch.tensor([0.0, 0.0, 1.0]))
    sine = axis.norm()
    if sine < 1e-6:
        return torch.eye(3)
    return axis_angle_to_matrix(axis / sine * torch.atan2(sine, normal[2]))


def with_shape(motion: Motion, body: BodyModel, betas: np.ndarray) -> Motion:
    """The same motion done by a body of another shape, its feet on the same ground.

    The pelvis' way is scaled by the ratio of the leg lengths about the world's origin, so that steps keep
    their proportion; the origin is on the ground (see :func:`camera_to_world`).
    """
    old, new = (
        body.shaped(torch.as_tensor(shape, dtype=torch.float32))[1].double().numpy()
        for shape in (motion.betas, betas)
    )
    ratio = _leg_length(new) / _leg_length(old)
    trans = (old[0] + motion.trans) * ratio - new[0]
    return replace(motion, betas=np.asarray(betas, np.float32), trans=trans.astype(np.float32))


def _leg_length(joints: np.ndarray) -> float:
    """Hip to knee to ankle, both sides' mean, metres."""
    chains = [[JOINT[f"{side}_{part}"] for part in ("hip", "knee", "ankle")] for side in ("left", "right")]
    return float(np.mean([np.linalg.norm(np.diff(joints[chain], axis=0), axis=1).sum() for chain in chains]))


def body_vertices(body: BodyModel, motion: Motion, frames: slice | list[int]) -> Tensor:
    """World vertices (N, V, 3) of some frames of a motion."""
    poses = torch.as_tensor(motion.poses[frames], dtype=torch.float32)
    trans = torch.as_tensor(motion.trans[frames], dtype=torch.float32)
    betas = torch.as_tensor(motion.betas, dtype=torch.float32)
    return body(betas, poses, trans).vertices


def frame_camera(motion: Motion, frame: int) -> Camera:
    """The camera of one frame of a motion that has cameras."""
    assert motion.camera_K is not None and motion.camera_R is not None and motion.camera_t is not None
    assert motion.image_size is not None
    K, R, t = (
        torch.as_tensor(np.asarray(value[frame]), dtype=torch.float32)
        for value in (motion.camera_K, motion.camera_R, motion.camera_t)
    )
    return Camera(K, R, t, motion.image_size)


def default_intrinsics(image_size: tuple[int, int], focal: float | None = None) -> Tensor:
    """(3, 3) pinhole K with the principal point in the middle.

    Without a known focal length (pixels) the picture's diagonal is taken, about 53 degrees across it, as in
    CLIFF (Li et al. 2022): in between phones and portrait lenses.
    """
    height, width = image_size
    focal = focal or math.hypot(height, width)
    return torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


def view_rotation(points: Tensor, K: Tensor) -> Tensor:
    """(T, 3, 3) rotations that turn the camera's axis (0, 0, 1) to the rays through pixels (T, 2); K (T, 3, 3).

    A detector that works on crops sees each person as if in the middle; this puts its 3D answer back
    into the camera's axes.
    """
    rays = torch.cat([(points - K[:, :2, 2]) / K[:, [0, 1], [0, 1]], torch.ones(len(points), 1)], -1)
    rays = rays / rays.norm(dim=-1, keepdim=True)
    forward = torch.tensor([0.0, 0.0, 1.0]).expand_as(rays)
    axis = torch.linalg.cross(forward, rays)
    sine = axis.norm(dim=-1, keepdim=True)
    angle = torch.atan2(sine, rays[:, 2:])
    return axis_angle_to_matrix(axis / sine.clamp_min(1e-8) * angle)
