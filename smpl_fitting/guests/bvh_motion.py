"""BVH recordings as motions of the open body, and motions as BVH files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS
from smpl_fitting.errors import MotionFileError
from smpl_fitting.files import atomic_path
from smpl_fitting.guests.alignment import Y_UP_TO_Z_UP, retarget
from smpl_fitting.guests.bvh import Bvh, read_bvh
from smpl_fitting.guests.euler import continuous_euler
from smpl_fitting.guests.placement import joint_rotations, rest_joints, rest_of_24
from smpl_fitting.motion import Motion

_CENTIMETRES = 100.0
_OWN_OFFSET = 1e-4  # metres: offsets that agree this well were written by us
_ORDER = "ZXY"


def read_bvh_motion(path: str | Path, body: BodyModel | None = None) -> Motion:
    """A BVH recording, done by the open body (its 24 joints; fingers stay at rest).

    Limbs point in the world where the recording's point; the path is scaled by the ratio of the legs' lengths,
    so the file's unit does not matter. Of a file written by :func:`write_bvh` the very body and motion come back.

    Args:
        body: whose proportions to use; the mean open body by default.

    Raises:
        MotionFileError: the file is no BVH recording, or its joints have no names we know.
    """
    recording = read_bvh(path)
    body = body or load_body("open")
    betas = _own_betas(recording, body)
    rest = rest_of_24(body, betas)
    try:
        poses, trans, _ = retarget(recording, rest)
    except ValueError as error:
        raise MotionFileError(
            f"{path}: {error}; rename its joints or export it for another skeleton"
        ) from error
    if not (np.isfinite(poses).all() and np.isfinite(trans).all()):
        raise MotionFileError(f"{path}: its numbers are too large to be a movement; export it again")
    filled = np.zeros((len(poses), 3 * body.num_joints), np.float32)
    filled[:, : 3 * 22] = poses[:, : 3 * 22]  # the hand joints of the 24 are stiff
    return Motion(
        poses=filled,
        trans=trans.astype(np.float32),
        betas=betas,
        fps=recording.fps,
        model=body.name,
        gender=body.gender,
        times=np.arange(len(poses)) / recording.fps,
        source=Path(path).name,
    )


def _own_betas(recording: Bvh, body: BodyModel) -> np.ndarray:
    """The betas whose joints have a file's very offsets, if we wrote the file; zeros otherwise."""
    none = np.zeros(body.num_betas, np.float32)
    if not set(JOINT_NAMES[:22]) <= set(recording.names):
        return none
    at = [recording.names.index(name) for name in JOINT_NAMES[1:22]]
    parents = list(SMPL_PARENTS[1:22])
    theirs = recording.offsets[at] / _CENTIMETRES
    template, shapes = body.J_template.double().numpy(), body.J_shapedirs.double().numpy()
    ours = template[1:22] - template[parents]
    change = (shapes[1:22] - shapes[parents]).reshape(-1, body.num_betas)
    betas = np.linalg.lstsq(change, (theirs - ours).ravel(), rcond=None)[0]
    miss = np.abs(ours.ravel() + change @ betas - theirs.ravel()).max()
    return betas.astype(np.float32) if miss < _OWN_OFFSET else none


def write_bvh(motion: Motion, path: str | Path, body: BodyModel | None = None) -> None:
    """Write a motion as BVH: Y-up, centimetres, the joints and rest pose (T-pose, facing +Z) of its body.

    The root has position and ``ZXY`` rotation channels, all others rotations; angles are continued over whole
    turns, so that no channel jumps where the movement does not.

    Args:
        body: the body of the motion; without it, the motion of a licensed model is written on the open body.

    Raises:
        MotionFileError: ``body`` is not the model of the motion.
        LiquidMotionError: the file cannot be written.
    """
    rest, names, parents = rest_joints(motion, body)
    rotations = joint_rotations(motion)[:, : len(names)]
    pelvis = (rest[0] + motion.trans) @ Y_UP_TO_Z_UP  # the inverse turn
    rotations[:, 0] = Y_UP_TO_Z_UP.T @ rotations[:, 0]
    angles = np.rad2deg(continuous_euler(rotations, _ORDER))
    order = _depth_first(parents)
    table = np.concatenate([pelvis * _CENTIMETRES, angles[:, order].reshape(len(angles), -1)], axis=1)
    lines = ["HIERARCHY", *_hierarchy(rest, names, parents)]
    lines += ["MOTION", f"Frames: {len(table)}", f"Frame Time: {1.0 / motion.fps:.9f}"]
    with atomic_path(path) as temporary, open(temporary, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
        np.savetxt(file, table, fmt="%.6f")


def _children(parents: tuple[int, ...], joint: int) -> list[int]:
    return [child for child, parent in enumerate(parents) if parent == joint]


def _depth_first(parents: tuple[int, ...]) -> list[int]:
    order: list[int] = []
    waiting = [0]
    while waiting:
        joint = waiting.pop()
        order.append(joint)
        waiting += reversed(_children(parents, joint))
    return order


def _hierarchy(
    rest: np.ndarray, names: tuple[str, ...], parents: tuple[int, ...], joint: int = 0, depth: int = 0
) -> list[str]:
    """The lines of a joint and all below it. A joint without children ends half its own bone further on."""
    indent, inner = "\t" * depth, "\t" * (depth + 1)
    rotations = " ".join(f"{axis}rotation" for axis in _ORDER)
    offset = rest[joint] - rest[parents[joint]] if depth else np.zeros(3)
    lines = [
        f"{indent}{'JOINT' if depth else 'ROOT'} {names[joint]}",
        f"{indent}{{",
        f"{inner}OFFSET {_numbers(offset)}",
        f"{inner}CHANNELS 3 {rotations}"
        if depth
        else f"{inner}CHANNELS 6 Xposition Yposition Zposition {rotations}",
    ]
    children = _children(parents, joint)
    for child in children:
        lines += _hierarchy(rest, names, parents, child, depth + 1)
    if not children:
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {_numbers(offset / 2)}", f"{inner}}}"]
    return [*lines, f"{indent}}}"]


def _numbers(vector: np.ndarray) -> str:
    return " ".join(f"{value * _CENTIMETRES:.6f}" for value in vector)
