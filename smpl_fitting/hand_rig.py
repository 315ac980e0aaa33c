"""The hand of a body with fingers: its bones at rest, and MediaPipe's 21 hand landmarks on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from smpl_fitting.body import BodyModel
from smpl_fitting.errors import BodyModelError

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
"""In the order of MediaPipe's landmarks: the wrist, then four points a finger from its root to its tip."""
TIP_DEPTH = 0.005  # metres of a finger's end that its tip is the middle of


@dataclass(frozen=True)
class HandRig:
    """One hand at rest, in the body's axes (Y-up, facing +Z, arms out).

    Attributes:
        wrist: joint id. joints: (5, 3) joint ids of the fingers, in the order of ``FINGERS``, root to end.
        bones: (5, 3, 3) directions of the bones that these joints move, unit vectors.
        axes: (5, 3) the axis each finger bends about, positive towards the palm; unit, square to its first bone.
        frame: (3, 3) columns along the palm, across it towards the thumb's side, and out of its back.
        tips: (5, K) vertices whose mean is the finger's tip.
    """

    wrist: int
    joints: np.ndarray
    bones: np.ndarray
    axes: np.ndarray
    frame: np.ndarray
    tips: np.ndarray


@lru_cache(maxsize=8)
def hand_rig(body: BodyModel, side: str) -> HandRig:
    """The rig of a body's ``left`` or ``right`` hand, in its mean shape.

    Raises:
        BodyModelError: the body has no fingers.
    """
    if f"{side}_index1" not in body.joint_names:
        raise BodyModelError(f"{body.name}: has no fingers; use open_h, or an SMPL-H or SMPL-X file")
    joints = np.array([[body.joint_names.index(f"{side}_{f}{k}") for k in (1, 2, 3)] for f in FINGERS])
    wrist = body.joint_names.index(f"{side}_wrist")
    places, points = body.J_template.double().numpy(), body.v_template.double().numpy()
    tips = _tips(points, body.weights.numpy(), places, joints)
    chain = np.concatenate((places[joints], points[tips].mean(1)[:, None]), axis=1)  # (5, 4, 3)
    bones = _unit(np.diff(chain, axis=1))
    frame = palm_frame(places[wrist], places[joints[1:, 0]], mirrored=side == "right")
    return HandRig(wrist, joints, bones, _bending_axes(bones, frame[:, 2]), frame, tips)


def palm_frame(wrist: np.ndarray, knuckles: np.ndarray, mirrored: bool) -> np.ndarray:
    """(3, 3) columns along, across towards the index finger, and out of the back of a hand, orthonormal.

    Args:
        wrist: (3,). knuckles: (4, 3) of index, middle, ring and little finger.
        mirrored: for a right hand; its columns have determinant -1.
    """
    along = _unit(knuckles.mean(0) - wrist)
    across = knuckles[0] - knuckles[3]
    across = _unit(across - (across @ along) * along)
    back = np.cross(across, along) if not mirrored else np.cross(along, across)
    return np.stack((along, across, back), axis=1)


def hand_landmarks(body: BodyModel, side: str, betas: Tensor, poses: Tensor) -> np.ndarray:
    """(T, 21, 3) MediaPipe's hand landmarks on the posed body: joints and finger tips. Arguments as in ``lbs``."""
    rig = hand_rig(body, side)
    index = torch.from_numpy(rig.tips.ravel())
    output = body(betas, poses, vertex_index=index)
    tips = output.vertices.reshape(len(poses), *rig.tips.shape, 3).mean(2)
    joints = output.joints[:, torch.from_numpy(rig.joints)]
    fingers = torch.cat((joints, tips[:, :, None]), 2).flatten(1, 2)
    return torch.cat((output.joints[:, rig.wrist, None], fingers), 1).numpy()


def _tips(points: np.ndarray, weights: np.ndarray, places: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(5, K) vertices at the end of each finger, some repeated so that all fingers have as many."""
    found = []
    for _, middle, end in joints:
        own = np.flatnonzero(weights[:, end] > 0.5)
        reach = points[own] @ _unit(places[end] - places[middle])
        found.append(own[reach > reach.max() - TIP_DEPTH])
    return np.stack([np.resize(tip, max(len(one) for one in found)) for tip in found])


def _bending_axes(bones: np.ndarray, back: np.ndarray) -> np.ndarray:
    """(5, 3): across the finger for the four, and for the thumb the axis its rest pose is bent about."""
    fingers = np.cross(bones[1:, 0], -back)
    thumb = np.cross(bones[0, 0], bones[0, 1])
    thumb -= (thumb @ bones[0, 0]) * bones[0, 0]
    return _unit(np.concatenate((thumb[None], fingers)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
