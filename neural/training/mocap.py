"""CMU motion capture (Acclaim ``.asf`` + ``.amc``) and its retargeting to SMPL's 24 joints.

A bone's global rotation is its parent's times C·M·C⁻¹, with C from the bone's ``axis`` and M from the
recorded degrees of freedom; the rest pose has no rotation (J. Lander, "Working with motion capture file
formats", 1998). Angles turn about X first, then Y, then Z. Lengths are inches times 0.45.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.guests.alignment import Y_UP_TO_Z_UP, local_rotations
from smpl_fitting.guests.rest_pose import frame_of, swing
from smpl_fitting.guests.timeline import matrices_to_axis_angle, rotations_at, values_at

CMU_FPS = 120.0
_METRES = 0.0254
_STILL_SPEED = 0.08  # m/s of the slowest-moving ankle and ball that still count as standing
_STILL_FRAMES = 30


class MocapError(LiquidMotionError):
    """A motion capture file that is missing or not in Acclaim's format."""


@dataclass(frozen=True)
class Skeleton:
    """An Acclaim skeleton; bone 0 is ``root`` (length 0). Y-up, facing +Z, metres.

    ``directions`` (B, 3) unit, in the rest pose; ``lengths`` (B,); ``axes`` (B, 3, 3) the bones' own frames;
    ``freedoms``: the recorded channels of each bone, such as ``("rx", "rz")``.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    directions: np.ndarray
    lengths: np.ndarray
    axes: np.ndarray
    freedoms: tuple[tuple[str, ...], ...]
    unit: float  # metres per unit of the file


@dataclass(frozen=True)
class Recording:
    """``rotations`` (T, B, 3, 3) from the rest pose, global; ``local`` (T, B, 3, 3) relative to the parent;
    ``tails`` (T, B, 3) the far ends of the bones in metres, Y-up; ``tails[:, 0]`` is the root itself."""

    skeleton: Skeleton
    rotations: np.ndarray
    local: np.ndarray
    tails: np.ndarray
    fps: float

    def part(self, start: float, stop: float) -> Recording:
        """The frames from ``start`` to ``stop`` seconds."""
        frames = slice(round(start * self.fps), round(stop * self.fps))
        return Recording(
            self.skeleton, self.rotations[frames], self.local[frames], self.tails[frames], self.fps
        )


def load_asf(path: str | Path) -> Skeleton:
    """Read a skeleton.

    Raises:
        MocapError: the file is missing or not an Acclaim skeleton.
    """
    try:
        return _parse_asf(_words(path))
    except (ValueError, KeyError, IndexError) as error:
        raise MocapError(f"{path}: not an Acclaim skeleton ({error}); fetch the .asf again") from error


def load_amc(path: str | Path, skeleton: Skeleton, fps: float = CMU_FPS) -> Recording:
    """Read a recording of ``skeleton``.

    Raises:
        MocapError: the file is missing, cut off, or was made for another skeleton.
    """
    try:
        frames = _parse_amc(_words(path), skeleton)
    except (ValueError, KeyError, IndexError) as error:
        raise MocapError(
            f"{path}: not a recording of this skeleton ({error}); fetch the .amc again"
        ) from error
    translation = frames["root"][:, :3] * skeleton.unit
    local = np.tile(np.eye(3), (len(translation), len(skeleton.names), 1, 1))
    for bone, (name, freedoms) in enumerate(zip(skeleton.names, skeleton.freedoms, strict=True)):
        if name in frames:
            angles = np.zeros((len(translation), 3))
            for column, channel in enumerate(freedoms):
                if channel.startswith("r"):
                    angles[:, "xyz".index(channel[1])] = frames[name][:, column]
            motion = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
            local[:, bone] = skeleton.axes[bone] @ motion @ skeleton.axes[bone].T
    return _forward(skeleton, local, translation, fps)


def retarget(recording: Recording, rest_joints: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """SMPL poses that point every limb where the recording's limb points.

    Each joint turns by the recorded global rotation after the smallest turn that lays our resting limb along
    the recorded skeleton's resting limb. The path is scaled by the ratio of the legs' lengths.

    Args:
        rest_joints: (24, 3) joints of the body at rest, Y-up, metres.
        fps: the wanted frame rate.

    Returns:
        poses (T, 72) axis-angle and trans (T, 3) in the motion file's Z-up world; the floor is where the
        recording has it, which fits no shoes: see :func:`neural.training.people.stand_on_floor`.
    """
    frames = len(recording.rotations)
    world = np.tile(np.eye(3), (frames, 24, 1, 1))
    turned = _bone_rotations(recording)
    for joint, name in enumerate(JOINT_NAMES):
        world[:, joint] = turned[name] @ rest_alignment(recording, rest_joints, name)
    trans = _pelvis_path(recording, rest_joints, world[:, 0]) @ Y_UP_TO_Z_UP.T - rest_joints[0]
    local = local_rotations(Y_UP_TO_Z_UP @ world)
    source = np.arange(frames) / recording.fps
    times = np.arange(0.0, source[-1] + 1e-9, 1.0 / fps)
    return matrices_to_axis_angle(rotations_at(source, local, times)), values_at(source, trans, times)


# The bone whose rotation a joint takes, and the two joints that span our limb (None: upright in both rests).
_LIMBS: dict[str, tuple[str, str | None]] = {
    "hip": ("femur", "knee"),
    "knee": ("tibia", "ankle"),
    "ankle": ("foot", "foot"),
    "foot": ("toes", None),
    "collar": ("clavicle", None),
    "shoulder": ("humerus", "elbow"),
    "elbow": ("radius", "wrist"),
    "wrist": ("hand", "hand"),
    "hand": ("hand", None),
}
_TRUNK = {
    "pelvis": "root",
    "spine1": "lowerback",
    "spine2": "upperback",
    "spine3": "thorax",
    "neck": "lowerneck",
    "head": "head",
}


def bone_of_joint(joint: str) -> str:
    """The CMU bone that moves an SMPL joint."""
    if joint in _TRUNK:
        return _TRUNK[joint]
    side, _, kind = joint.partition("_")
    return side[0] + _LIMBS[kind][0]


def rest_alignment(recording: Recording, rest_joints: np.ndarray, joint: str) -> np.ndarray:
    """(3, 3) turn from our resting limb to the recorded skeleton's resting limb; feet sole on sole."""
    if joint in _TRUNK or joint.endswith("collar"):
        return np.eye(3)
    side, _, kind = joint.partition("_")
    if kind in ("foot", "hand"):  # toes follow the foot, fingers the wrist
        return rest_alignment(recording, rest_joints, f"{side}_{'ankle' if kind == 'foot' else 'wrist'}")
    end = JOINT_NAMES.index(f"{side}_{_LIMBS[kind][1]}")
    ours = rest_joints[end] - rest_joints[JOINT_NAMES.index(joint)]
    bone = recording.skeleton.names.index(bone_of_joint(joint))
    theirs = recording.skeleton.directions[bone]
    if kind == "ankle":
        up = sole_normal(recording, side)
        return frame_of(up, theirs) @ frame_of(np.array([0.0, 1.0, 0.0]), ours).T
    return swing(ours, theirs)


