"""WHAM's ``wham_output.pkl`` (Shin et al. 2024; layout: demo.py of its repository, written by joblib).

``{person: {"pose" (N, 72), "trans" (N, 3), "pose_world", "trans_world", "betas" (N, 10), "verts", "frame_ids"}}``:
neutral SMPL, ``pose`` and ``trans`` in OpenCV camera axes as in smplx, the world Y-up. ``trans_world`` is not
smplx's translation but the place of the middle of the hips (lib/models/smpl.py takes it out of the body).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests.placement import rest_pelvis, shaped_joints
from smpl_fitting.guests.safe_joblib import entry, read_pickle
from smpl_fitting.guests.smpl_results import DEFAULT_FPS, Sighting, longest, to_motion
from smpl_fitting.guests.timeline import axis_angle_to_matrices
from smpl_fitting.landmarks import JOINT
from smpl_fitting.motion import Motion

_WIDTHS = {"pose": 72, "trans": 3, "pose_world": 72, "trans_world": 3, "betas": 10}


def looks_like_wham(content: Any) -> bool:
    return isinstance(content, dict) and any(
        isinstance(person, dict) and "pose_world" in person for person in content.values()
    )


def read_wham(
    path: str | Path,
    body: BodyModel | None = None,
    fps: float | None = None,
    person: int | None = None,
    content: Any = None,
) -> Motion:
    """One person of WHAM's result, with the world and the camera's path. The file knows no focal length.

    Args:
        body: the SMPL model, if there is one, for the exact place of the pelvis and the hips.
        fps: of the clip, which the file does not say; 30 by default.
        person: the track; by default the one seen longest.
        content: what :func:`read_pickle` gave for the file, if it has been read already.

    Raises:
        MotionFileError: the file cannot be read or is not in WHAM's layout.
    """
    path = Path(path)
    content = read_pickle(path) if content is None else content
    try:
        if not looks_like_wham(content):
            raise ValueError("it has no pose_world")
        tracks = {int(key): _frames(track) for key, track in content.items()}
        chosen = longest(tracks, person)
        track = next(track for key, track in content.items() if int(key) == chosen)
        return _motion(track, tracks[chosen], chosen, path, body, fps or DEFAULT_FPS)
    except (KeyError, ValueError, TypeError, OverflowError, MotionFileError) as error:
        raise MotionFileError(
            f"{path}: not a WHAM result ({error}); run WHAM with --save_pkl again"
        ) from error


def _motion(
    track: dict[str, Any], frames: np.ndarray, chosen: int, path: Path, body: BodyModel | None, fps: float
) -> Motion:
    data = {name: _numbers(track, name, len(frames)) for name in _WIDTHS}
    betas = data["betas"].mean(0)
    pelvis = rest_pelvis("smpl", betas, body)
    order = np.argsort(frames, kind="stable")
    local = axis_angle_to_matrices(data["pose"])[order]
    root = axis_angle_to_matrices(data["pose_world"][:, :3])[order, 0]
    seen = Sighting(
        model="smpl",
        frames=frames[order],
        rotations=local,
        pelvis=data["trans"][order] + pelvis,
        betas=betas,
        rest_pelvis=pelvis,
        world_root=root,
        world_pelvis=data["trans_world"][order] - root @ _hips_below_pelvis(betas, body),
    )
    return to_motion(seen, fps, path.name, chosen)


def _hips_below_pelvis(betas: np.ndarray, body: BodyModel | None) -> np.ndarray:
    """(3,) from the pelvis to the middle of the hips at rest; of the open body where SMPL is not there."""
    if body is None or body.name != "smpl":
        body, betas = load_body("open"), np.zeros(0)
    joints = shaped_joints(body, betas)
    return (joints[JOINT["left_hip"]] + joints[JOINT["right_hip"]]) / 2 - joints[0]


def _frames(track: Any) -> np.ndarray:
    """(N,) int64 frame numbers, no two the same."""
    frames = np.asarray(entry(track, "frame_ids"))
    if frames.ndim != 1 or len(frames) == 0 or frames.dtype.kind not in "iu":
        raise ValueError("frame_ids are no list of frame numbers")
    frames = frames.astype(np.int64)
    if len(np.unique(frames)) != len(frames) or frames.min() < 0:
        raise ValueError("frame_ids repeat themselves or are negative")
    return frames


def _numbers(track: dict[str, Any], name: str, count: int) -> np.ndarray:
    value = entry(track, name)
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.shape != (count, _WIDTHS[name]):
        raise ValueError(f"{name} is not an array of shape ({count}, {_WIDTHS[name]})")
    if not np.isfinite(value).all():
        raise ValueError(f"{name} holds values that are not finite")
    return value.astype(np.float64)
