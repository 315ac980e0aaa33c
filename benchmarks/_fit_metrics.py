"""How far a fitted motion is from the true one: the figures that papers on human mesh recovery report.

Joints (T, 24, 3) and vertices (T, V, 3) in metres, both in the axes of the camera that filmed them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smpl_fitting.body.names import JOINT_NAMES

# The 14 that 3DPW is judged on (HMR, SPIN, WHAM): limbs, neck and head.
JUDGED_NAMES = (
    *(
        f"{side}_{part}"
        for part in ("ankle", "knee", "hip", "shoulder", "elbow", "wrist")
        for side in ("left", "right")
    ),
    "neck",
    "head",
)
JUDGED = [JOINT_NAMES.index(name) for name in JUDGED_NAMES]
HIPS = [JOINT_NAMES.index("left_hip"), JOINT_NAMES.index("right_hip")]
CONTACT_SPEED = 0.1  # m/s: a sole slower than this,
CONTACT_HEIGHT = 0.06  # and lower than this (metres; bare soles stand in shoes), carries the person


@dataclass(frozen=True)
class Track:
    """One body over T frames in camera axes: ``joints`` (T, 24, 3), ``vertices`` (T, V, 3), ``soles`` (T, 4, 3)."""

    joints: np.ndarray
    vertices: np.ndarray
    soles: np.ndarray


def figures(fit: Track, true: Track, contact: np.ndarray, fps: float) -> dict[str, float]:
    """All figures of one clip.

    Args:
        contact: (T, 4) bool, :func:`true_contacts`.
    """
    return {
        "mpjpe_mm": float(1e3 * joint_errors(fit, true).mean()),
        "pa_mpjpe_mm": float(1e3 * distances(*_procrustes_pair(fit, true)).mean()),
        "pve_mm": float(1e3 * distances(centred(fit.vertices, fit), centred(true.vertices, true)).mean()),
        "acceleration_m_s2": acceleration_error(centred(fit.joints, fit), centred(true.joints, true), fps),
        "jitter_m_s3": jitter(fit.joints[:, JUDGED], fps),
        "true_jitter_m_s3": jitter(true.joints[:, JUDGED], fps),
        "foot_slide_mm": foot_slide(fit.soles, contact, fps),
        "true_foot_slide_mm": foot_slide(true.soles, contact, fps),
        "root_mm": float(1e3 * distances(fit.joints[:, 0], true.joints[:, 0]).mean()),
    }


def joint_errors(fit: Track, true: Track) -> np.ndarray:
    """(T,) metres: mean distance of the judged joints, the middles of the hips laid upon each other."""
    return distances(centred(fit.joints, fit)[:, JUDGED], centred(true.joints, true)[:, JUDGED]).mean(1)


def centred(points: np.ndarray, track: Track) -> np.ndarray:
    """Points (T, N, 3) from the middle of the track's hips."""
    return points - track.joints[:, HIPS].mean(1, keepdims=True)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances along the last axis."""
    return np.linalg.norm(a - b, axis=-1)


def procrustes(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Points (T, N, 3) moved by the similarity that lays each frame nearest to its target.

    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    scale, turn, shift = similarity(points, target)
    return scale[:, None, None] * points @ np.swapaxes(turn, -1, -2) + shift[:, None]


def similarity(points: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scales (T,), rotations (T, 3, 3), shifts (T, 3): target ~ scale R point + shift, least squares by frame."""
    from_middle, to_middle = points.mean(1), target.mean(1)
    a, b = points - from_middle[:, None], target - to_middle[:, None]
    u, stretch, vt = np.linalg.svd(np.swapaxes(b, -1, -2) @ a)
    mirrored = np.sign(np.linalg.det(u @ vt))
    flip = np.stack([np.ones_like(mirrored), np.ones_like(mirrored), mirrored], -1)
    turn = (u * flip[:, None]) @ vt
    scale = (stretch * flip).sum(-1) / np.maximum((a**2).sum((1, 2)), 1e-12)
    return scale, turn, to_middle - scale[:, None] * np.einsum("tij,tj->ti", turn, from_middle)


def _procrustes_pair(fit: Track, true: Track) -> tuple[np.ndarray, np.ndarray]:
    target = true.joints[:, JUDGED]
    return procrustes(fit.joints[:, JUDGED], target), target


def acceleration_error(fit: np.ndarray, true: np.ndarray, fps: float) -> float:
    """m/s^2: mean length of the difference of the judged joints' accelerations (second differences), as in WHAM."""
    return float(fps**2 * np.linalg.norm(np.diff((fit - true)[:, JUDGED], n=2, axis=0), axis=-1).mean())


def jitter(joints: np.ndarray, fps: float) -> float:
    """m/s^3: mean length of the joints' jerk (third differences)."""
    return float(fps**3 * np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1).mean())


def true_contacts(soles: np.ndarray, fps: float) -> np.ndarray:
    """(T, 4) bool: the true soles (T, 4, 3), Z-up with the floor at 0, that stand on it."""
    speed = np.linalg.norm(np.gradient(soles, 1 / fps, axis=0), axis=-1)
    return (speed < CONTACT_SPEED) & (soles[..., 2] < CONTACT_HEIGHT)


def foot_slide(soles: np.ndarray, contact: np.ndarray, fps: float) -> float:
    """mm that a sole moves from one frame to the next while it stands, at 30 frames/s; nan where none stands."""
    standing = contact[1:] & contact[:-1]
    moved = np.linalg.norm(np.diff(soles, axis=0), axis=-1)[standing]
    return float(1e3 * moved.mean() * fps / 30) if len(moved) else float("nan")


def contact_f1(found: np.ndarray, true: np.ndarray) -> float:
    """F1 of contacts in [0, 1] (T, 4) against the true ones (T, 4) bool; nan where there are none."""
    claimed = found > 0.5
    hits = (claimed & true).sum()
    return float(2 * hits / (claimed.sum() + true.sum())) if true.any() else float("nan")
