"""AMASS files: SMPL-H (2019) and SMPL-X (``*_stageii.npz``, 2021) parameters of motion capture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smpl_fitting.errors import MotionFileError
from smpl_fitting.files import atomic_path
from smpl_fitting.guests.placement import rest_pelvis
from smpl_fitting.motion import POSE_WIDTHS, Motion
from smpl_fitting.safe_npz import read_arrays

_MODEL_OF_WIDTH = {72: "smpl", 156: "smplh", 165: "smplx"}
_RATES = ("mocap_framerate", "mocap_frame_rate")
_PARTS = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
_WANTED = ("poses", "trans", "betas", "gender", "surface_model_type", *_RATES, *_PARTS)
_NUM_BETAS, _NUM_DMPLS = 16, 8
_BODY, _HANDS = 3 * 22, 3 * 30


def read_amass(path: str | Path, fps: float | None = None) -> Motion:
    """An AMASS recording as it is: Z-up, metres, its own model.

    Args:
        fps: the frame rate, for files that do not state it.

    Raises:
        MotionFileError: the file cannot be read or is not in AMASS's layout.
    """
    path = Path(path)
    try:
        data = read_arrays(path, _WANTED)
        poses = data["poses"] if "poses" in data else _joined(data)
        rate = next((float(data[name]) for name in _RATES if name in data), fps)
        if rate is None:
            raise ValueError("it states no frame rate; give it with --fps")
        if not 0 < rate < np.inf:
            raise ValueError(f"its frame rate is {rate}")
        if poses.ndim != 2 or poses.shape[1] not in _MODEL_OF_WIDTH:
            raise ValueError(f"poses have shape {poses.shape}, expected (T, 72), (T, 156) or (T, 165)")
        betas = data.get("betas", np.zeros(_NUM_BETAS)).astype(np.float32)
        return Motion(
            poses=poses,
            trans=data["trans"],
            betas=betas.reshape(-1, betas.shape[-1])[0] if betas.size else betas.ravel(),
            fps=rate,
            model=_model(data, poses.shape[1]),
            gender=_text(data.get("gender", np.array("neutral"))),
            times=np.arange(len(poses)) / rate,
            source=path.name,
        )
    except (
        OSError,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        ZeroDivisionError,
        MotionFileError,
    ) as error:
        lacks = f"it has no {error}" if isinstance(error, KeyError) else error
        raise MotionFileError(
            f"{path}: not an AMASS motion ({lacks}); download or export it again"
        ) from error


def write_amass(motion: Motion, path: str | Path) -> None:
    """Write a motion in AMASS's SMPL-H layout, which every SMPL tool reads.

    The body's 22 joints and the fingers (flat where the motion has none) go over; jaw, eyes and SMPL's stiff hand
    joints do not. The pelvis keeps its way through the world; an open body's betas mean another shape in SMPL,
    so the file says zeros, and a reader's SMPL body may stand a little above or below the ground.

    Raises:
        LiquidMotionError: the file cannot be written.
    """
    poses = np.zeros((motion.frame_count, _BODY + _HANDS))
    poses[:, :_BODY] = motion.poses[:, :_BODY]
    if motion.poses.shape[1] > POSE_WIDTHS["smpl"]:
        poses[:, _BODY:] = motion.poses[:, -_HANDS:]
    betas = np.zeros(_NUM_BETAS)
    trans = motion.trans.astype(np.float64)
    if motion.model.startswith("open"):
        trans = trans + rest_pelvis(motion.model, motion.betas) - rest_pelvis("smplh", betas)
    else:
        count = min(len(motion.betas), _NUM_BETAS)
        betas[:count] = motion.betas[:count]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            poses=poses,
            trans=trans,
            betas=betas,
            dmpls=np.zeros((motion.frame_count, _NUM_DMPLS)),
            gender=np.array(motion.gender),
            mocap_framerate=np.array(motion.fps),
        )


def _joined(data: dict[str, np.ndarray]) -> np.ndarray:
    """SMPL-X poses from the parts, where a file has only those; SMPL-H's where it knows no face."""
    if "pose_jaw" in data:
        return np.concatenate([data[name] for name in _PARTS], axis=1)
    body = np.concatenate([data["root_orient"], data["pose_body"]], axis=1)
    hands = data["pose_hand"] if "pose_hand" in data else np.zeros((len(body), _HANDS))
    return np.concatenate([body, hands], axis=1)


def _model(data: dict[str, np.ndarray], width: int) -> str:
    """The model by its name, if that fits the width of the poses, else by the width."""
    named = _text(data.get("surface_model_type", np.array("")))
    return named if POSE_WIDTHS.get(named) == width else _MODEL_OF_WIDTH[width]


def _text(value: np.ndarray) -> str:
    """Text of an array; old files store it as bytes."""
    item = value.reshape(-1)[0]
    text = item.decode("ascii", "replace") if isinstance(item, bytes) else str(item)
    return text[:40].lower()
