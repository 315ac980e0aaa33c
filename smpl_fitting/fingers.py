"""Fingers and palms from hand landmarks, in closed form; and values that are seen now and then made steady over time.

All rotations are SMPL's: relative to the parent joint, in the axes of the body at rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import axis_angle_to_matrix, matrix_to_axis_angle
from smpl_fitting.hand_rig import FINGERS, HandRig, hand_rig

_KNUCKLES = [5, 9, 13, 17]
_FINGER_POINTS = np.arange(1, 21).reshape(5, 4)
_SMPLH_ORDER = [FINGERS.index(name) for name in ("index", "middle", "pinky", "ring", "thumb")]

# Degrees: least and greatest bend at knuckle, middle and last joint, and sideways at the knuckle (Norkin & White,
# Measurement of Joint Motion), from the straight hand.
_BENDS = np.deg2rad([[-35.0, 100.0], [-10.0, 115.0], [-15.0, 85.0]])
_SIDEWAYS = np.deg2rad(25.0)
_THUMB_TURNS = np.deg2rad([55.0, 60.0, 85.0])  # greatest turn of the thumb's joints from rest
# The relaxed hand's bends at the same joints, degrees from straight, index to little finger.
_RELAXED = np.deg2rad([[22.0, 30.0, 12.0], [27.0, 35.0, 14.0], [31.0, 38.0, 16.0], [34.0, 40.0, 18.0]])

STEADY_SECONDS = 0.04  # standard deviation of the smoothing over time
BRIDGE_SECONDS = 0.3  # of what bridges gaps
FADE_SECONDS = 0.12  # and of the fade from what is seen to what is not
_BRIDGE_WEIGHT = 1e-3  # of the bridge beside what is seen


def wrist_rotations(landmarks: np.ndarray, body: BodyModel, side: str) -> np.ndarray:
    """(T, 3, 3) global rotations of the wrist joint that turn the palm at rest to the one that was seen.

    Args:
        landmarks: (T, 21, 3) in any axes, which are the rotations' too; x, y, z right-handed as in OpenCV.
    """
    rig = hand_rig(body, side)
    seen = _palm_frames(landmarks, side == "right")
    return seen @ rig.frame.T


def finger_poses(landmarks: np.ndarray, wrist_global: np.ndarray, body: BodyModel, side: str) -> np.ndarray:
    """(T, 15, 3) axis-angle poses of one hand's finger joints in SMPL-H's order, within what joints can do.

    A knuckle bends and spreads; its finger's other joints are hinges; the thumb's joints turn the short way.

    Args:
        landmarks: (T, 21, 3) MediaPipe's hand landmarks, any scale and origin.
        wrist_global: (T, 3, 3) the wrist's rotation in the landmarks' axes, see :func:`wrist_rotations`.
        body: with fingers. side: ``left`` or ``right``.
    """
    rig = hand_rig(body, side)
    local = np.einsum("tji,tnj->tni", wrist_global, landmarks)
    bones = _unit(np.diff(local[:, _FINGER_POINTS], axis=2))  # (T, 5, 3, 3)
    turns = [_thumb(bones[:, 0], rig)] + [_finger(bones[:, f], rig, f) for f in range(1, 5)]
    return np.stack([turns[f] for f in _SMPLH_ORDER], axis=1).reshape(len(landmarks), 15, 3)


def finger_misfit(
    landmarks: np.ndarray, wrist_global: np.ndarray, poses: np.ndarray, body: BodyModel, side: str
) -> np.ndarray:
    """(T,) radians, root mean square, between the four fingers' bones as seen and as ``poses`` (T, 15, 3) hold them.

    Fingers only bend in one plane: where a palm is read wrong, or a hand is not one, they do not fit.
    Other arguments as in :func:`finger_poses`.
    """
    rig = hand_rig(body, side)
    turns = axis_angle(poses.reshape(len(poses), 5, 3, 3)[:, np.argsort(_SMPLH_ORDER)][:, 1:])
    knuckle = turns[:, :, 0]
    middle = knuckle @ turns[:, :, 1]
    held = np.stack((knuckle, middle, middle @ turns[:, :, 2]), axis=2)
    held = np.einsum("tij,tfkjl,fkl->tfki", wrist_global, held, rig.bones[1:])
    seen = _unit(np.diff(landmarks[:, _FINGER_POINTS[1:]], axis=2))
    angles = np.arccos(np.clip((held * seen).sum(-1), -1, 1))
    return np.sqrt((angles**2).mean((1, 2)))


def relaxed_fingers(body: BodyModel, side: str) -> np.ndarray:
    """(15, 3) axis-angle finger poses of a hand that does nothing, in SMPL-H's order."""
    rig = hand_rig(body, side)
    turns = np.zeros((5, 3, 3))
    for finger in range(1, 5):
        bend = np.maximum(_RELAXED[finger - 1] - _rest_bends(rig, finger), 0)
        turns[finger] = bend[:, None] * rig.axes[finger]
    return turns[_SMPLH_ORDER].reshape(15, 3)


