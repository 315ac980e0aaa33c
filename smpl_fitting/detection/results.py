"""What detection finds in a clip, and its file."""

from __future__ import annotations

import dataclasses
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.masks import MaskStore
from smpl_fitting.detection.networks import NETWORKS, Network
from smpl_fitting.errors import FootageError
from smpl_fitting.files import atomic_path
from smpl_fitting.safe_npz import DAMAGE, read_arrays

FORMAT_VERSION = 2
NUM_LANDMARKS = 33
PATCH_DETAIL = 2  # an edge lies between the cells of a mask
_LARGEST_MASK = 2**22  # bytes, packed or not
_SHAPES: dict[str, tuple[int, ...]] = {
    "keypoints": (NUM_LANDMARKS, 4),
    "keypoints_world": (NUM_LANDMARKS, 3),
    "confidence": (),
    "boxes": (4,),
    "frames": (),
    "crops": (4,),
}
_SAVED = (*_SHAPES, "image_size", "cuts", "person", "exact", "network", "format_version", "mask_lengths")


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
        cuts: (C,) int64 rising rows at which a new shot begins, after the first; nothing is known across them.
        person: number of this person among everybody of the clip, the most prominent first.
        exact: the keypoints' pixels are the body's own landmarks (markers, or set by hand), not a detector's opinion.
        network: which of MediaPipe's landmark networks read them.
    """

    keypoints: np.ndarray
    keypoints_world: np.ndarray
    confidence: np.ndarray
    boxes: np.ndarray
    image_size: tuple[int, int]
    frames: np.ndarray
    crops: np.ndarray
    masks: Sequence[bytes] | None = None
    cuts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    person: int = 0
    exact: bool = False
    network: Network = "full"

    @property
    def found(self) -> np.ndarray:
        """(T,) bool: somebody was found."""
        return self.confidence > 0

    def mask(self, i: int) -> np.ndarray:
        """How much of each pixel is the person, float32 (H, W) in [0, 1]; all zero where nobody was found.

        Raises:
            ValueError: the masks were not asked for.
            FootageError: the mask is damaged.
        """
        values = self._mask_values(i)
        return _unit(Crop(*self.crops[i]).paste(values, self.image_size))

    def mask_patch(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """The mask at :data:`PATCH_DETAIL` times its own resolution, float32 (S, S) in [0, 1], and the upright box
        x0 y0 x1 y1 in pixels that it covers, which may reach over the picture's edge.

        Raises:
            ValueError, FootageError: as :meth:`mask`.
        """
        values = self._mask_values(i)
        crop = Crop(*self.crops[i])
        step = max(crop.size, 1.0) / (PATCH_DETAIL * len(values))
        reach = abs(math.cos(crop.rotation)) + abs(math.sin(crop.rotation))  # of the turned square's box
        side = math.ceil(PATCH_DETAIL * len(values) * reach)
        half = side * step / 2
        middle = side / 2
        patch = Crop(middle, middle, crop.size / step, crop.rotation).paste(values, (side, side))
        return _unit(patch), np.array([crop.x - half, crop.y - half, crop.x + half, crop.y + half])

    def _mask_values(self, i: int) -> np.ndarray:
        """(S, S) uint8, as the detector gave it in the crop's own axes; 1 x 1 and zero where nobody was found."""
        if self.masks is None:
            raise ValueError("these detections hold no masks; detect with masks=True")
        if not self.masks[i]:
            return np.zeros((1, 1), np.uint8)
        values = _unpacked(self.masks[i])
        side = round(len(values) ** 0.5)
        return values.reshape(side, side)

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` without object arrays, whole or not at all; a few masks at a time are in memory."""
        arrays = {
            field.name: np.asarray(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.name != "masks"
        }
        arrays["format_version"] = np.array(FORMAT_VERSION)
        masks = self.masks
        if masks is not None:
            arrays["mask_lengths"] = np.array([len(mask) for mask in masks], np.int64)
        with atomic_path(path) as temporary, open(temporary, "w+b") as file:
            np.savez(file, **arrays)
            if masks is not None:
                with zipfile.ZipFile(file, "a") as archive, archive.open("mask_bytes.npy", "w") as member:
                    shape = (int(arrays["mask_lengths"].sum()),)
                    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(member, header)
                    for mask in masks:
                        member.write(mask)

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
            data = read_arrays(path, _SAVED)
            if data.pop("format_version").item() != FORMAT_VERSION:
                raise ValueError("another version's")
            height, width = data.pop("image_size")
            if not (height > 0 and width > 0):
                raise ValueError(f"the pictures are {width} x {height} pixels")
            person = int(data.pop("person").item())
            exact = bool(data.pop("exact", np.array(False)).item())  # older files were all detected
            network = str(data.pop("network", np.array("full")).item())  # by this one
            if network not in NETWORKS:
                raise ValueError(f"by the unknown network {network!r}")
            lengths = data.pop("mask_lengths", None)
            _check(data, lengths)
            masks = None if lengths is None else _read_masks(path, lengths.tolist())
            size = (int(height), int(width))
            return Detections(
                image_size=size, masks=masks, person=person, exact=exact, network=network, **data
            )
        except DAMAGE as error:
            raise FootageError(f"{path}: not readable detections ({error}); detect again") from error


def _read_masks(path: Path, lengths: list[int]) -> MaskStore:
    """The masks of a file.

    Raises:
        ValueError: there are fewer or more bytes than masks.
    """
    with zipfile.ZipFile(path) as archive, archive.open("mask_bytes.npy") as member:
        np.lib.format.read_magic(member)
        (size,), _, kind = np.lib.format.read_array_header_1_0(member)
        if size != sum(lengths) or kind != np.uint8:
            raise ValueError("masks cut off")
        return MaskStore.of((member.read(length) for length in lengths), len(lengths))


def _unit(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) / 255.0


def _check(data: dict[str, np.ndarray], lengths: np.ndarray | None) -> None:
    """Raises ValueError where arrays do not fit each other or hold other than finite numbers."""
    count = len(data["frames"])
    for name, tail in _SHAPES.items():
        array = data[name]
        if array.dtype.kind not in "iuf" or array.shape != (count, *tail) or not np.isfinite(array).all():
            raise ValueError(f"{name} does not hold {count} times {tail} finite numbers")
    if lengths is None:
        return
    fits = lengths.dtype.kind in "iu" and lengths.shape == (count,)
    if not fits or (lengths < 0).any() or (lengths > _LARGEST_MASK).any():
        raise ValueError("the masks' lengths do not fit")


def _unpacked(packed: bytes) -> np.ndarray:
    """The uint8 values of a mask's square."""
    try:
        values = np.frombuffer(zlib.decompressobj().decompress(packed, _LARGEST_MASK), np.uint8)
    except zlib.error as error:
        raise FootageError(f"a mask of these detections is damaged ({error}); detect again") from error
    if round(len(values) ** 0.5) ** 2 != len(values) or not len(values):
        raise FootageError("a mask of these detections is damaged; detect again")
    return values