def sole_normal(recording: Recording, side: str) -> np.ndarray:
    """(3,) the upward normal of a foot's sole, in the skeleton's rest pose.

    The skeletons rest with spread legs and feet that lean with them, and how far the toes hang varies with
    the markers, so flat feet are learnt from the recording: the median of the vertical, seen from the foot,
    over the frames in which it stands still. Without such frames (a climb, a run) it is square to the shin.
    """
    names = recording.skeleton.names
    foot, shin = names.index(f"{side[0]}foot"), names.index(f"{side[0]}tibia")
    square = -recording.skeleton.directions[shin]
    ends = recording.tails[:, [shin, foot]]
    speed = np.linalg.norm(np.gradient(ends, 1.0 / recording.fps, axis=0), axis=-1).max(1)
    low = ends[:, 1, 1] < np.percentile(ends[:, 1, 1], 20) + 0.03
    still = (speed < _STILL_SPEED) & low
    if still.sum() < _STILL_FRAMES:
        return square
    normal = np.median(recording.rotations[still, foot, 1], axis=0)
    normal /= np.linalg.norm(normal)
    return normal if normal @ square > np.cos(np.deg2rad(15.0)) else square


def _bone_rotations(recording: Recording) -> dict[str, np.ndarray]:
    """(T, 3, 3) global rotation for each SMPL joint."""
    names = recording.skeleton.names
    turned = {joint: recording.rotations[:, names.index(bone_of_joint(joint))] for joint in JOINT_NAMES}
    for side in ("left", "right"):
        # CMU twists the forearm at the wrist only; half of it at the elbow spares the skin a sharp wring.
        twist = Rotation.from_matrix(recording.local[:, names.index(f"{side[0]}wrist")]).as_rotvec()
        turned[f"{side}_elbow"] = turned[f"{side}_elbow"] @ Rotation.from_rotvec(0.5 * twist).as_matrix()
    return turned


