"""A first pose straight from 3D landmarks: each joint's rotation in closed form, parents first.

Directions between landmarks fix every limb; a bent elbow or knee also fixes the twist above it, as its axis is
known in the rest pose. What stays free (a straight limb's twist) is taken from the parent.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.geometry import axis_angle_to_matrix, matrix_to_axis_angle
from smpl_fitting.landmarks import JOINT, LANDMARK

_SIDES = (("left", 1.0), ("right", -1.0))


def kabsch(rest: Tensor, observed: Tensor, weights: Tensor) -> Tensor:
    """Rotations that best carry rest vectors onto observed ones (Kabsch 1976).

    Args:
        rest: (N, 3). observed: (T, N, 3). weights: (N,) or (T, N).

    Returns:
        (T, 3, 3) proper rotations R that minimise the weighted squared distance of R rest to observed.
    """
    covariance = torch.einsum("...n,...ni,nj->...ij", weights.expand(observed.shape[:-1]), observed, rest)
    u, _, vh = torch.linalg.svd(covariance)
    sign = torch.det(u @ vh)
    diagonal = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], dim=-1)
    return u * diagonal[..., None, :] @ vh


def poses_from_landmarks(world: Tensor, rest: Tensor, parents: Tensor) -> Tensor:
    """Local joint rotations of SMPL's first 24 joints that put the bones where the landmarks are.

    Args:
        world: (T, 33, 3) landmarks in metres, any origin; axes as the result's root shall have them.
        rest: (33, 3) the body's own landmarks in its rest pose (T-pose, Y-up, facing +Z).
        parents: (J,) with J >= 24.

    Returns:
        (T, 24, 3, 3), joint 0 being the root's rotation from the body's axes to those of ``world``.
    """
    globals_ = torch.eye(3).expand(len(world), len(JOINT_NAMES), 3, 3).clone()
    _orient_torso(globals_, world, rest)
    for side, sign in _SIDES:
        _orient_arm(globals_, world, rest, side, sign)
        _orient_leg(globals_, world, rest, side)
    parent_globals = globals_[:, parents[1 : len(JOINT_NAMES)]]
    local = globals_.clone()
    local[:, 1:] = parent_globals.transpose(-1, -2) @ globals_[:, 1:]
    return local


def _vectors(points: Tensor, pairs: list[tuple[str, str]]) -> Tensor:
    """Unit vectors (..., N, 3) from landmark a to landmark b; a name may be the middle ``mid_hip``."""
    return torch.stack([_unit(_point(points, b) - _point(points, a)) for a, b in pairs], dim=-2)


def _point(points: Tensor, name: str) -> Tensor:
    if name.startswith("mid_"):
        part = name.removeprefix("mid_")
        return (points[..., LANDMARK[f"left_{part}"], :] + points[..., LANDMARK[f"right_{part}"], :]) / 2
    return points[..., LANDMARK[name], :]


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm(dim=-1, keepdim=True).clamp_min(1e-8)


def _orient_torso(globals_: Tensor, world: Tensor, rest: Tensor) -> None:
    up = ("mid_hip", "mid_shoulder")
    pelvis = [("right_hip", "left_hip"), up]
    chest = [("right_shoulder", "left_shoulder"), up]
    head = [("right_ear", "left_ear"), ("mid_ear", "nose"), ("mid_mouth", "mid_eye")]
    names = {"mid_mouth": ("mouth_left", "mouth_right")}
    root = kabsch(_vectors(rest, pelvis), _vectors(world, pelvis), torch.tensor([1.0, 0.7]))
    top = kabsch(_vectors(rest, chest), _vectors(world, chest), torch.tensor([1.0, 0.7]))
    rest_head, world_head = (_head_vectors(points, head, names) for points in (rest, world))
    skull = kabsch(rest_head, world_head, torch.tensor([1.0, 1.0, 0.5]))
    bend = matrix_to_axis_angle(root.transpose(-1, -2) @ top)
    globals_[:, JOINT["pelvis"]] = root
    for step, name in enumerate(("spine1", "spine2", "spine3"), start=1):
        globals_[:, JOINT[name]] = root @ axis_angle_to_matrix(bend * step / 3)
    for name in ("left_collar", "right_collar"):
        globals_[:, JOINT[name]] = top
    turn = matrix_to_axis_angle(top.transpose(-1, -2) @ skull)
    globals_[:, JOINT["neck"]] = top @ axis_angle_to_matrix(turn / 2)
    globals_[:, JOINT["head"]] = skull


def _head_vectors(points: Tensor, pairs: list[tuple[str, str]], names: dict[str, tuple[str, str]]) -> Tensor:
    def find(name: str) -> Tensor:
        if name in names:
            return torch.stack([points[..., LANDMARK[n], :] for n in names[name]]).mean(0)
        return _point(points, name)

    return torch.stack([_unit(find(b) - find(a)) for a, b in pairs], dim=-2)


def _orient_limb(upper: Tensor, lower: Tensor, rest_upper: Tensor, axis: Tensor, fallback: Tensor) -> Tensor:
    """Global rotation (T, 3, 3) of the upper bone from its direction and from the plane of the bend.

    upper, lower: (T, 3) observed unit directions. rest_upper, axis: (3,) the bone and the hinge's axis at rest.
    fallback: (T, 3, 3) gives the twist where the limb is straight.
    """
    normal = torch.linalg.cross(upper, lower)
    straight = torch.einsum("tij,j->ti", fallback, axis)
    # 0.3 (about 17 degrees of bend): below it the plane of the bend is mostly noise
    normal = _unit(normal + 0.3 * straight)
    rest_vectors = torch.stack([rest_upper, axis])
    return kabsch(rest_vectors, torch.stack([upper, normal], dim=-2), torch.tensor([10.0, 1.0]))


def _orient_arm(globals_: Tensor, world: Tensor, rest: Tensor, side: str, sign: float) -> None:
    pairs = [(f"{side}_shoulder", f"{side}_elbow"), (f"{side}_elbow", f"{side}_wrist")]
    upper, lower = _vectors(world, pairs).unbind(-2)
    rest_upper, rest_lower = _vectors(rest, pairs).unbind(-2)
    # T-pose, palms down: the left forearm (+X) flexes forward (+Z), so the hinge turns about -Y
    axis = torch.tensor([0.0, -sign, 0.0])
    collar = globals_[:, JOINT[f"{side}_collar"]]
    shoulder = _orient_limb(upper, lower, rest_upper, axis, collar)
    hinge = torch.einsum("tij,j->ti", shoulder, axis)
    elbow = kabsch(
        torch.stack([rest_lower, axis]), torch.stack([lower, hinge], -2), torch.tensor([10.0, 1.0])
    )
    hand = [(f"{side}_wrist", f"{side}_index"), (f"{side}_pinky", f"{side}_index")]
    wrist = kabsch(_vectors(rest, hand), _vectors(world, hand), torch.tensor([1.0, 0.5]))
    globals_[:, JOINT[f"{side}_shoulder"]] = shoulder
    globals_[:, JOINT[f"{side}_elbow"]] = elbow
    # hand landmarks are the noisiest of all: go half the way, the solver does the rest
    bend = matrix_to_axis_angle(elbow.transpose(-1, -2) @ wrist)
    wrist = elbow @ axis_angle_to_matrix(0.5 * bend)
    globals_[:, JOINT[f"{side}_wrist"]] = wrist
    globals_[:, JOINT[f"{side}_hand"]] = wrist


def _orient_leg(globals_: Tensor, world: Tensor, rest: Tensor, side: str) -> None:
    pairs = [(f"{side}_hip", f"{side}_knee"), (f"{side}_knee", f"{side}_ankle")]
    upper, lower = _vectors(world, pairs).unbind(-2)
    rest_upper, rest_lower = _vectors(rest, pairs).unbind(-2)
    axis = torch.tensor([1.0, 0.0, 0.0])  # the shin (-Y) flexes backward (-Z)
    hip = _orient_limb(upper, lower, rest_upper, axis, globals_[:, JOINT["pelvis"]])
    hinge = torch.einsum("tij,j->ti", hip, axis)
    knee = kabsch(torch.stack([rest_lower, axis]), torch.stack([lower, hinge], -2), torch.tensor([10.0, 1.0]))
    foot = [(f"{side}_heel", f"{side}_foot_index"), (f"{side}_heel", f"{side}_ankle")]
    ankle = kabsch(_vectors(rest, foot), _vectors(world, foot), torch.tensor([1.0, 0.5]))
    globals_[:, JOINT[f"{side}_hip"]] = hip
    globals_[:, JOINT[f"{side}_knee"]] = knee
    globals_[:, JOINT[f"{side}_ankle"]] = ankle
    globals_[:, JOINT[f"{side}_foot"]] = ankle


def translation_from_landmarks(points: Tensor, keypoints: Tensor, weights: Tensor, K: Tensor) -> Tensor:
    """Where the body stands: the least-squares translation under a pinhole camera (direct linear transform).

    Args:
        points: (T, N, 3) model landmarks in camera axes, without translation.
        keypoints: (T, N, 2) pixels. weights: (T, N). K: (T, 3, 3).

    Returns:
        (T, 3) such that K (points + t) projects nearest the keypoints (algebraic error), in front of the camera.
    """
    rays = (keypoints - K[:, None, :2, 2]) / K[:, None, [0, 1], [0, 1]]
    zeros, ones = torch.zeros_like(rays[..., 0]), torch.ones_like(rays[..., 0])
    rows = torch.stack(
        [
            torch.stack([ones, zeros, -rays[..., 0]], -1),
            torch.stack([zeros, ones, -rays[..., 1]], -1),
        ],
        dim=-2,
    )  # (T, N, 2, 3)
    target = rays * points[..., 2:] - points[..., :2]
    w = weights[..., None]
    normal = torch.einsum("tn,tnki,tnkj->tij", weights, rows, rows)
    right = torch.einsum("tnki,tnk->ti", rows, w * target)
    ridge = 1e-6 * torch.eye(3)
    translation = torch.linalg.solve(normal + ridge, right)
    translation[:, 2] = translation[:, 2].clamp_min(0.3)
    return translation
