"""A second of motion for a synthetic person: captured, composed of what people do with arms and legs, or anything.

Angles are degrees of SMPL's joints about x, y, z, as of the left side; the right side's y and z turn the other way.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.priors import joint_limits, mean_pose, pose_spread

JOINT = {name: index for index, name in enumerate(JOINT_NAMES)}
OTHER_SIDE = [
    JOINT[n.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right")] for n in JOINT_NAMES
]
SPINE = [JOINT[f"spine{number}"] for number in (1, 2, 3)]
LEGS = [JOINT[f"{side}_{part}"] for side in ("left", "right") for part in ("hip", "knee", "ankle")]
UPPER = [
    JOINT[n]
    for n in JOINT_NAMES
    if any(part in n for part in ("spine", "neck", "head", "collar", "shoulder", "elbow", "wrist"))
]
STILL = [JOINT[f"{side}_{part}"] for side in ("left", "right") for part in ("foot", "hand")]
COMPOSED, CAPTURED, ANYTHING = 0.35, 0.28, 0.37  # shares of the kinds
STANDING = Rotation.from_euler("x", 90, degrees=True)  # in the Z-up world

# Where upper arms point, of an arm that rests along +x: down, anywhere, up, forward, sideways; and how often.
_ARMS = ((0.25, -1.0, 0.05), None, (0.35, 1.0, 0.2), (0.3, -0.1, 1.0), (1.0, 0.0, 0.1))
_ARM_SHARES = (0.35, 0.25, 0.15, 0.15, 0.1)
_STAND, _STRIDE, _LIFT, _LOW, _WIDE = range(5)
_LEG_SHARES = (0.4, 0.2, 0.2, 0.15, 0.05)


def random_run(
    pools: list[np.ndarray], frames: int, step: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """poses (frames, 72) and trans (frames, 3), on the spot or on the way, upright or not.

    Args:
        pools: captured poses (N, 72) in turn. step: seconds between frames.
    """
    low, high, mean = (value.numpy() for value in (*joint_limits(), mean_pose()))
    spread = pose_spread().numpy()[:, None]
    kind = rng.choice(3, p=(COMPOSED, CAPTURED, ANYTHING))
    if kind == 0:
        pose = _composed(frames, rng)
        pose[:, 1:] += 0.1 * spread * _wandering(frames, 5, rng)
    else:
        pose = _captured(pools, frames, rng)
        if rng.random() < 0.5:
            pose[:, UPPER] = _captured(pools, frames, rng)[:, UPPER]
        if kind == 1:
            pose[:, 1:] += spread * _wandering(frames, 6, rng) * rng.choice([0.05, 0.2, 0.4])
        else:
            still = rng.normal(size=(23, 3)) * rng.uniform(0, 0.9)
            moved = _wandering(frames, int(rng.integers(3, 9)), rng) * rng.uniform(0.3, 1.1)
            loose = rng.random((23, 1)) < 0.7
            pose[:, 1:] = np.where(loose, mean + spread * (still + moved), pose[:, 1:])
    pose[:, 1:] = np.clip(pose[:, 1:], low, high)
    pose[:, STILL] = 0
    tilt = Rotation.from_rotvec(rng.normal(size=3) * rng.choice([0.04, 0.18, 0.5], p=[0.6, 0.28, 0.12]))
    along = np.arange(frames)
    spin = Rotation.from_rotvec(np.outer(along * rng.normal() * rng.choice([0, 0.1, 0.4]), (0, 0, 1)))
    upright = STANDING if kind == 0 else Rotation.from_rotvec(pose[:, 0])
    pose[:, 0] = (tilt * spin * upright).as_rotvec()
    velocity = rng.normal(size=3) * (0.5, 0.5, 0.1) * rng.choice([0, 1])
    return pose.reshape(frames, 72), np.outer(along * step, velocity)


def _wandering(frames: int, gap: int, rng: np.random.Generator) -> np.ndarray:
    """(frames, 23, 3) of unit spread, ``gap`` frames from one value to the next."""
    keys = np.arange(0, frames + gap, gap)
    return PchipInterpolator(keys, rng.normal(size=(len(keys), 23, 3)))(np.arange(frames))


def _captured(pools: list[np.ndarray], frames: int, rng: np.random.Generator) -> np.ndarray:
    """(frames, 24, 3) of a recording, perhaps backwards or mirrored."""
    pool = pools[rng.integers(len(pools))]
    start = rng.integers(max(1, len(pool) - frames + 1))
    pose = pool[np.minimum(start + np.arange(frames), len(pool) - 1)].reshape(-1, 24, 3).copy()
    if rng.random() < 0.5:
        pose = pose[::-1].copy()
    return pose[:, OTHER_SIDE] * (1, -1, -1) if rng.random() < 0.5 else pose


def _composed(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(frames, 24, 3) through some key poses, to and fro at times; what a part of the body does may stay."""
    gap = int(rng.integers(2, 8))
    times = np.arange(0, frames + gap, gap)
    stays = [part for part, share in ((UPPER, 0.2), (LEGS, 0.45), (SPINE, 0.5)) if rng.random() < share]
    keys = [_key_pose(rng)]
    while len(keys) < len(times):
        pose = _key_pose(rng)
        for part in stays:
            pose[part] = keys[-1][part]
        keys.append(keys[-2].copy() if len(keys) > 1 and rng.random() < 0.35 else pose)
    return PchipInterpolator(times, np.stack(keys))(np.arange(frames))


