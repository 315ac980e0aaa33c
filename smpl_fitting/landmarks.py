"""Names and indices of MediaPipe's 33 pose landmarks and of SMPL's joints, and which bone runs between which."""

from __future__ import annotations

LANDMARKS = (
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
LANDMARK = {name: index for index, name in enumerate(LANDMARKS)}

SMPL_JOINTS = (
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
JOINT = {name: index for index, name in enumerate(SMPL_JOINTS)}

# Pairs whose direction (not length) the 3D term compares: lengths are the body's own affair.
BONES = tuple(
    (LANDMARK[a], LANDMARK[b])
    for side in ("left", "right")
    for a, b in (
        (f"{side}_shoulder", f"{side}_elbow"),
        (f"{side}_elbow", f"{side}_wrist"),
        (f"{side}_wrist", f"{side}_index"),
        (f"{side}_wrist", f"{side}_pinky"),
        (f"{side}_hip", f"{side}_knee"),
        (f"{side}_knee", f"{side}_ankle"),
        (f"{side}_heel", f"{side}_foot_index"),
        (f"{side}_shoulder", f"{side}_hip"),
        (f"{side}_ear", "nose"),
    )
) + tuple(
    (LANDMARK[f"left_{name}"], LANDMARK[f"right_{name}"]) for name in ("shoulder", "hip", "ear", "eye_outer")
)
