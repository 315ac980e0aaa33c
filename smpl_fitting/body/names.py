"""The names and tables that every body shares: joints, body parts, landmarks."""

from __future__ import annotations

JOINT_NAMES = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
)
"""SMPL's 24 joints, in its order. SMPL-H and SMPL-X share the first 22."""

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_HAND_NAMES = tuple(
    f"{side}_{finger}{knuckle}" for side in ("left", "right") for finger in _FINGERS for knuckle in (1, 2, 3)
)
SMPLH_JOINT_NAMES = JOINT_NAMES[:22] + _HAND_NAMES
"""SMPL-H's 52 joints: body, left hand, right hand. A thumb's first joint is the carpometacarpal, a finger's the
metacarpophalangeal (the knuckle)."""
SMPLH_PARENTS = SMPL_PARENTS[:22] + tuple(
    20 + 15 * hand + step if step % 3 != 1 else 20 + hand for hand in (0, 1) for step in range(1, 16)
)
SMPLX_JOINT_NAMES = JOINT_NAMES[:22] + ("jaw", "left_eye", "right_eye") + _HAND_NAMES
"""SMPL-X's 55 joints: body, face, left hand, right hand."""

PART_NAMES = (
    "head",
    "torso",
    "left_upper_arm",
    "right_upper_arm",
    "left_forearm",
    "right_forearm",
    "left_hand",
    "right_hand",
    "left_thigh",
    "right_thigh",
    "left_shin",
    "right_shin",
    "left_foot",
    "right_foot",
)
"""Body parts that label the faces. Hands and feet stand apart: there the pixels of shorts and shoes bleed."""

PART_OF_JOINT = {
    "pelvis": "torso",
    "spine1": "torso",
    "spine2": "torso",
    "spine3": "torso",
    "left_collar": "torso",
    "right_collar": "torso",
    "neck": "head",
    "head": "head",
    "jaw": "head",
    "left_eye": "head",
    "right_eye": "head",
    "left_shoulder": "left_upper_arm",
    "right_shoulder": "right_upper_arm",
    "left_elbow": "left_forearm",
    "right_elbow": "right_forearm",
    "left_wrist": "left_hand",
    "right_wrist": "right_hand",
    "left_hand": "left_hand",
    "right_hand": "right_hand",
    "left_hip": "left_thigh",
    "right_hip": "right_thigh",
    "left_knee": "left_shin",
    "right_knee": "right_shin",
    "left_ankle": "left_foot",
    "right_ankle": "right_foot",
    "left_foot": "left_foot",
    "right_foot": "right_foot",
} | {name: f"{name.split('_')[0]}_hand" for name in _HAND_NAMES}
"""The part that a joint's skin belongs to."""

LANDMARK_NAMES = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
"""MediaPipe's 33 pose landmarks, in its order; left is the person's own left."""
