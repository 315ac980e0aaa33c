"""A recorded skeleton's motion on the body: limbs point in the world where the recorded limbs point.

Each of the body's joints turns by the recorded joint's global rotation after a constant turn, which
:mod:`smpl_fitting.guests.rest_pose` finds. The path of the pelvis is scaled by the ratio of the legs' lengths.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS
from smpl_fitting.guests.rest_pose import SIDES, Capture, rest_constants, study_capture
from smpl_fitting.guests.skeleton_names import BodyJoints, find_body_joints
from smpl_fitting.guests.timeline import matrices_to_axis_angle
from smpl_fitting.landmarks import JOINT

Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_CHUNK = 2000  # frames at a time, which bounds the memory


def retarget(
    capture: Capture, rest_joints: np.ndarray, joints: BodyJoints | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """The body's motion at the recording's own frame rate.

    Args:
        capture: the recording, Y-up or Z-up, in any unit.
        rest_joints: (24, 3) joints of the body at rest, Y-up, metres.
        joints: where the body's joints are in the skeleton; by default they are found by their names.

    Returns:
        poses (T, 72) axis-angle and trans (T, 3) in the motion file's Z-up world, and our metres for one unit of
        the recording. The floor is where the recording has it.

    Raises:
        ValueError: the skeleton has no limbs with names we know, or limbs without length.
    """
    joints = joints or find_body_joints(capture.names, capture.parents)
    study = study_capture(capture, joints)
    scale = _limb_length(joints, rest_joints, ours=True) / _limb_length(joints, capture.rest, ours=False)
    constants = rest_constants(study, rest_joints)
    to_world = Y_UP_TO_Z_UP if study.up[1] else np.eye(3)
    poses = np.empty((capture.frame_count, 3 * len(JOINT_NAMES)))
    trans = np.empty((capture.frame_count, 3))
    for start in range(0, capture.frame_count, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        rotations, points = capture.forward(chunk)
        world = to_world @ _body_rotations(rotations, joints, constants)
        middle = _middle_of_hips(points, joints) @ to_world.T * scale
        hips = (rest_joints[JOINT["left_hip"]] + rest_joints[JOINT["right_hip"]]) / 2
        reach = hips - rest_joints[0] if "left_hip" in joints.limbs else np.zeros(3)
        trans[chunk] = middle - world[:, 0] @ reach - rest_joints[0]
        poses[chunk] = matrices_to_axis_angle(local_rotations(world))
    return poses, trans, scale


def local_rotations(world: np.ndarray) -> np.ndarray:
    """(T, 24, 3, 3) relative to the parents, from global ones; joint 0's stays."""
    local = world.copy()
    local[:, 1:] = world[:, SMPL_PARENTS[1:]].swapaxes(-1, -2) @ world[:, 1:]
    return local


def _limb_length(joints: BodyJoints, rest: np.ndarray, *, ours: bool) -> float:
    """The length of the legs (of the arms, where the recording has no legs), as far as the recording has them.

    Raises:
        ValueError: they have no length.
    """
    legs = "left_hip" in joints.limbs and "right_hip" in joints.limbs
    kinds = ("hip", "knee", "ankle") if legs else ("shoulder", "elbow", "wrist")
    length = 0.0
    for side in SIDES:
        names = [name for kind in kinds if (name := f"{side}_{kind}") in joints.limbs]
        at = [JOINT[name] if ours else joints.limbs[name] for name in names]
        length += float(np.linalg.norm(np.diff(rest[at], axis=0), axis=1).sum())
    if not (np.isfinite(length) and length > 0):
        raise ValueError("its limbs have no length")
    return length


def _middle_of_hips(points: np.ndarray, joints: BodyJoints) -> np.ndarray:
    """(T, 3); the pelvis, where the recording has no hips."""
    if "left_hip" not in joints.limbs or "right_hip" not in joints.limbs:
        return points[:, joints.pelvis]
    return points[:, [joints.limbs["left_hip"], joints.limbs["right_hip"]]].mean(1)


def _body_rotations(
    rotations: np.ndarray, joints: BodyJoints, constants: dict[int, np.ndarray]
) -> np.ndarray:
    """(T, 24, 3, 3) global, in the recording's axes; a joint that it lacks keeps to its parent."""
    places = {"pelvis": joints.pelvis, "neck": joints.neck, "head": joints.head, **joints.limbs}
    turned = np.empty((len(rotations), len(JOINT_NAMES), 3, 3))
    spine = _spread_spine(
        [rotations[:, joint] @ constants[joint] for joint in (joints.pelvis, *joints.spine)]
    )
    for index, (name, parent) in enumerate(zip(JOINT_NAMES, SMPL_PARENTS, strict=True)):
        place = places.get(name)
        if name.startswith("spine"):
            turned[:, index] = spine[int(name[-1]) - 1]
        elif place is None or name.endswith("_hand"):  # our hand is stiff
            turned[:, index] = turned[:, parent]
        else:
            turned[:, index] = rotations[:, place] @ constants[place]
    return turned


def _spread_spine(chain: list[np.ndarray]) -> list[np.ndarray]:
    """Our three vertebrae (T, 3, 3), evenly along a chain of any length from pelvis to chest."""
    steps = len(chain) - 1
    spread = []
    for wanted in (steps / 3, 2 * steps / 3, float(steps)):
        low = min(int(wanted), max(steps - 1, 0))
        between = chain[low].swapaxes(-1, -2) @ chain[min(low + 1, steps)]
        part = Rotation.from_rotvec((wanted - low) * Rotation.from_matrix(between).as_rotvec())
        spread.append(chain[low] @ part.as_matrix())
    return spread
