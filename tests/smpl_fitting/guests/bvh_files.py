"""BVH files of one known person under the names and in the axes of other programs."""

import numpy as np
from scipy.spatial.transform import Rotation

from smpl_fitting.body.names import JOINT_NAMES, SMPL_PARENTS

LIMBS = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
_SIDED = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist", "hand")
_CENTRE = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")

# How programs call our joints: the trunk from the pelvis up, then a limb's joints with {} for the side.
_TABLE = """
mixamo  | Hips Spine Spine1 Spine2 Neck Head | {Left}: UpLeg Leg Foot ToeBase Shoulder Arm ForeArm Hand HandMiddle1
lafan       | Hips Spine Spine1 Spine2 Neck Head   | {Left}: UpLeg Leg Foot Toe Shoulder Arm ForeArm Hand HandIndex1
daz         | hip abdomen chest chest2 neck head   | {l}: Thigh Shin Foot Toe Collar Shldr ForeArm Hand Mid1
xsens       | Hips Chest Chest2 Chest3 Neck Head   | {Left}: Hip Knee Ankle Toe Collar Shoulder Elbow Wrist Fingers
rokoko      | Hips Spine1 Spine2 Spine3 Neck Head  | {Left}: Thigh Shin Foot Toe Shoulder Arm ForeArm Hand Finger3
unreal      | pelvis spine_01 spine_02 spine_03 neck_01 head \
            | _{l}: thigh calf foot ball clavicle upperarm lowerarm hand middle_01
biped       | Pelvis Spine Spine1 Spine2 Neck Head | {L}_: Thigh Calf Foot Toe0 Clavicle UpperArm Forearm Hand Finger2
vrm         | C_Hips C_Spine C_Chest C_UpperChest C_Neck C_Head \
            | {L}_: UpperLeg LowerLeg Foot ToeBase Shoulder UpperArm LowerArm Hand Middle1
smpl        | Pelvis Spine1 Spine2 Spine3 Neck Head | {Left}_: hip knee ankle foot collar shoulder elbow wrist palm
"""
_PREFIXES = {"mixamo": "mixamorig:", "biped": "Bip01 ", "vrm": "J_Bip_"}
CONVENTIONS = {
    line.split("|")[0].strip(): [part.split() for part in line.split("|")[1:]]
    for line in _TABLE.replace("\\\n", "").strip().splitlines()
}


def names_of(convention: str) -> list[str]:
    """The names of our 24 joints, in our order."""
    trunk, (mark, *limb) = CONVENTIONS[convention]
    names = dict(zip(_CENTRE, trunk, strict=True))
    for side in ("left", "right"):
        word = mark.rstrip(":").format(Left=side.title(), l=side[0], L=side[0].upper())
        for kind, name in zip(_SIDED, limb, strict=True):
            names[f"{side}_{kind}"] = name + word if word.startswith("_") else word + name
    return [_PREFIXES.get(convention, "") + names[joint] for joint in JOINT_NAMES]


def write(path, names, parents, offsets, root, local, frame_time=1 / 30, order="ZYX"):
    """A BVH file. offsets (J, 3), root (T, 3), local (T, J, 3, 3) with every joint's rotation from rest."""
    children = {joint: [c for c, p in enumerate(parents) if p == joint] for joint in range(len(names))}
    lines, sequence = ["HIERARCHY"], []

    def add(joint, depth):
        sequence.append(joint)
        channels = " ".join(f"{axis}rotation" for axis in order)
        head = "ROOT" if depth == 0 else "JOINT"
        lines.append(f"{head} {names[joint]}\n{{\nOFFSET {' '.join(map(repr, map(float, offsets[joint])))}")
        places = "6 Xposition Yposition Zposition" if depth == 0 else "3"
        lines.append(f"CHANNELS {places} {channels}")
        for child in children[joint]:
            add(child, depth + 1)
        if not children[joint]:
            end = 0.4 * np.asarray(offsets[joint])
            lines.append(f"End Site\n{{\nOFFSET {end[0]} {end[1]} {end[2]}\n}}")
        lines.append("}")

    add(0, 0)
    angles = Rotation.from_matrix(local[:, sequence].reshape(-1, 3, 3)).as_euler(order, degrees=True)
    table = np.concatenate([root, angles.reshape(len(local), -1)], axis=1)
    rows = "\n".join(" ".join(f"{value:.7f}" for value in row) for row in table)
    path.write_text(
        "\n".join(lines) + f"\nMOTION\nFrames: {len(table)}\nFrame Time: {frame_time:.7f}\n{rows}\n"
    )
    return path


def movement(frames=60, seed=0):
    """Local rotations (T, 24, 3, 3) that bend knees and elbows the natural way, and a Y-up path (T, 3)."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 4 * np.pi, frames)[:, None]
    vectors = np.zeros((frames, 24, 3))
    for joint, name in enumerate(JOINT_NAMES):
        kind = name.split("_")[-1]
        wave = np.sin(time * rng.uniform(0.5, 1.5) + rng.uniform(0, 6))
        if kind == "knee":
            vectors[:, joint] = [0.7, 0, 0] * (1 + wave)
        elif kind == "elbow":
            vectors[:, joint] = [0, -0.8 if name.startswith("left") else 0.8, 0] * (1 + wave)
        elif kind == "shoulder":
            down = -1.1 if name.startswith("left") else 1.1
            vectors[:, joint] = [0, 0, down] + rng.normal(0, 0.3, 3) * wave
        elif kind not in ("hand", "foot"):
            vectors[:, joint] = rng.normal(0, 0.15, 3) * wave
    vectors[:, 0] += np.concatenate([0 * time, 0.3 * time, 0 * time], axis=1)
    local = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(frames, 24, 3, 3)
    path = np.concatenate([0.2 * time, 0.95 + 0.02 * np.sin(3 * time), 0.3 * time], axis=1)
    return local, path


def globals_of(local):
    turned = local.copy()
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        turned[:, joint] = turned[:, parent] @ local[:, joint]
    return turned


def offsets_of(rest):
    offsets = rest.copy()
    offsets[1:] -= rest[list(SMPL_PARENTS[1:])]
    return offsets
