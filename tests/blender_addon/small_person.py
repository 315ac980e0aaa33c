"""A body of 40 vertices and 5 joints with known skinning, as files: everything the scene needs, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NAMES = ("pelvis", "left_hip", "right_hip", "spine1", "head")
PARENTS = np.array([-1, 0, 0, 0, 3])
JOINTS = np.array([[0, 1.0, 0], [0.1, 0.9, 0], [-0.1, 0.9, 0.01], [0, 1.2, 0], [0, 1.6, 0.02]])


def body_arrays(correctives: bool = False, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    vertices = 40
    weights = rng.random((vertices, 5)) * (rng.random((vertices, 5)) < 0.5)
    weights[:, 0] += 0.1
    ring = np.arange(vertices)
    return {
        "v_template": rng.normal(0, 0.3, (vertices, 3)) + [0, 1.1, 0],
        "shapedirs": rng.normal(0, 0.02, (vertices, 3, 3)),
        "posedirs": rng.normal(0, 0.01, (vertices, 3, 36 if correctives else 0)),
        "J_template": JOINTS,
        "J_shapedirs": rng.normal(0, 0.01, (5, 3, 3)),
        "weights": (weights / weights.sum(1, keepdims=True)).astype(np.float32),
        "parents": PARENTS,
        "faces": np.stack([ring, np.roll(ring, -1), np.roll(ring, -2)], 1)[:38],
        "uv": rng.random((60, 2)),
        "faces_uv": rng.integers(0, 60, (38, 3)),
        "part_labels": np.zeros(38, np.uint8),
        "joint_names": np.array(NAMES),
        "betas": np.array([1.5, -2.0, 0.5]),
        "name": np.array("small"),
        "gender": np.array("neutral"),
        "format_version": np.array(1),
    }


def motion_arrays(frames: int = 6, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    K = np.array([[700.0, 0, 250], [0, 700, 420], [0, 0, 1]])
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    return {
        "poses": rng.normal(0, 1.0, (frames, 15)),
        "trans": rng.normal(0, 1.0, (frames, 3)),
        "model": np.array("open"),
        "mocap_frame_rate": np.array(29.97),
        "camera_K": np.tile(K, (frames, 1, 1)),
        "camera_R": np.tile(R, (frames, 1, 1)),
        "camera_t": np.tile([0.1, 1.0, 5.0], (frames, 1)),
        "image_size": np.array([800, 480]),
    }


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, **arrays)
    return path


def rotation(axis_angle: np.ndarray) -> np.ndarray:
    """The matrix exponential of a rotation vector, summed term by term: nothing shared with the code under test."""
    x, y, z = axis_angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    result, term = np.eye(3), np.eye(3)
    for k in range(1, 60):
        term = term @ cross / k
        result = result + term
    return result


def skinned(body: dict[str, np.ndarray], motion: dict[str, np.ndarray], frame: int) -> np.ndarray:
    """Vertices (V, 3) in the world: linear blend skinning as SMPL's paper has it, in 4x4 matrices."""
    betas = body["betas"]
    joints = body["J_template"] + body["J_shapedirs"] @ betas
    turns = [rotation(v) for v in motion["poses"][frame].reshape(-1, 3)]
    shaped = body["v_template"] + body["shapedirs"] @ betas
    if body["posedirs"].shape[2]:
        shaped = shaped + body["posedirs"] @ np.concatenate([(R - np.eye(3)).ravel() for R in turns[1:]])
    chain = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        chain.append(local if parent < 0 else chain[parent] @ local)
    skin = []
    for joint, matrix in enumerate(chain):
        back = np.eye(4)
        back[:3, 3] = -joints[joint]
        skin.append(matrix @ back)
    points = np.concatenate([shaped, np.ones((len(shaped), 1))], 1)
    moved = np.einsum("vj,jab,vb->va", body["weights"].astype(float), np.array(skin), points)
    return moved[:, :3] + motion["trans"][frame]