def _key_pose(rng: np.random.Generator) -> np.ndarray:
    """(24, 3) rotation vectors."""
    pose = np.zeros((24, 3))
    arms = [_arm(rng), _arm(rng)]
    if rng.random() < 0.35:
        arms[1] = arms[0]
    legs, bend = _legs(rng)
    for side, arm, leg, over in zip(("left", "right"), arms, legs, ((1, 1, 1), (1, -1, -1)), strict=True):
        pose[JOINT[f"{side}_shoulder"]], pose[JOINT[f"{side}_elbow"]] = (one * over for one in arm)
        pose[JOINT[f"{side}_wrist"]] = np.radians(rng.normal(size=3) * (8, 12, 12))
        pose[JOINT[f"{side}_collar"]] = np.radians(rng.normal(size=3) * 4)
        pose[JOINT[f"{side}_hip"]] = np.radians(leg[:3]) * over
        pose[JOINT[f"{side}_knee"], 0] = np.radians(max(leg[3], 0.0))
        pose[JOINT[f"{side}_ankle"]] = np.radians(rng.normal(size=3) * (10, 6, 4))
    spine = np.array([4 + 7 * rng.normal() + bend, 0.0, 0.0])
    spine += (rng.random(3) < (0.18, 0.3, 0.3)) * (rng.uniform(15, 75), 25 * rng.normal(), 14 * rng.normal())
    pose[SPINE] = np.radians(spine / 3 + 2 * rng.normal(size=(3, 3)))
    for name in ("neck", "head"):
        pose[JOINT[name]] = np.radians(rng.normal(size=3) * (8, 14, 5))
    return pose


def _arm(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rotation vectors of a left shoulder and elbow."""
    middle = _ARMS[rng.choice(len(_ARMS), p=_ARM_SHARES)]
    way = rng.normal(size=3) if middle is None else middle + 0.28 * rng.normal(size=3)
    way /= np.linalg.norm(way)
    way *= np.where((way < (-0.25, -2, -0.55)), -1, 1)  # not far across the chest, nor behind the back
    swing, _ = Rotation.align_vectors(way, (1.0, 0.0, 0.0))
    shoulder = swing * Rotation.from_euler("x", 25 * rng.normal(), degrees=True)
    bend = abs(18 * rng.normal()) if rng.random() < 0.5 else rng.uniform(20, 130)
    return shoulder.as_rotvec(), np.radians((5 * rng.normal(), -bend, 6 * rng.normal()))


def _legs(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Angles of hip x, y, z and knee of both legs (2, 4), and how far the back bends with them."""
    n, u = rng.normal, rng.uniform
    legs = np.array([(6 * n(), 6 * n(), 5 + 5 * n(), abs(8 * n())) for _ in range(2)])
    kind, one = rng.choice(5, p=_LEG_SHARES), rng.integers(2)
    if kind == _STRIDE:
        angle = 25 * n()
        legs[:, 0] += angle, -0.7 * angle
        legs[:, 3] += abs(18 * n(size=2))
    elif kind == _LIFT and rng.random() < 0.75:
        legs[one] = u(-110, -30), 10 * n(), 6 + 12 * n(), u(0, 120)
    elif kind == _LIFT:
        legs[one] = u(0, 30), 8 * n(), 5 + 6 * n(), u(20, 110)
    elif kind == _LOW and rng.random() < 0.5:
        depth = u(20, 110)
        for leg in range(2):
            legs[leg] = -depth + 6 * n(), 8 * n(), 10 + 8 * n(), 1.1 * depth + 12 * n()
        return legs, 0.35 * depth
    elif kind == _LOW:
        legs[one] = u(-100, -45), 6 * n(), 6 + 6 * n(), u(55, 105)
        legs[1 - one] = u(0, 35), 6 * n(), 5 + 6 * n(), u(5, 80)
    elif kind == _WIDE:
        legs[:, 2] += u(5, 35, size=2)
    return legs, 0.0