def steady(
    values: np.ndarray,
    confidence: np.ndarray,
    fps: float,
    rest: np.ndarray,
    rest_weight: np.ndarray,
    cuts: Sequence[int] = (),
) -> np.ndarray:
    """Values (T, ...) smoothed over time; short gaps are bridged, in longer ones they fade to ``rest``.

    Args:
        confidence: (T,) weights, 0 where nothing was seen. rest: broadcasts to one frame's values.
        rest_weight: of ``rest``, beside 1 for what is surely seen; broadcasts to one frame's values.
        cuts: rows at which a new shot begins; nothing is smoothed over them.
    """
    result = np.empty(values.shape)
    for shot in np.split(np.arange(len(values)), np.asarray(cuts, int)):
        weight = confidence[shot].reshape(-1, *[1] * (values.ndim - 1)).astype(np.float64)
        total, share = np.zeros(values[shot].shape), np.full_like(weight, 1e-12)
        for seconds, factor in ((STEADY_SECONDS, 1.0), (BRIDGE_SECONDS, _BRIDGE_WEIGHT)):
            total += factor * _blur(weight * values[shot], seconds * fps)
            share += factor * _blur(weight, seconds * fps)
        near = _blur(weight, STEADY_SECONDS * fps)
        belief = _blur(near / (near + rest_weight + 1e-9), FADE_SECONDS * fps)
        result[shot] = rest + belief * (total / share - rest)
    return result


def _blur(values: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter1d(values, max(sigma, 1e-3), axis=0, mode="nearest")


def _palm_frames(landmarks: np.ndarray, mirrored: bool) -> np.ndarray:
    """(T, 3, 3) as ``palm_frame`` of hand_rig, from landmarks (T, 21, 3)."""
    knuckles = landmarks[:, _KNUCKLES]
    along = _unit(knuckles.mean(1) - landmarks[:, 0])
    across = knuckles[:, 0] - knuckles[:, 3]
    across = _unit(across - (across * along).sum(-1, keepdims=True) * along)
    back = np.cross(across, along) * (-1 if mirrored else 1)
    return np.stack((along, across, back), axis=-1)


def _finger(bones: np.ndarray, rig: HandRig, finger: int) -> np.ndarray:
    """(T, 3, 3) axis-angle of a finger's joints from its bones (T, 3, 3) in the wrist's axes at rest.

    With e along the finger's first bone at rest, h the axis it bends about and n = e x h out of its back, the
    knuckle's turn is Rot(h, bend) Rot(n, spread): the sideways angle is the bone's share of h, the bend its
    angle in the plane of e and n, each independent of the other.
    """
    axes = np.stack((rig.bones[finger, 0], rig.axes[finger]), axis=0)
    axes = np.concatenate((axes, np.cross(axes[0], axes[1])[None]))  # rows e, h, n
    seen, rest = bones @ axes.T, rig.bones[finger] @ axes.T  # (T, 3, 3), (3, 3)
    low, high = (_BENDS - _rest_bends(rig, finger)[:, None]).T
    spread = np.clip(np.arcsin(np.clip(seen[:, 0, 1], -1, 1)), -_SIDEWAYS, _SIDEWAYS)
    bend = np.clip(np.arctan2(-seen[:, 0, 2], seen[:, 0, 0]), low[0], high[0])
    knuckle = axis_angle(bend[:, None] * axes[1]) @ axis_angle(spread[:, None] * axes[2])
    turned, hinges = knuckle, []
    for joint in (1, 2):
        local = np.einsum("tji,tj->ti", turned, bones[:, joint]) @ axes.T
        angle = np.arctan2(-local[:, 2], local[:, 0]) - np.arctan2(-rest[joint, 2], rest[joint, 0])
        angle = np.clip(np.mod(angle + np.pi / 2, 2 * np.pi) - np.pi / 2, low[joint], high[joint])
        hinges.append(angle[:, None] * axes[1])
        turned = turned @ axis_angle(hinges[-1])
    return np.stack((rotation_vector(knuckle), *hinges), axis=1)


def _thumb(bones: np.ndarray, rig: HandRig) -> np.ndarray:
    """(T, 3, 3) axis-angle of the thumb's joints: each takes its bone the short way to where it was seen."""
    turned, turns = np.tile(np.eye(3), (len(bones), 1, 1)), []
    for joint in range(3):
        local = np.einsum("tji,tj->ti", turned, bones[:, joint])
        vector = shortest_turn(rig.bones[0, joint], local)
        angle = np.linalg.norm(vector, axis=-1, keepdims=True)
        vector *= np.minimum(angle, _THUMB_TURNS[joint]) / np.maximum(angle, 1e-9)
        turns.append(vector)
        turned = turned @ axis_angle(vector)
    return np.stack(turns, axis=1)


def _rest_bends(rig: HandRig, finger: int) -> np.ndarray:
    """(3,) how far a finger's joints are bent at rest, radians from the straight hand."""
    h = rig.axes[finger]
    chain = np.concatenate((rig.frame[:, :1].T, rig.bones[finger]))
    flat = chain - (chain @ h)[:, None] * h
    return np.arctan2(np.cross(flat[:-1], flat[1:]) @ h, (flat[:-1] * flat[1:]).sum(-1))


def shortest_turn(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(T, 3) rotation vectors of the smallest turns that take the way of a vector (3,) to that of others (T, 3)."""
    axis = np.cross(source, target)
    sine, cosine = np.linalg.norm(axis, axis=-1, keepdims=True), target @ source
    return axis / np.maximum(sine, 1e-9) * np.arctan2(sine, cosine[:, None])


def axis_angle(vectors: np.ndarray) -> np.ndarray:
    """(*, 3, 3) matrices of rotation vectors (*, 3)."""
    return axis_angle_to_matrix(torch.from_numpy(np.asarray(vectors, np.float64))).numpy()


def rotation_vector(matrices: np.ndarray) -> np.ndarray:
    """(*, 3) rotation vectors of matrices (*, 3, 3)."""
    return matrix_to_axis_angle(torch.from_numpy(np.asarray(matrices, np.float64))).numpy()


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
