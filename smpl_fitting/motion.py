"""The motion file: one person's pose, shape and cameras over time, readable by every AMASS tool."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smpl_fitting.errors import MotionFileError
from smpl_fitting.files import atomic_path
from smpl_fitting.safe_npz import read_arrays

POSE_WIDTHS = {"open": 72, "open_h": 156, "smpl": 72, "smplh": 156, "smplx": 165}
NUM_LANDMARKS = 33


@dataclass(frozen=True)
class Motion:
    """One person over T frames. World axes are Z-up, metres and seconds, as in AMASS.

    ``poses`` and ``trans`` place the Y-up body in that world: joint 0's rotation turns it upright and the
    pelvis is at ``J_0(betas) + trans``, as in smplx. ``betas`` is the shape of ``model``, whichever it is; in
    the file an open body's shape is stored as ``open_betas``, since another tool would misread it.
    """

    poses: np.ndarray  # (T, 72|156|165) axis-angle
    trans: np.ndarray  # (T, 3)
    betas: np.ndarray  # (B,)
    fps: float
    model: str = "open"
    gender: str = "neutral"
    camera_K: np.ndarray | None = None  # (T, 3, 3) OpenCV pinhole, pixel centres at .5
    camera_R: np.ndarray | None = None  # (T, 3, 3), x_cam = R x_world + t
    camera_t: np.ndarray | None = None  # (T, 3)
    image_size: tuple[int, int] | None = None  # (height, width)
    keypoints: np.ndarray | None = None  # (T, 33, 4): x px, y px, depth, visibility
    keypoints_world: np.ndarray | None = None  # (T, 33, 3) metres, hip-centred, OpenCV axes
    confidence: np.ndarray | None = None  # (T,), 0 where nobody was found
    contacts: np.ndarray | None = None  # (T, 4): left heel, left toe, right heel, right toe
    times: np.ndarray | None = None  # (T,) seconds in the source
    track_id: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def frame_count(self) -> int:
        return len(self.poses)

    @property
    def has_cameras(self) -> bool:
        return self.camera_K is not None

    def select(self, frames) -> Motion:
        """The motion of some frames only. ``frames``: anything that indexes a numpy axis of length T."""
        changes = {name: value[frames] for name in _PER_FRAME if (value := getattr(self, name)) is not None}
        return dataclasses.replace(self, **changes)

    def save(self, path: str | Path) -> None:
        """Write the ``.npz`` (no object arrays), whole or not at all."""
        is_open = self.model.startswith("open")
        arrays: dict[str, np.ndarray] = {
            "betas": np.zeros_like(self.betas) if is_open else self.betas,
            "gender": np.array(self.gender),
            "model": np.array(self.model),
            "mocap_frame_rate": np.array(self.fps),
            "mocap_framerate": np.array(self.fps),
            "track_id": np.array(self.track_id),
            "source": np.array(self.source),
        }
        if is_open:
            arrays["open_betas"] = self.betas
        if self.image_size is not None:
            arrays["image_size"] = np.array(self.image_size)
        for name in _PER_FRAME:
            value = getattr(self, name)
            if value is not None:
                arrays[name] = value
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    @staticmethod
    def load(path: str | Path) -> Motion:
        """Read a motion file of ours.

        Raises:
            MotionFileError: the file is missing, is not an ``.npz``, or does not hold a motion.
        """
        path = Path(path)
        if not path.is_file():
            raise MotionFileError(f"{path}: no such motion file; fit a clip first (liquid-motion fit)")
        try:
            data = read_arrays(path)
        except ValueError as error:
            raise MotionFileError(
                f"{path}: not a readable motion file ({error}); fit the clip again"
            ) from error
        try:
            return _from_arrays(data)
        except (MotionFileError, KeyError, ValueError, TypeError, IndexError, OverflowError) as error:
            raise MotionFileError(f"{path}: not a motion file ({error}); fit the clip again") from error


_PER_FRAME = (
    "poses",
    "trans",
    "camera_K",
    "camera_R",
    "camera_t",
    "keypoints",
    "keypoints_world",
    "confidence",
    "contacts",
    "times",
)


def _from_arrays(data: dict[str, np.ndarray]) -> Motion:
    model = str(data["model"])
    rate = data["mocap_frame_rate"] if "mocap_frame_rate" in data else data["mocap_framerate"]
    size = data.get("image_size")
    return Motion(
        betas=data["open_betas" if model.startswith("open") else "betas"],
        fps=float(rate.item()),
        model=model,
        gender=str(data["gender"]),
        image_size=None if size is None else (int(size[0]), int(size[1])),
        track_id=int(np.asarray(data.get("track_id", 0)).item()),
        source=str(data.get("source", "")),
        **{name: data[name] for name in _PER_FRAME if name in data},
    )


def _check(motion: Motion) -> None:
    if motion.model not in POSE_WIDTHS:
        raise MotionFileError(f"model {motion.model!r} is none of {', '.join(POSE_WIDTHS)}")
    if motion.poses.ndim != 2 or len(motion.poses) == 0:
        raise MotionFileError(
            f"poses have shape {motion.poses.shape}, expected (T, {POSE_WIDTHS[motion.model]})"
        )
    frames = len(motion.poses)
    shapes = {
        "poses": (frames, POSE_WIDTHS[motion.model]),
        "trans": (frames, 3),
        "camera_K": (frames, 3, 3),
        "camera_R": (frames, 3, 3),
        "camera_t": (frames, 3),
        "keypoints": (frames, NUM_LANDMARKS, 4),
        "keypoints_world": (frames, NUM_LANDMARKS, 3),
        "confidence": (frames,),
        "contacts": (frames, 4),
        "times": (frames,),
    }
    for name, shape in shapes.items():
        value = getattr(motion, name)
        if value is None:
            continue
        if value.shape != shape:
            raise MotionFileError(f"{name} has shape {value.shape}, expected {shape}")
        if value.dtype.kind not in "iuf" or not np.isfinite(value).all():
            raise MotionFileError(f"{name} holds values that are not finite numbers")
    if motion.betas.ndim != 1 or motion.betas.dtype.kind not in "iuf" or not np.isfinite(motion.betas).all():
        raise MotionFileError(f"betas have shape {motion.betas.shape}, expected one finite vector")
    if not (np.isfinite(motion.fps) and motion.fps > 0):
        raise MotionFileError(f"the frame rate is {motion.fps}, expected a positive number")
    if motion.image_size is not None and min(motion.image_size) < 1:
        raise MotionFileError(f"the picture's size is {motion.image_size}, expected (height, width)")
