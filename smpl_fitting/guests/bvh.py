"""BVH files: a skeleton of named joints and the Euler angles of each frame.

The format is the one that Biovision published (M. Meredith, S. Maddock, "Motion capture file formats
explained", 2001): ``OFFSET`` places a joint in its parent at rest, rotation channels multiply in the order in
which they are listed, and position channels replace the offset, as in every program that reads BVH today.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from smpl_fitting.errors import MotionFileError

MAX_JOINTS = 2000
MAX_HEADER = 2**22  # bytes of hierarchy
_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")
_CHANNEL_NAMES = {name.lower(): name for name in _POSITIONS + _ROTATIONS}
_NTSC = (24, 30, 48, 60, 120)
_EVEN_RATES = (
    10,
    12,
    15,
    20,
    25,
    50,
    72,
    90,
    100,
    144,
    200,
    240,
    250,
    300,
    500,
    1000,
    *_NTSC,
    *(r / 1.001 for r in _NTSC),
)
_RATE_TOLERANCE = 1.5e-3  # files round the frame time to as little as 0.0333


@dataclass(frozen=True)
class Bvh:
    """A recorded skeleton in its file's own axes and units.

    An end site is a joint without channels, named after its parent: ``"Head end"``. Joints come parents first.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root
    offsets: np.ndarray  # (J, 3) from the parent
    channels: tuple[tuple[str, ...], ...]  # of each joint, such as ("Zrotation", "Xrotation", "Yrotation")
    values: np.ndarray  # (T, C) degrees and lengths, the channels of all joints in a row
    frame_time: float  # seconds

    @property
    def frame_count(self) -> int:
        return len(self.values)

    @property
    def fps(self) -> float:
        """Frames a second: the common rate that the rounded frame time stands for, if there is one."""
        rate = 1.0 / self.frame_time
        nearest = min(_EVEN_RATES, key=lambda even: abs(even - rate))
        return float(nearest) if abs(nearest / rate - 1.0) < _RATE_TOLERANCE else rate

    @cached_property
    def rest(self) -> np.ndarray:
        """(J, 3) the joints where no joint is turned."""
        rest = self.offsets.copy()
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                rest[joint] += rest[parent]
        return rest

    def forward(self, frames: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Global rotations (N, J, 3, 3), identity at rest, and joints (N, J, 3) of some frames."""
        values = self.values[frames]
        rotations = np.empty((len(values), len(self.names), 3, 3))
        joints = np.empty((len(values), len(self.names), 3))
        column = 0
        for joint, (parent, channels) in enumerate(zip(self.parents, self.channels, strict=True)):
            own = values[:, column : column + len(channels)]
            column += len(channels)
            local = _turns(own, channels)
            place = self._places(own, joint)
            if parent < 0:
                rotations[:, joint], joints[:, joint] = local, place
                continue
            rotations[:, joint] = rotations[:, parent] @ local
            joints[:, joint] = joints[:, parent] + (rotations[:, parent] @ place[..., None])[..., 0]
        return rotations, joints

    def _places(self, own: np.ndarray, joint: int) -> np.ndarray:
        """(N, 3) a joint in its parent."""
        place = np.tile(self.offsets[joint], (len(own), 1))
        if joint in self._moved:
            for column, channel in enumerate(self.channels[joint]):
                if channel in _POSITIONS:
                    place[:, _POSITIONS.index(channel)] = own[:, column]
        return place

    @cached_property
    def _moved(self) -> frozenset[int]:
        """Joints whose position channels are meant: some programs write zeros for all but the root."""
        moved, column = set(), 0
        for joint, channels in enumerate(self.channels):
            columns = [column + k for k, channel in enumerate(channels) if channel in _POSITIONS]
            column += len(channels)
            if columns and (self.parents[joint] < 0 or self.values[:, columns].any()):
                moved.add(joint)
        return frozenset(moved)


def read_bvh(path: str | Path) -> Bvh:
    """Read a BVH file.

    Raises:
        MotionFileError: the file is missing, is no BVH file, or is cut off.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _parse(file)
    except OSError as error:
        raise MotionFileError(f"{path}: cannot be read ({error.strerror}); give a .bvh file") from error
    except (ValueError, IndexError, OverflowError) as error:
        raise MotionFileError(f"{path}: not a BVH recording ({error}); export it again") from error


def _parse(file: BinaryIO) -> Bvh:
    """The recording in a BVH file.

    Raises:
        ValueError: the file is none.
    """
    head = file.read(MAX_HEADER)
    motion = re.search(rb"^\s*MOTION\b", head, re.MULTILINE | re.IGNORECASE)
    if motion is None:
        raise ValueError("it has no MOTION")
    frames = re.compile(rb"\s*Frames\s*:?\s*(\d{1,12})\s+Frame\s*Time\s*:?\s*(\S+)", re.IGNORECASE).match(
        head, motion.end()
    )
    if frames is None:
        raise ValueError("MOTION does not begin with Frames and Frame Time")
    names, parents, offsets, channels = _parse_hierarchy(head[: motion.start()].decode("latin-1"))
    count, frame_time = int(frames[1]), float(frames[2])
    if not (1e-6 < frame_time < 3600.0):
        raise ValueError(f"the frame time is {frame_time}, expected seconds")
    if count == 0:
        raise ValueError("it has no frames")
    file.seek(frames.end())
    return Bvh(
        names=names,
        parents=parents,
        offsets=offsets,
        channels=channels,
        values=_parse_values(file.read(), count, sum(map(len, channels))),
        frame_time=frame_time,
    )


def _parse_values(text: bytes, frames: int, width: int) -> np.ndarray:
    """(T, C) finite numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # how numpy says that a word is no number
        try:
            values = np.fromstring(text, sep=" ")
        except DeprecationWarning as error:
            raise ValueError("its frames hold something that is no number") from error
    if width == 0 or len(values) < frames * width:
        raise ValueError(f"it promises {frames} frames of {width} values and holds {len(values)} values")
    values = values[: frames * width].reshape(frames, width)
    if not np.isfinite(values).all():
        raise ValueError("its frames hold values that are not finite")
    return values


def _parse_hierarchy(text: str):
    """Names, parents, offsets (J, 3) and channels of the joints."""
    names: list[str] = []
    parents: list[int] = []
    offsets: list[np.ndarray | None] = []
    channels: list[tuple[str, ...]] = []
    chain: list[int] = []
    for line in re.sub(r"([{}])", r"\n\1\n", text).splitlines():
        words = line.split()
        if not words or words == ["HIERARCHY"]:
            continue
        keyword = words[0].lower()
        if keyword in ("root", "joint", "end"):
            if (keyword == "root") == bool(chain) or len(names) >= MAX_JOINTS:
                raise ValueError(f"{' '.join(words)!r} is out of place")
            parents.append(chain[-1] if chain else -1)
            name = " ".join(words[1:]) if keyword != "end" else f"{names[parents[-1]]} end"
            names.append(name)
            offsets.append(None)
            channels.append(())
        elif keyword == "{" and len(names) > len(chain) and (not chain or chain[-1] != len(names) - 1):
            chain.append(len(names) - 1)
        elif keyword == "}" and chain:
            chain.pop()
        elif keyword == "offset" and chain:
            offsets[chain[-1]] = _vector(words[1:])
        elif keyword == "channels" and chain:
            channels[chain[-1]] = _channel_names(words[1:])
        else:
            raise ValueError(f"{line.strip()[:60]!r} is out of place")
    if not names or chain:
        raise ValueError("its HIERARCHY is cut off" if names else "its HIERARCHY is empty")
    if any(offset is None for offset in offsets):
        raise ValueError(f"joint {names[[o is None for o in offsets].index(True)]!r} has no OFFSET")
    return tuple(names), tuple(parents), np.stack([o for o in offsets if o is not None]), tuple(channels)


def _vector(words: list[str]) -> np.ndarray:
    vector = np.array([float(word) for word in words])
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError(f"OFFSET {' '.join(words)[:60]} is not three numbers")
    return vector


def _channel_names(words: list[str]) -> tuple[str, ...]:
    names = tuple(_CHANNEL_NAMES.get(word.lower(), "") for word in words[1:])
    if not words or words[0] != str(len(names)) or "" in names or len(set(names)) != len(names):
        raise ValueError(f"CHANNELS {' '.join(words)[:60]} are not a count and as many known names")
    return names


def _turns(own: np.ndarray, channels: tuple[str, ...]) -> np.ndarray:
    """(N, 3, 3) the product of a joint's rotation channels, first on the left."""
    result = np.tile(np.eye(3), (len(own), 1, 1))
    for column, channel in enumerate(channels):
        if channel in _ROTATIONS:
            axis = _ROTATIONS.index(channel)
            angle = np.deg2rad(own[:, column])
            turn = np.tile(np.eye(3), (len(own), 1, 1))
            i, j = (axis + 1) % 3, (axis + 2) % 3
            turn[:, i, i] = turn[:, j, j] = np.cos(angle)
            turn[:, j, i] = np.sin(angle)
            turn[:, i, j] = -turn[:, j, i]
            result = result @ turn
    return result
