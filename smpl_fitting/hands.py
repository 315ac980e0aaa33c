"""A fitted motion with fingers, wrists and head as the hand and face networks saw them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.body.layouts import to_layout
from smpl_fitting.body.skinning import forward_kinematics
from smpl_fitting.detection import Detections
from smpl_fitting.detection.closeups import look_closer
from smpl_fitting.detection.face import FaceFollower, HeadDetections
from smpl_fitting.detection.hands import SIDES, HandDetections, HandFollower, rows_per_second
from smpl_fitting.fingers import (
    axis_angle,
    finger_misfit,
    finger_poses,
    relaxed_fingers,
    rotation_vector,
    shortest_turn,
    steady,
    wrist_rotations,
)
from smpl_fitting.landmarks import LANDMARK
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage
from smpl_fitting.world import view_rotation

_LIMBS = 22  # joints up to the wrists, the same in all layouts

# Radians. What forearm and wrist can do together (Norkin & White): pronation and supination from the resting palm,
# and how far a wrist bends any way; readings beyond it are mistakes. A head is not turned farther than a right angle
# from what the pose landmarks say.
_LARGEST_TWIST, _LARGEST_BEND, _LARGEST_NOD = 2.4, 1.5, 1.6
# Radians by which the fingers of a reading may bend out of their planes to be believed fully, and not at all. Of 146
# drawn hands the palms err by 15 degrees in the median up to 0.28, by 50 and more beyond 0.4.
_MISFIT = (0.28, 0.45)
# Radians between a palm as read and as fitted, up to which a reading is believed, and from which not at all. Measured
# on eight synthetic clips: readings up to 1.2 apart err by 21 degrees (the fit by 35), those beyond 1.8 by 130 (28).
_APART = (1.3, 1.8)
_OUTLIER = 0.35  # radians from the steady value, at which a reading counts half
# Of the wrist as fitted beside 1 for a sure reading, about as the squares of their errors are; of the head's nod, turn
# and tilt: how far a face nods depends on its owner's forehead and nose, and the fit has the ears to go by.
_FITTED_WRIST, _FITTED_HEAD = np.array([0.2]), np.array([1.0, 0.2, 0.2])
_RELAXED_WEIGHT = np.array([0.02])  # and of relaxed fingers
_FOREARM_SHARE = 0.5  # of a correction's twist; the wrist takes the rest, so that no skin is wrung
_NECK_GIVES = 0.6  # radians, at most


def fit_hands_and_head(
    motion: Motion,
    body: BodyModel,
    footage: Footage,
    detections: Detections,
    progress: Progress | None = None,
) -> Motion:
    """Look at hands and face of the person whom ``detections`` found, and add what is seen to the fitted motion.

    Arguments and errors as in :func:`add_hands_and_head`; the frames are read once.

    Raises:
        FootageError: a frame cannot be read. Cancelled: through ``progress``.
    """
    count = len(detections.frames)
    with (
        contextlib.closing(HandFollower(count, rows_per_second(footage, detections))) as hands,
        contextlib.closing(FaceFollower(count)) as face,
    ):
        look_closer(footage, detections, [hands, face], progress)
    return add_hands_and_head(motion, body, hands.result(), face.result(), detections.cuts.tolist())


def add_hands_and_head(
    motion: Motion,
    body: BodyModel,
    hands: HandDetections,
    head: HeadDetections,
    cuts: Sequence[int] = (),
) -> Motion:
    """The motion of a body with fingers, its hands and head as they were seen.

    Where a hand was not seen its fingers are relaxed and its wrist stays as fitted; likewise the head. Hips, trunk,
    shoulders and the places of elbows, wrists and neck stay as they are.

    Args:
        motion: a fit with cameras, of 24 joints or of the body's own; the rows are those of ``hands`` and ``head``.
        body: with fingers, the motion's ``betas`` are its own.
        cuts: rows at which a new shot begins.

    Raises:
        ValueError: the motion has no cameras, or its poses fit no layout.
        BodyModelError: the body has no fingers.
    """
    if motion.camera_K is None or motion.camera_R is None or motion.keypoints is None:
        raise ValueError("hands need the motion's cameras and landmarks, which it has not got")
    poses = to_layout(motion.poses, body.joint_names).reshape(motion.frame_count, -1, 3).astype(np.float64)
    local = axis_angle(poses[:, :_LIMBS])
    for index, side in enumerate(SIDES):
        landmarks = _in_world(motion, hands.world[:, index], LANDMARK[f"{side}_wrist"])
        seen = wrist_rotations(landmarks, body, side)
        fingers = finger_poses(landmarks, seen, body, side)
        misfit = finger_misfit(landmarks, seen, fingers, body, side)
        belief = np.clip((_MISFIT[1] - misfit) / (_MISFIT[1] - _MISFIT[0]), 0, 1)
        trust = _turn_wrist(local, body, side, seen, hands.confidence[:, index] * belief, motion.fps, cuts)
        relaxed = relaxed_fingers(body, side)
        first = body.joint_names.index(f"{side}_index1")
        poses[:, first : first + 15] = steady(fingers, trust, motion.fps, relaxed, _RELAXED_WEIGHT, cuts)
    turned = np.swapaxes(_in_world(motion, np.swapaxes(head.rotations, 1, 2), LANDMARK["nose"]), 1, 2)
    _turn_head(local, body, turned, head.confidence, motion.fps, cuts)
    poses[:, :_LIMBS] = rotation_vector(local)
    result = poses.reshape(motion.frame_count, -1).astype(motion.poses.dtype)
    return dataclasses.replace(motion, poses=result, model=body.name)


def _in_world(motion: Motion, vectors: np.ndarray, landmark: int) -> np.ndarray:
    """Vectors (T, N, 3) seen around a landmark as if in the middle of the picture, in the world's axes."""
    assert motion.keypoints is not None and motion.camera_K is not None and motion.camera_R is not None
    pixels = torch.from_numpy(motion.keypoints[:, landmark, :2].astype(np.float32))
    turn = view_rotation(pixels, torch.from_numpy(motion.camera_K.astype(np.float32))).numpy()
    return np.einsum("tji,tjk,tnk->tni", motion.camera_R, turn, vectors)