def _pelvis_path(recording: Recording, rest_joints: np.ndarray, pelvis_rotation: np.ndarray) -> np.ndarray:
    """(T, 3) Y-up pelvis positions that keep the middle of the hips on the scaled recorded one."""
    names = list(recording.skeleton.names)
    theirs = recording.skeleton.lengths[[names.index("lfemur"), names.index("ltibia")]].sum()
    at = {name: rest_joints[index] for index, name in enumerate(JOINT_NAMES)}
    ours = np.linalg.norm(at["left_knee"] - at["left_hip"]) + np.linalg.norm(
        at["left_ankle"] - at["left_knee"]
    )
    hips = recording.tails[:, [names.index("lhipjoint"), names.index("rhipjoint")]].mean(1) * ours / theirs
    return hips - pelvis_rotation @ (0.5 * (at["left_hip"] + at["right_hip"]) - at["pelvis"])


def _forward(skeleton: Skeleton, local: np.ndarray, translation: np.ndarray, fps: float) -> Recording:
    rotations = local.copy()
    tails = np.empty(local.shape[:2] + (3,))
    tails[:, 0] = translation
    for bone in range(1, len(skeleton.names)):
        parent = skeleton.parents[bone]
        rotations[:, bone] = rotations[:, parent] @ local[:, bone]
        reach = skeleton.directions[bone] * skeleton.lengths[bone]
        tails[:, bone] = tails[:, parent] + rotations[:, bone] @ reach
    return Recording(skeleton, rotations, local, tails, fps)


def _words(path: str | Path) -> list[list[str]]:
    try:
        lines = Path(path).read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise MocapError(f"{path}: cannot be read ({error.strerror}); give an Acclaim file") from error
    return [words for line in lines if (words := line.split()) and not words[0].startswith("#")]


def _parse_asf(lines: list[list[str]]) -> Skeleton:
    unit = _METRES
    bones: list[dict[str, list[str]]] = [
        {"name": ["root"], "direction": ["0", "0", "0"], "length": ["0"], "axis": ["0", "0", "0", "XYZ"]}
    ]
    parent_of: dict[str, str] = {}
    section = ""
    for words in lines:
        if words[0].startswith(":"):
            section = words[0][1:].lower()
        elif section == "units" and words[0] == "length":
            unit = _METRES / float(words[1])
        elif section == "root" and words[0] == "order":
            bones[0]["dof"] = [word.lower() for word in words[1:]]
        elif section == "bonedata" and words[0] == "begin":
            bones.append({})
        elif section == "bonedata" and words[0] not in ("end", "limits") and words[0][0].isalpha():
            bones[-1][words[0].lower()] = words[1:]
        elif section == "hierarchy" and words[0] not in ("begin", "end"):
            parent_of.update(dict.fromkeys(words[1:], words[0]))
    names = [bone["name"][0] for bone in bones]
    order = _parents_first(names, parent_of)
    bones = [bones[names.index(name)] for name in order]
    angles = np.array([[float(value) for value in bone["axis"][:3]] for bone in bones])
    return Skeleton(
        names=tuple(order),
        parents=tuple(-1 if name == "root" else order.index(parent_of[name]) for name in order),
        directions=np.array([[float(value) for value in bone["direction"][:3]] for bone in bones]),
        lengths=np.array([float(bone["length"][0]) for bone in bones]) * unit,
        axes=Rotation.from_euler("xyz", angles, degrees=True).as_matrix(),
        freedoms=tuple(tuple(bone.get("dof", ())) for bone in bones),
        unit=unit,
    )


def _parents_first(names: list[str], parent_of: dict[str, str]) -> list[str]:
    order = ["root"]
    while len(order) < len(names):
        ready = [name for name in names if name not in order and parent_of[name] in order]
        if not ready:
            raise ValueError("the hierarchy does not reach every bone")
        order += ready
    return order


def _parse_amc(lines: list[list[str]], skeleton: Skeleton) -> dict[str, np.ndarray]:
    width = {n: len(f) for n, f in zip(skeleton.names, skeleton.freedoms, strict=True)}
    values: dict[str, list[list[float]]] = {}
    frames = 0
    for words in lines:
        if words[0].startswith(":"):
            continue
        if len(words) == 1:
            frames += 1
            continue
        numbers = [float(word) for word in words[1:]]
        if len(numbers) != width[words[0]]:
            raise ValueError(f"{words[0]} has {len(numbers)} values, expected {width[words[0]]}")
        values.setdefault(words[0], []).append(numbers)
    if not frames or any(len(rows) != frames for rows in values.values()):
        raise ValueError("frames are cut off")
    return {name: np.array(rows) for name, rows in values.items()}
