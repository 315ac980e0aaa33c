"""Indices by name of MediaPipe's 33 pose landmarks and of SMPL's joints, and the bones that the fit compares."""

from __future__ import annotations

from smpl_fitting.body.names import JOINT_NAMES, LANDMARK_NAMES

LANDMARK = {name: index for index, name in enumerate(LANDMARK_NAMES)}
JOINT = {name: index for index, name in enumerate(JOINT_NAMES)}

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
