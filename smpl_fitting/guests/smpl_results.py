"""What readers of SMPL regressors share: gaps filled, worlds turned upright, cameras solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.contacts import find_contacts
from smpl_fitting.guests.alignment import Y_UP_TO_Z_UP
from smpl_fitting.guests.timeline import matrices_to_axis_angle, rotations_at, values_at
from smpl_fitting.motion import POSE_WIDTHS, Motion
from smpl_fitting.world import camera_to_world

DEFAULT_FPS = 30.0
MAX_GAPS = (
    10_000  # frames that may be missing before the file is taken to be damaged, and ten times as many as seen
)
MAX_DISTANCE = 1e5  # metres


@dataclass(frozen=True)
class Sighting:
    """One person as a tool saw them, at N of the clip's frames.

    ``rotations`` (N, J, 3, 3), joint 0 in camera axes; ``pelvis`` (N, 3) in camera axes. ``world_root`` (N, 3, 3)
    and ``world_pelvis`` (N, 3) the same in a Y-up world, where the tool knows one.
    """

    model: str
    frames: np.ndarray  # (N,) increasing
    rotations: np.ndarray
    pelvis: np.ndarray
    betas: np.ndarray  # (B,)
    rest_pelvis: np.ndarray  # (3,)
    world_root: np.ndarray | None = None
    world_pelvis: np.ndarray | None = None
    K: np.ndarray | None = None  # (N, 3, 3)
    image_size: tuple[int, int] | None = None


def to_motion(seen: Sighting, fps: float, source: str, track_id: int = 0) -> Motion:
    """A motion in our Z-up world with cameras, frame for frame; what lies between sightings is interpolated.

    The ground is found from the feet of the open body in the same poses. Where the tool has no world, the camera
    is taken to stand still (:func:`smpl_fitting.world.camera_to_world`); the tools' own worlds are upright, but
    have their origin anywhere.

    Raises:
        ValueError: the numbers are no person's.
    """
    span = int(seen.frames[-1] - seen.frames[0]) + 1
    if span > MAX_GAPS + 10 * len(seen.frames):
        raise ValueError(f"the person is seen in {len(seen.frames)} of {span} frames, which is no track")
    if max(np.abs(seen.pelvis).max(), np.abs(seen.betas).max()) > MAX_DISTANCE:
        raise ValueError("its numbers are too large to be a person's")
    frames = seen.frames[0] + np.arange(span)
    known = np.isin(frames, seen.frames).astype(np.float32)
    rotations = rotations_at(seen.frames, seen.rotations, frames)
    pelvis = values_at(seen.frames, seen.pelvis, frames)
    if seen.world_root is None or seen.world_pelvis is None:
        root, place, contacts = _before_still_camera(seen, rotations, pelvis, fps, known)
    else:
        root = Y_UP_TO_Z_UP @ rotations_at(seen.frames, seen.world_root[:, None], frames)[:, 0]
        place = values_at(seen.frames, seen.world_pelvis, frames) @ Y_UP_TO_Z_UP.T
        height, contacts = _ground(
            seen, np.concatenate([root[:, None], rotations[:, 1:]], axis=1), place, fps, known
        )
        place = place - [0.0, 0.0, height]
    R = rotations[:, 0] @ root.swapaxes(-1, -2)
    poses = np.zeros((span, POSE_WIDTHS[seen.model]), np.float32)
    local = np.concatenate([root[:, None], rotations[:, 1:]], axis=1)
    poses[:, : 3 * local.shape[1]] = matrices_to_axis_angle(local)
    return Motion(
        poses=poses,
        trans=(place - seen.rest_pelvis).astype(np.float32),
        betas=seen.betas.astype(np.float32),
        fps=fps,
        model=seen.model,
        camera_K=None if seen.K is None else values_at(seen.frames, seen.K, frames).astype(np.float32),
        camera_R=R.astype(np.float32),
        camera_t=(pelvis - (R @ place[..., None])[..., 0]).astype(np.float32),
        image_size=seen.image_size,
        confidence=known,
        contacts=contacts,
        times=frames / fps,
        track_id=track_id,
        source=source,
    )


def _before_still_camera(
    seen: Sighting, rotations: np.ndarray, pelvis: np.ndarray, fps: float, confidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root (T, 3, 3) and pelvis (T, 3) in the world of a camera that stands still, and the contacts (T, 4)."""
    body, betas, full, trans = _stand_in(seen, rotations, pelvis)
    _, _, R, t, contacts = camera_to_world(body, betas, full, trans, fps, confidence=confidence)
    to_world = R.double().numpy().T
    return to_world @ rotations[:, 0], (pelvis - t.double().numpy()) @ to_world.T, contacts


def _ground(
    seen: Sighting, rotations: np.ndarray, pelvis: np.ndarray, fps: float, confidence: np.ndarray
) -> tuple[float, np.ndarray]:
    """The height of the ground in a Z-up world, and the contacts (T, 4)."""
    body, betas, full, trans = _stand_in(seen, rotations, pelvis)
    soles = body.soles(betas, full, trans).double().numpy()
    contacts = find_contacts(soles, fps, confidence=confidence)
    standing = soles[..., 2][contacts > 0.5]
    return float(np.median(standing) if len(standing) else soles[..., 2].min(1).mean()), contacts


def _stand_in(
    seen: Sighting, rotations: np.ndarray, pelvis: np.ndarray
) -> tuple[BodyModel, Tensor, Tensor, Tensor]:
    """The open body in the same pose: itself, betas, rotations (T, 24, 3, 3), trans (T, 3)."""
    body = load_body("open")
    betas = torch.zeros(body.num_betas)
    if seen.model == "open":
        betas = torch.as_tensor(seen.betas, dtype=torch.float32)
    full = torch.eye(3).expand(len(rotations), body.num_joints, 3, 3).clone()
    count = min(22, rotations.shape[1])
    full[:, :count] = torch.as_tensor(rotations[:, :count], dtype=torch.float32)
    trans = torch.as_tensor(pelvis, dtype=torch.float32) - body.shaped(betas)[1][0]
    return body, betas, full, trans


def longest(tracks: dict[int, np.ndarray], person: int | None) -> int:
    """The track asked for, or the one seen in most frames.

    Raises:
        ValueError: there is no such track, or none at all.
    """
    if not tracks:
        raise ValueError("it holds nobody")
    if person is None:
        return max(tracks, key=lambda track: len(tracks[track]))
    if person not in tracks:
        raise ValueError(f"it has no person {person}; choose among {', '.join(map(str, list(tracks)[:20]))}")
    return person
