"""What detection has found so far, in a folder: chunks written whole or not at all, so that a killed run goes on.

A chunk holds the sightings of some frames, their packed masks, and everything the follower needs to go on after
them; so a resumed run gives what an unbroken one gives, and no more than a chunk of sightings is in memory.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from smpl_fitting.detection.crops import Crop
from smpl_fitting.detection.follow import Follower
from smpl_fitting.detection.session import COLOUR_BINS, Sighting
from smpl_fitting.detection.tracks import Track
from smpl_fitting.errors import FootageError
from smpl_fitting.files import atomic_path, sweep_temporaries
from smpl_fitting.video import Footage

_VERSION = 1


def footage_key(footage: Footage, *options: object) -> str:
    """A hash that changes when the footage's files or the options do (by size and time of change, not content)."""
    path = Path(footage.path)
    if path.is_file():
        files = [path]
    else:
        folder = path if path.is_dir() else path.parent
        files = sorted(file for file in folder.iterdir() if file.is_file())
    stats = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((_VERSION, stats, options)).encode()).hexdigest()[:16]


class Journal:
    """The chunks of one detection.

    Args:
        folder: where they are; made when needed. Chunks of one :func:`footage_key` alone belong there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        sweep_temporaries(folder)

    def _chunks(self) -> list[Path]:
        return sorted(self._folder.glob("chunk-[0-9]*.npz"))

    def write(self, follower: Follower, done: int) -> None:
        """Write down what the follower has found since the last time; ``done``: frames looked at in all."""
        rows, follower.rows = follower.rows, []
        live = [*follower.active, *follower.lost]
        known = [*live, *follower.forgotten]
        follower.forgotten = []
        recent = [
            (track.number, index, track.recent[index]) for track in live for index in sorted(track.recent)
        ]
        arrays = {
            **_pack("row", [(row.track, row.frame, row.sighting) for row in rows]),
            "mask_lengths": np.array([len(row.mask) for row in rows], np.int64),
            "mask_bytes": np.frombuffer(b"".join(row.mask for row in rows), np.uint8),
            **_pack("recent", recent),
            "tracks": np.array(
                [(t.number, t.shot, t.count, t.hidden, t in follower.active) for t in live], np.int64
            ).reshape(-1, 5),
            "known": np.array([track.number for track in known], np.int64),
            "colours": np.array([track.colours for track in known]).reshape(-1, COLOUR_BINS**3),
            "bystanders": _crops(follower.bystanders),
            "cuts": np.array(follower.cuts, np.int64),
            "next_number": np.array(follower.next_number),
            "done": np.array(done),
        }
        path = self._folder / f"chunk-{len(self._chunks()):06d}.npz"
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    def restore(self, follower: Follower) -> int:
        """Put the follower where the last chunk left it; the number of frames looked at, 0 without chunks."""
        chunks = self._chunks()
        if not chunks:
            return 0
        arrays = _read(chunks[-1])
        recent: dict[int, dict[int, Sighting]] = {}
        for number, index, sighting in _unpack("recent", arrays):
            recent.setdefault(number, {})[index] = sighting
        table = zip(arrays["tracks"].tolist(), arrays["colours"], strict=False)  # the live ones come first
        for (number, shot, count, hidden, is_active), colours in table:
            track = Track(number, shot, keep=follower.memory)
            track.recent, track.count, track.colours = recent[number], count, colours
            track.hidden = bool(hidden)
            (follower.active if is_active else follower.lost).append(track)
        follower.bystanders = [Crop(*row) for row in arrays["bystanders"].tolist()]
        follower.cuts = arrays["cuts"].tolist()
        follower.next_number = int(arrays["next_number"])
        return int(arrays["done"])

    def cuts(self) -> np.ndarray:
        """(C,) int64 frames at which a shot begins."""
        return _read(self._chunks()[-1], ("cuts",))["cuts"]

    def sightings(self) -> Iterator[dict[str, np.ndarray]]:
        """For each chunk the sightings' columns: ``track``, ``frame``, ``keypoints``, ``world``, ``score``,
        ``crop``, ``box``; and ``known``, ``colours``: numbers of tracks, and how they looked by then."""
        for path in self._chunks():
            names = [f"row_{name}" for name in ("track", "frame", *_SHAPES) if name != "next_crop"]
            arrays = _read(path, (*names, "known", "colours"))
            yield {name.removeprefix("row_"): values for name, values in arrays.items()}

    def masks(self) -> Iterator[list[tuple[int, int, bytes]]]:
        """For each chunk (track, frame, packed mask) of its sightings."""
        for path in self._chunks():
            arrays = _read(path, ("row_track", "row_frame", "mask_lengths", "mask_bytes"))
            packed, ends = arrays["mask_bytes"].tobytes(), np.cumsum(arrays["mask_lengths"])
            starts = ends - arrays["mask_lengths"]
            yield [
                (track, frame, packed[start:end])
                for track, frame, start, end in zip(
                    arrays["row_track"].tolist(), arrays["row_frame"].tolist(), starts, ends, strict=True
                )
            ]


_SHAPES: dict[str, tuple[int, ...]] = {
    "keypoints": (33, 4),
    "world": (33, 3),
    "score": (),
    "crop": (4,),
    "next_crop": (4,),
    "box": (4,),
}


def _crops(crops: Sequence[Crop]) -> np.ndarray:
    return np.array([(crop.x, crop.y, crop.size, crop.rotation) for crop in crops], float).reshape(-1, 4)


def _pack(prefix: str, rows: Sequence[tuple[int, int, Sighting]]) -> dict[str, np.ndarray]:
    seen = [sighting for _, _, sighting in rows]
    values: dict[str, np.ndarray] = {
        "keypoints": np.array([one.keypoints for one in seen], np.float32),
        "world": np.array([one.keypoints_world for one in seen], np.float32),
        "score": np.array([one.score for one in seen], np.float64),
        "crop": _crops([one.crop for one in seen]),
        "next_crop": _crops([one.next_crop for one in seen]),
        "box": np.array([one.box for one in seen], np.float32),
    }
    columns = {name: values[name].reshape(len(rows), *shape) for name, shape in _SHAPES.items()}
    columns["track"] = np.array([track for track, _, _ in rows], np.int64)
    columns["frame"] = np.array([frame for _, frame, _ in rows], np.int64)
    return {f"{prefix}_{name}": column for name, column in columns.items()}


def _unpack(prefix: str, arrays: dict[str, np.ndarray]) -> Iterator[tuple[int, int, Sighting]]:
    columns = {name: arrays[f"{prefix}_{name}"] for name in ("track", "frame", *_SHAPES)}
    for i in range(len(columns["track"])):
        sighting = Sighting(
            score=float(columns["score"][i]),
            keypoints=columns["keypoints"][i],
            keypoints_world=columns["world"][i],
            mask=np.zeros((0, 0), np.float32),
            colours=np.zeros(0),
            crop=Crop(*columns["crop"][i].tolist()),
            next_crop=Crop(*columns["next_crop"][i].tolist()),
            box=columns["box"][i],
        )
        yield int(columns["track"][i]), int(columns["frame"][i]), sighting


def _read(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in names or archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FootageError(
            f"{path}: damaged partial work ({error}); remove the folder {path.parent} and start again"
        ) from error
