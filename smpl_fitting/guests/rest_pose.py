"""What a skeleton's rest pose means: the constant turns from our resting body to theirs.

Where the skeleton rests like a person (T, A or with hanging arms) a joint's constant is the smallest turn that
lays our resting limb along theirs. Where its resting joints are no person at all (LAFAN, many game rigs: every
bone along its own axis), it is learnt from the recording: bones give one direction, and the axis about which
knees and elbows bend the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.spatial.transform import Rotation

from smpl_fitting.guests.skeleton_names import BodyJoints
from smpl_fitting.landmarks import JOINT

SIDES = ("left", "right")
_LEARNT_FROM = 500  # frames, evenly spread
_STILL_SPEED = 0.08  # m/s of the faster of ankle and ball that still counts as standing
_STILL_SHARE = 0.02  # of the frames must stand before a sole is learnt from them
_SOLE_SPREAD = np.cos(np.deg2rad(15.0))  # how far a sole may be from square to the shin
_LEG_LENGTH = 0.8  # metres, a grown person's, by which a file's unit is told
_SAME = 1e-3  # metres: joints at rest that agree this well are the same
_STRAIGHT = 0.3  # the sine of a bend below which the bend's axis is mostly noise
_AXES = {"hip": (1.0, 0.0, 0.0), "left_shoulder": (0.0, -1.0, 0.0), "right_shoulder": (0.0, 1.0, 0.0)}
_UP = np.array([0.0, 1.0, 0.0])


class Capture(Protocol):
    """A recorded skeleton: :class:`smpl_fitting.guests.bvh.Bvh`, or an Acclaim recording."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def parents(self) -> Sequence[int]: ...
    @property
    def rest(self) -> np.ndarray: ...  # (J, 3)
    @property
    def fps(self) -> float: ...
    @property
    def frame_count(self) -> int: ...

    def forward(self, frames: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Global rotations (N, J, 3, 3), identity at rest, and joints (N, J, 3)."""


@dataclass(frozen=True)
class Study:
    """Some frames of a recording, from which constants are learnt; all in the recording's own axes."""

    capture: Capture
    joints: BodyJoints
    frames: np.ndarray  # (N,)
    rotations: np.ndarray  # (N, J, 3, 3)
    points: np.ndarray  # (N, J, 3)
    up: np.ndarray  # (3,) +Y or +Z

    def seen_from(self, joint: int, vectors: np.ndarray) -> np.ndarray:
        """(3,) the mean of vectors (N, 3) in the joint's own axes."""
        return np.einsum("nij,ni->j", self.rotations[:, joint], vectors) / len(vectors)

    def carried(self, joint: int, from_joint: int, constant: np.ndarray) -> np.ndarray:
        """(3, 3) the constant of a joint that is on average not turned against another."""
        between = np.einsum("nji,njk->ik", self.rotations[:, joint], self.rotations[:, from_joint])
        return Rotation.from_matrix(_nearest_rotation(between)).as_matrix() @ constant


def study_capture(capture: Capture, joints: BodyJoints) -> Study:
    count = min(capture.frame_count, _LEARNT_FROM)
    frames = np.linspace(0, capture.frame_count - 1, count).round().astype(int)
    rotations, points = capture.forward(frames)
    return Study(capture, joints, frames, rotations, points, _up_axis(capture, points, joints))


def rest_constants(study: Study, rest_joints: np.ndarray) -> dict[int, np.ndarray]:
    """Of each of the body's joints in the skeleton, by its index: (3, 3) C, so that R_ours = R_theirs C."""
    if _is_ours(study, rest_joints):
        return {joint: np.eye(3) for joint in range(len(study.capture.names))}
    aligned = _person_frame(study.capture, study.joints, study.up)
    constants = _learnt_trunk(study, rest_joints) if aligned is None else _given_trunk(study, aligned)
    for side in SIDES:
        for kinds in (("hip", "knee", "ankle", "foot"), ("collar", "shoulder", "elbow", "wrist")):
            above = study.joints.chest if kinds[0] == "collar" else study.joints.pelvis
            for kind in kinds:
                joint = study.joints.limbs.get(f"{side}_{kind}")
                if joint is None:
                    continue
                constants[joint] = _limb_constant(study, rest_joints, side, kind, above, aligned, constants)
                above = joint
    return constants


def swing(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(3, 3) smallest rotation that turns the vector ``source`` towards ``target``."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, a @ b)).as_matrix()


def frame_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(3, 3) columns: ``first``, ``second`` made square to it, and their cross product, all unit."""
    first = first / np.linalg.norm(first)
    second = second - (second @ first) * first
    second = second / np.linalg.norm(second)
    return np.stack((first, second, np.cross(first, second)), axis=1)


def _is_ours(study: Study, rest_joints: np.ndarray) -> bool:
    """Whether the skeleton rests as our body does, joint for joint, whatever its unit."""
    joints, rest = study.joints, study.capture.rest
    if len(joints.spine) != 3 or joints.neck is None or joints.head is None:
        return False
    places = {"neck": joints.neck, "head": joints.head, **joints.limbs}
    places |= {f"spine{number}": joint for number, joint in enumerate(joints.spine, start=1)}
    ours = rest_joints[[JOINT[name] for name in places]] - rest_joints[0]
    theirs = rest[list(places.values())] - rest[joints.pelvis]
    unit = np.linalg.norm(ours) / max(float(np.linalg.norm(theirs)), 1e-12)
    return bool(np.abs(theirs * unit - ours).max() < _SAME)


def _limb_constant(
    study: Study,
    rest_joints: np.ndarray,
    side: str,
    kind: str,
    above: int,
    aligned: np.ndarray | None,
    constants: dict[int, np.ndarray],
) -> np.ndarray:
    """The constant of one joint of a limb; ``above`` is the joint before it, whose constant is known."""
    joint = study.joints.limbs[f"{side}_{kind}"]
    like_above = constants[above] if aligned is not None else study.carried(joint, above, constants[above])
    theirs, ours = _their_limb(study, side, kind), _our_limb(rest_joints, side, kind)
    if theirs is None or ours is None:
        return like_above
    if kind == "ankle":
        sole = _sole_normal(study, side, theirs, aligned)
        return like_above if sole is None else frame_of(sole, theirs) @ frame_of(_UP, ours).T
    if aligned is not None:
        return swing(aligned @ ours, theirs) @ aligned
    axis = np.array(_AXES["hip"] if kind in ("hip", "knee") else _AXES[f"{side}_shoulder"])
    hinge = _hinge(study, side, kind, joint, constants)
    if hinge is None or np.linalg.norm(np.cross(hinge, theirs)) < 1e-6 * np.linalg.norm(theirs):
        return swing(like_above @ ours, theirs) @ like_above
    return frame_of(theirs, hinge) @ frame_of(ours, axis).T


def _their_limb(study: Study, side: str, kind: str) -> np.ndarray | None:
    """(3,) where a limb points in the joint's own axes: to the next joint, to the middle of the fingers or of
    whatever hangs on it; None where that is nowhere."""
    limbs, rest, parents = study.joints.limbs, study.capture.rest, study.capture.parents
    joint = limbs[f"{side}_{kind}"]
    following = {"hip": "knee", "knee": "ankle", "ankle": "foot", "shoulder": "elbow", "elbow": "wrist"}.get(
        kind
    )
    if following is not None and f"{side}_{following}" in limbs:
        reach = rest[limbs[f"{side}_{following}"]] - rest[joint]
    else:
        hanging = [
            child
            for child, parent in enumerate(parents)
            if parent == joint and "thumb" not in study.capture.names[child].lower()
        ]
        reach = rest[hanging].mean(0) - rest[joint] if hanging else np.zeros(3)
    size = np.linalg.norm(study.capture.rest.max(0) - study.capture.rest.min(0))
    return reach if np.linalg.norm(reach) > 1e-4 * size else None


def _our_limb(rest_joints: np.ndarray, side: str, kind: str) -> np.ndarray | None:
    following = {
        "hip": "knee", "knee": "ankle", "ankle": "foot", "shoulder": "elbow", "elbow": "wrist", "wrist": "hand",
    }.get(kind)  # fmt: skip
    if following is None:
        return None
    return rest_joints[JOINT[f"{side}_{following}"]] - rest_joints[JOINT[f"{side}_{kind}"]]


def _hinge(
    study: Study, side: str, kind: str, joint: int, constants: dict[int, np.ndarray]
) -> np.ndarray | None:
    """(3,) the axis about which the knee or elbow bends, in a joint's own axes; None without such a limb.

    A limb that stays straight tells nothing: there the axis is that of a limb swung from rest without twist.
    """
    arm = kind in ("shoulder", "elbow", "wrist")
    kinds = ("shoulder", "elbow", "wrist") if arm else ("hip", "knee", "ankle")
    places = [study.joints.limbs.get(f"{side}_{one}") for one in kinds]
    if None in places:
        return None
    upper, lower = (
        _unit(study.points[:, b] - study.points[:, a]) for a, b in zip(places, places[1:], strict=False)
    )
    trunk = study.joints.chest if arm else study.joints.pelvis
    world = study.rotations[:, trunk] @ constants[trunk]
    axis = world @ np.array(_AXES[f"{side}_shoulder" if arm else "hip"])
    rest = world @ (np.array([1.0 if side == "left" else -1.0, 0.0, 0.0]) if arm else -_UP)
    # the swing from rest to upper, applied to an axis square to rest
    both = np.maximum(1.0 + (rest * upper).sum(-1, keepdims=True), 1e-3)
    straight = axis - (upper * axis).sum(-1, keepdims=True) / both * (rest + upper)
    return study.seen_from(joint, np.cross(upper, lower) + _STRAIGHT * straight)


def _sole_normal(study: Study, side: str, toes: np.ndarray, aligned: np.ndarray | None) -> np.ndarray | None:
    """(3,) the upward normal of a foot's sole in the foot's own axes; ``toes``: where the foot points in them.

    Skeletons often rest with spread legs and feet that lean with them, and how far the toes hang varies with
    the markers, so flat feet are learnt from the recording: the median of the vertical, seen from the foot,
    over the frames in which it stands still. Without such frames (a climb, a run) it is square to the shin.
    """
    limbs = study.joints.limbs
    ankle, knee = limbs[f"{side}_ankle"], limbs.get(f"{side}_knee")
    if knee is None:
        return aligned[:, 1] if aligned is not None else None
    rest = study.capture.rest
    shin = rest[knee] - rest[ankle]
    square = (
        shin
        if aligned is not None
        else study.seen_from(ankle, study.points[:, knee] - study.points[:, ankle])
    )
    length = np.linalg.norm(square)
    if length == 0 or np.linalg.norm(np.cross(square, toes)) < 1e-3 * length * np.linalg.norm(toes):
        return None
    square = square / length
    still = _standing(study, side)
    if not still.any():
        return square
    normal = np.median(study.rotations[still][:, ankle, :, :].swapaxes(-1, -2) @ study.up, axis=0)
    normal /= np.linalg.norm(normal)
    return normal if normal @ square > _SOLE_SPREAD else square


def _standing(study: Study, side: str) -> np.ndarray:
    """(N,) bool: the studied frames in which a foot stands still; none, where they are too few to learn from."""
    limbs, capture = study.joints.limbs, study.capture
    ends = [limbs[name] for name in (f"{side}_ankle", f"{side}_foot") if name in limbs]
    rest = capture.rest
    thigh, shin = (limbs.get(f"{side}_{kind}") for kind in ("hip", "knee"))
    if thigh is None or shin is None or capture.frame_count < 3:
        return np.zeros(len(study.frames), bool)
    leg = float(np.linalg.norm(np.diff(rest[[thigh, shin, ends[0]]], axis=0), axis=1).sum())
    metres = _LEG_LENGTH / max(leg, 1e-12)
    inner = study.frames.clip(1, capture.frame_count - 2)
    before, after = (capture.forward(inner + step)[1][:, ends] for step in (-1, 1))
    speed = np.linalg.norm(after - before, axis=-1).max(1) * metres * capture.fps / 2
    height = study.points[:, ends[0]] @ study.up * metres
    still = (speed < _STILL_SPEED) & (height < np.percentile(height, 20) + 0.03)
    return still if still.mean() > _STILL_SHARE else np.zeros_like(still)


def _given_trunk(study: Study, aligned: np.ndarray) -> dict[int, np.ndarray]:
    joints = study.joints
    return {
        joint: aligned
        for joint in (joints.pelvis, *joints.spine, joints.neck, joints.head)
        if joint is not None
    }


def _learnt_trunk(study: Study, rest_joints: np.ndarray) -> dict[int, np.ndarray]:
    """Hips and shoulders give the pelvis and the chest; what lies between and above is not turned on average."""
    joints, constants = study.joints, {}
    across = {"hip": joints.pelvis, "shoulder": joints.chest}
    known = {kind: joint for kind, joint in across.items() if _pair(joints, kind) is not None}
    up, our_up = _trunk_up(study, rest_joints)
    for kind, joint in known.items():
        left, right = _pair(joints, kind) or (0, 0)
        lateral = study.seen_from(joint, _unit(study.points[:, left] - study.points[:, right]))
        upright = study.seen_from(joint, up)
        constants[joint] = frame_of(lateral, upright) @ frame_of(np.array([1.0, 0.0, 0.0]), our_up).T
    root = next(iter(known.values()))
    above = joints.chest if joints.chest in constants else root
    for joint in (joints.pelvis, *joints.spine):
        constants.setdefault(joint, study.carried(joint, root, constants[root]))
    for end in (joints.neck, joints.head):
        if end is not None:
            constants.setdefault(end, study.carried(end, above, constants[above]))
    return constants


def _trunk_up(study: Study, rest_joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Along the trunk, (N, 3) theirs and (3,) ours: from the middle of the hips to that of the shoulders."""
    joints = study.joints
    hips, shoulders = _pair(joints, "hip"), _pair(joints, "shoulder")
    low = study.points[:, hips].mean(1) if hips else study.points[:, joints.pelvis]
    high = study.points[:, shoulders].mean(1) if shoulders else study.points[:, _top(joints)]
    ours = [rest_joints[[JOINT[f"{side}_{kind}"] for side in SIDES]].mean(0) for kind in ("hip", "shoulder")]
    return _unit(high - low), ours[1] - ours[0]


def _pair(joints: BodyJoints, kind: str) -> list[int] | None:
    """The left and the right joint of a kind, if both are there."""
    pair = [joints.limbs.get(f"{side}_{kind}") for side in SIDES]
    return [joint for joint in pair if joint is not None] if None not in pair else None


def _up_axis(capture: Capture, points: np.ndarray, joints: BodyJoints) -> np.ndarray:
    """+Y or +Z (3,): along which the skeleton stands at rest, else along which the recorded person stands."""
    axes = (np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    for up in axes:
        if _person_frame(capture, joints, up) is not None:
            return up
    low = [joint for name, joint in joints.limbs.items() if name.endswith(("ankle", "knee"))] or [
        joints.pelvis
    ]
    tall = np.abs((points[:, _top(joints)] - points[:, low].mean(1)).mean(0))
    return axes[int(tall[2] > 2.0 * tall[1])]


def _person_frame(capture: Capture, joints: BodyJoints, up: np.ndarray) -> np.ndarray | None:
    """(3, 3) columns left, up, forward of a skeleton that rests like a person; None where it does not."""
    rest = capture.rest
    across = _pair(joints, "hip") or _pair(joints, "shoulder")
    assert across is not None  # find_body_joints saw to it
    left = rest[across[0]] - rest[across[1]]
    width = np.linalg.norm(left)
    left = left - (left @ up) * up
    if np.linalg.norm(left) < 0.7 * width or width == 0:
        return None
    left = left / np.linalg.norm(left)
    frame = np.stack((left, up, np.cross(left, up)), axis=1)
    return frame if all(_is_natural(rest, joints, frame, side) for side in SIDES) else None


def _is_natural(rest: np.ndarray, joints: BodyJoints, frame: np.ndarray, side: str) -> bool:
    """Whether one side's resting limbs point where a person's can: legs down, toes ahead, arms out or down."""
    left, up, forward = frame.T
    out = left if side == "left" else -left

    def way(start: int | None, end: int | None) -> np.ndarray:
        return np.zeros(3) if start is None or end is None else _unit(rest[end] - rest[start])

    kinds = ("hip", "knee", "ankle", "foot", "shoulder", "elbow", "wrist")
    hip, knee, ankle, foot, shoulder, elbow, wrist = (joints.limbs.get(f"{side}_{kind}") for kind in kinds)
    thigh, shin, upper, lower = way(hip, knee), way(knee, ankle), way(shoulder, elbow), way(elbow, wrist)
    checks = (
        (thigh, -up, 0.7),
        (shin, -up, 0.7),
        (thigh, shin, 0.7),
        (way(ankle, foot), forward, 0.1),
        (upper, lower, 0.7),
        (upper, (out - up) / np.sqrt(2), 0.6),
        (way(joints.pelvis, _top(joints)), up, 0.8),
    )
    return all(not a.any() or not b.any() or a @ b > least for a, b, least in checks)


def _top(joints: BodyJoints) -> int:
    return joints.head if joints.head is not None else joints.chest


def _nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    u, _, vh = np.linalg.svd(matrix)
    return u @ np.diag([1.0, 1.0, np.linalg.det(u @ vh)]) @ vh


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)
