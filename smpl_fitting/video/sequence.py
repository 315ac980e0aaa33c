"""Writing picture sequences: PNG with alpha, or multi-layer OpenEXR with depth."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from smpl_fitting.errors import FootageError
from smpl_fitting.files import atomic_path
from smpl_fitting.video import exr
from smpl_fitting.video.images import write_image
from smpl_fitting.video.threads import Behind


class SequenceWriter:
    """Frames to numbered files, encoded in the background, each whole or not at all; a context manager.

    PNG holds straight alpha, 8 bit, display-referred sRGB. EXR holds what Blender's own multi-layer files hold:
    linear light by the sRGB transfer function, premultiplied half floats ``ViewLayer.Combined.RGBA``, and the
    float ``ViewLayer.Depth.Z`` in metres along the camera's axis.

    Args:
        pattern: such as ``dir/####.png`` or ``dir/####.exr``; the hashes stand for the frame's number.

    Raises:
        FootageError: the pattern is of no use.
        LiquidMotionError: by ``write``, ``close`` or the end of the block: a file cannot be written.
    """

    def __init__(self, pattern: str | Path) -> None:
        self.pattern = Path(pattern)
        if not re.fullmatch(r"[^#]*#+[^#]*", self.pattern.name):
            raise FootageError(
                f"{pattern}: has no place for the frame's number; name it like frames/####.png"
            )
        if self.pattern.suffix.lower() not in (".png", ".exr"):
            raise FootageError(f"{pattern}: sequences are written as .png or .exr; choose one of them")
        self._behind = Behind("encode", workers=2)

    def __enter__(self) -> SequenceWriter:
        return self

    def __exit__(self, kind, _error, _trace) -> None:
        if kind is None:
            self.close()
        else:
            self._behind.abandon()

    def path(self, index: int) -> Path:
        """The file of frame ``index``."""
        name = re.sub(r"#+", lambda hashes: f"{index:0{len(hashes[0])}d}", self.pattern.name)
        return self.pattern.with_name(name)

    def write(self, index: int, picture: np.ndarray, depth: np.ndarray | None = None) -> None:
        """Write frame ``index``. The array is not copied: do not change it afterwards.

        Args:
            picture: (H, W, 3|4) display-referred sRGB with straight alpha, uint8 or float in [0, 1].
            depth: (H, W) metres, infinite where there is nothing; kept in EXR only.
        """
        if picture.ndim != 3 or picture.shape[2] not in (3, 4):
            raise ValueError(f"picture is {picture.shape}, expected (H, W, 3|4)")
        if depth is not None and depth.shape != picture.shape[:2]:
            raise ValueError(f"depth is {depth.shape}, expected {picture.shape[:2]}")
        if self.pattern.suffix.lower() == ".png":
            self._behind.submit(_write_png, self.path(index), picture)
        else:
            self._behind.submit(_write_exr, self.path(index), picture, depth)

    def close(self) -> None:
        """Wait until all is written. Called by the context manager."""
        self._behind.finish()


def _write_png(path: Path, picture: np.ndarray) -> None:
    if picture.dtype != np.uint8:
        picture = np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)
    write_image(path, picture)


def _write_exr(path: Path, picture: np.ndarray, depth: np.ndarray | None) -> None:
    if picture.dtype == np.uint8:
        picture = picture.astype(np.float32) / 255.0
    if picture.shape[2] == 3:
        picture = np.concatenate([picture, np.ones((*picture.shape[:2], 1), picture.dtype)], axis=2)
    with atomic_path(path) as temporary:
        exr.write(temporary, picture, depth)
