"""What detection finds in a clip, and its file."""

from __future__ import annotations

import dataclasses
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.errors import FootageError
from smpl_fitting.files import atomic_path

FORMAT_VERSION = 1
NUM_LANDMARKS = 33


@dataclass(frozen=True)
class Detections:
    """One person over T frames. Pixels have their centres at .5; where nobody was found, all is zero.

    Attributes:
        keypoints: (T, 33, 4) float32 x px, y px, depth relative to the hips on the same scale as x, visibility.
        keypoints_world: (T, 33, 3) float32 metres, x right, y down, z away from the camera, hip-centred.
        confidence: (T,) float32 in [0, 1], 0 where nobody was found.
        boxes: (T, 4) float32 x0 y0 x1 y1 in pixels.
        image_size: (height, width).
        frames: (T,) int64, their numbers in the footage.
        crops: (T, 4) float64, the squares that hold the masks: centre x, y, side, rotation.
        masks: T zlib-compressed square uint8 arrays, empty where nobody was found; or None, if not asked for.
    """

    keypoints: np.ndarray
    keypoints_world: np.ndarray
    confidence: np.ndarray
    boxes: np.ndarray
    image_size: tuple[int, int]
    frames: np.ndarray
    crops: np.ndarray
    masks: tuple[bytes, ...] | None = None

    @property
    def found(self) -> np.ndarray:
        """(T,) bool: somebody was found."""
        return self.confidence > 0

    def mask(self, i: int) -> np.ndarray:
        """How much of each pixel is the person, float32 (H, W) in [0, 1]; all zero where nobody was found.

        Raises:
            ValueError: the masks were not asked for.
        """
        if self.masks is None:
            raise ValueError("these detections hold no masks; detect with masks=True")
        if not self.masks[i]:
            return np.zeros(self.image_size, np.float32)
        values = np.frombuffer(zlib.decompress(self.masks[i]), np.uint8)
        side = round(len(values) ** 0.5)
        x, y, size, rotation = self.crops[i]
        pasted = Crop(x, y, size, rotation).paste(values.reshape(side, side), self.image_size)
        return pasted.astype(np.float32) / 255.0

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` without object arrays, whole or not at all."""
        arrays = {
            field.name: np.asarray(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.name != "masks"
        }
        if self.masks is not None:
            arrays["mask_lengths"] = np.array([len(mask) for mask in self.masks], np.int64)
            arrays["mask_bytes"] = np.frombuffer(b"".join(self.masks), np.uint8)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, format_version=np.array(FORMAT_VERSION), **arrays)

    @staticmethod
    def load(path: str | Path) -> Detections:
        """Read what ``save`` wrote.

        Raises:
            FootageError: the file is missing, damaged, or of another version.
        """
        path = Path(path)
        if not path.is_file():
            raise FootageError(f"{path}: no such detections; detect again")
        try:
            with np.load(path, allow_pickle=False) as archive:
                data = {name: archive[name] for name in archive.files}
            if int(data.pop("format_version")) != FORMAT_VERSION:
                raise ValueError("another version's")
            height, width = data.pop("image_size")
            lengths = data.pop("mask_lengths", None)
            packed = data.pop("mask_bytes", np.zeros(0, np.uint8)).tobytes()
            masks = None
            if lengths is not None:
                ends = np.cumsum(lengths)
                masks = tuple(packed[end - length : end] for end, length in zip(ends, lengths, strict=True))
            return Detections(image_size=(int(height), int(width)), masks=masks, **data)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise FootageError(f"{path}: not readable detections ({error}); detect again") from error
