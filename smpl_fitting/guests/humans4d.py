"""4D-Humans' tracks, ``results/demo_*.pkl`` (Goel et al. 2023; layout: phalp/trackers/PHALP.py, written by joblib).

``{frame: {"time", "size": [[h, w], …], "tid": […], "tracked_time": […], "smpl": [{"global_orient" (1, 3, 3),
"body_pose" (23, 3, 3), "betas" (10,)}, …], "camera": [(3,), …], …}}``, the lists one entry a person. SMPL in OpenCV
camera axes; ``camera`` is smplx's translation under a focal length of 5000 pixels in a picture padded to a square
of 256 (HMAR.get_3d_parameters). There is no world: depth is the tool's guess, frame by frame.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from smpl_fitting.body import BodyModel
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests.placement import rest_pelvis
from smpl_fitting.guests.safe_joblib import entry, read_pickle
from smpl_fitting.guests.smpl_results import DEFAULT_FPS, Sighting, longest, to_motion
from smpl_fitting.motion import Motion

_FOCAL, _SQUARE = 5000.0, 256.0  # cfg.EXTRA.FOCAL_LENGTH and cfg.render.res


class _Seen(NamedTuple):
    frame: int
    row: int  # among the people of the frame
    people: dict[str, Any]


def looks_like_humans4d(content: Any) -> bool:
    return isinstance(content, dict) and any(
        isinstance(frame, dict) and "tracked_ids" in frame and "smpl" in frame for frame in content.values()
    )


def read_humans4d(
    path: str | Path,
    body: BodyModel | None = None,
    fps: float | None = None,
    person: int | None = None,
    content: Any = None,
) -> Motion:
    """One person of a 4D-Humans result. Frames in which the track was only predicted have confidence 0.

    Args:
        body: the SMPL model, if there is one, for the exact place of the pelvis.
        fps: of the clip, which the file does not say; 30 by default.
        person: the track; by default the one seen longest.
        content: what :func:`read_pickle` gave for the file, if it has been read already.

    Raises:
        MotionFileError: the file cannot be read or is not in 4D-Humans' layout.
    """
    path = Path(path)
    content = read_pickle(path) if content is None else content
    try:
        if not looks_like_humans4d(content):
            raise ValueError("it has no tracked_ids")
        tracks = _tracks(content)
        chosen = longest({track: np.array([s.frame for s in seen]) for track, seen in tracks.items()}, person)
        return _motion(tracks[chosen], chosen, path, body, fps or DEFAULT_FPS)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, MotionFileError) as error:
        raise MotionFileError(
            f"{path}: not a 4D-Humans result ({error}); run track.py of 4D-Humans again"
        ) from error


def _tracks(content: dict[Any, Any]) -> dict[int, list[_Seen]]:
    """Who was really seen (not predicted) when, by track."""
    tracks: dict[int, list[_Seen]] = {}
    for people in content.values():
        frame = int(people["time"])
        for row, track in enumerate(people["tid"]):
            if int(people["tracked_time"][row]) == 0:
                tracks.setdefault(int(track), []).append(_Seen(frame, row, people))
    for seen in tracks.values():
        seen.sort(key=lambda one: one.frame)
        if seen[0].frame < 0 or len({one.frame for one in seen}) != len(seen):
            raise ValueError("a track is twice in one frame")
    return tracks


def _motion(track: list[_Seen], chosen: int, path: Path, body: BodyModel | None, fps: float) -> Motion:
    smpl = [one.people["smpl"][one.row] for one in track]
    rotations = np.concatenate(
        [_stacked(smpl, "global_orient", (1, 3, 3)), _stacked(smpl, "body_pose", (23, 3, 3))], axis=1
    )
    betas = _stacked(smpl, "betas", (10,)).mean(0)
    camera = _stacked([{"camera": entry(one.people["camera"], one.row)} for one in track], "camera", (3,))
    size = [int(side) for side in track[0].people["size"][track[0].row]]
    if len(size) != 2 or not 0 < min(size) <= max(size) < 100_000:
        raise ValueError(f"its pictures have size {size}")
    height, width = size
    focal = _FOCAL * max(size) / _SQUARE
    K = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    pelvis = rest_pelvis("smpl", betas, body)
    seen = Sighting(
        model="smpl",
        frames=np.array([one.frame for one in track]),
        rotations=rotations,
        pelvis=camera + pelvis,
        betas=betas,
        rest_pelvis=pelvis,
        K=np.repeat(K[None], len(track), axis=0),
        image_size=(height, width),
    )
    return to_motion(seen, fps, path.name, chosen)


def _stacked(items: list[Any], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """(N, *shape) finite float64."""
    values = [entry(item, name) for item in items]
    if not all(
        isinstance(value, np.ndarray) and value.shape == shape and value.dtype.kind == "f" for value in values
    ):
        raise ValueError(f"{name} is not an array of shape {shape} in every frame")
    stacked = np.stack(values).astype(np.float64)
    if not np.isfinite(stacked).all():
        raise ValueError(f"{name} holds values that are not finite")
    if shape[-2:] == (3, 3) and np.abs(np.linalg.det(stacked) - 1.0).max() > 0.1:
        raise ValueError(f"{name} holds matrices that are no rotations")
    return stacked