def _turn_wrist(
    local: np.ndarray,
    body: BodyModel,
    side: str,
    seen: np.ndarray,
    confidence: np.ndarray,
    fps: float,
    cuts: Sequence[int],
) -> np.ndarray:
    """Turn forearm and wrist in ``local`` (T, 22, 3, 3) to the palms ``seen`` (T, 3, 3); how far each is believed (T,).

    With f the forearm's axis at rest, the elbow's rotation is S T(a), a twist about f and then a swing, and what lies
    between the swung forearm and the palm is T(b) W: all of the pronation, and the wrist's bend. Both b and W are
    corrected; the forearm's skin takes a share of the twist.
    """
    names = body.joint_names
    shoulder, elbow, wrist = (names.index(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist"))
    axis = (body.J_template[wrist] - body.J_template[elbow]).double().numpy()
    axis /= np.linalg.norm(axis)
    arm = _globals(local, body)[:, shoulder]
    forearm = _twist(local[:, elbow], axis)
    swing = local[:, elbow] @ axis_angle(-forearm[:, None] * axis)
    fitted = _twist_and_bend(axis_angle(forearm[:, None] * axis) @ local[:, wrist], axis)
    wanted = _twist_and_bend(np.swapaxes(arm @ swing, 1, 2) @ seen, axis)
    apart = np.linalg.norm(rotation_vector(np.swapaxes(_globals(local, body)[:, wrist], 1, 2) @ seen), axis=1)
    bends = np.linalg.norm(wanted[:, 1:], axis=1)
    belief = np.clip((_APART[1] - apart) / (_APART[1] - _APART[0]), 0, 1)
    belief *= (np.abs(wanted[:, 0]) < _LARGEST_TWIST) & (bends < _LARGEST_BEND)
    change, trust = _steady_change(wanted - fitted, confidence * belief, fps, _FITTED_WRIST, cuts)
    twist, bend = (fitted + change)[:, 0], (fitted + change)[:, 1:]
    forearm = forearm + _FOREARM_SHARE * change[:, 0]
    local[:, elbow] = swing @ axis_angle(forearm[:, None] * axis)
    local[:, wrist] = axis_angle((twist - forearm)[:, None] * axis) @ axis_angle(bend)
    return trust


def _turn_head(
    local: np.ndarray,
    body: BodyModel,
    seen: np.ndarray,
    confidence: np.ndarray,
    fps: float,
    cuts: Sequence[int],
) -> None:
    """Turn neck and head in ``local`` (T, 22, 3, 3) towards the heads ``seen`` (T, 3, 3).

    The head turns about the middle of the face, which the fit has put where the landmarks see it; the neck gives way
    as far as it can.
    """
    neck, head = body.joint_names.index("neck"), body.joint_names.index("head")
    turns = _globals(local, body)
    wanted = rotation_vector(np.swapaxes(turns[:, head], 1, 2) @ seen)
    possible = np.linalg.norm(wanted, axis=1) < _LARGEST_NOD
    change, _ = _steady_change(wanted, confidence * possible, fps, _FITTED_HEAD, cuts)
    turned = turns[:, head] @ axis_angle(change)
    rest = body.J_template.double().numpy()
    bone, face = rest[head] - rest[neck], _face_middle(body) - rest[head]
    wanted_bone = turns[:, neck] @ bone + (turns[:, head] - turned) @ face
    give = shortest_turn(bone, np.einsum("tji,tj->ti", turns[:, neck], wanted_bone))
    angle = np.linalg.norm(give, axis=1, keepdims=True)
    give *= _NECK_GIVES * np.tanh(angle / _NECK_GIVES) / np.maximum(angle, 1e-9)
    local[:, neck] = local[:, neck] @ axis_angle(give)
    local[:, head] = np.swapaxes(turns[:, neck] @ axis_angle(give), 1, 2) @ turned


def _face_middle(body: BodyModel) -> np.ndarray:
    """(3,) the mean of the face's pose landmarks on the body at rest."""
    vertices, weights = body.landmark_vertices[:11], body.landmark_weights[:11]
    return (body.v_template[vertices] * weights[..., None]).sum(1).mean(0).double().numpy()


def _steady_change(
    change: np.ndarray, confidence: np.ndarray, fps: float, fitted_weight: np.ndarray, cuts: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Corrections (T, K) made steady, none where nothing is seen; readings that stray from it count less (T,)."""
    zero = np.zeros(change.shape[1])
    apart = np.linalg.norm(change - steady(change, confidence, fps, zero, np.zeros(1), cuts), axis=1)
    trust = confidence / (1 + (apart / _OUTLIER) ** 2)
    return steady(change, trust, fps, zero, fitted_weight, cuts), trust


def _globals(local: np.ndarray, body: BodyModel) -> np.ndarray:
    """(T, 22, 3, 3) global rotations."""
    rest = body.J_template[:_LIMBS].double()
    return forward_kinematics(torch.from_numpy(local), rest, body.parent_ids[:_LIMBS])[0].numpy()


def _twist_and_bend(rotations: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(T, 4) the angle b about ``axis`` and the rotation vector of W, for rotations T(b) W."""
    twist = _twist(rotations, axis)
    bend = rotation_vector(axis_angle(-twist[:, None] * axis) @ rotations)
    return np.concatenate((twist[:, None], bend), axis=1)


def _twist(rotations: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(T,) angle of the part of rotations (T, 3, 3) about a unit axis, in (-pi, pi] (swing-twist decomposition)."""
    vectors = rotation_vector(rotations)
    angle = np.linalg.norm(vectors, axis=1)
    along = vectors @ axis / np.maximum(angle, 1e-12) * np.sin(angle / 2)
    twist = 2 * np.arctan2(along, np.cos(angle / 2))
    return np.mod(twist + np.pi, 2 * np.pi) - np.pi
