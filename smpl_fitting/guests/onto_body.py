"""A guest's motion on another body, and as the start of a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.body.names import JOINT_NAMES
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests.alignment import Y_UP_TO_Z_UP, retarget
from smpl_fitting.guests.placement import joint_rotations, rest_joints, rest_of_24, rest_pelvis
from smpl_fitting.guests.timeline import axis_angle_to_matrices, rotations_at, values_at
from smpl_fitting.motion import Motion
from smpl_fitting.world import LEVEL_CAMERA

_BODY_JOINTS = 22  # all the models agree on these
_HANDS = 3 * 30


@dataclass(frozen=True)
class MotionCapture:
    """A motion as :func:`smpl_fitting.guests.alignment.retarget` takes recordings: Y-up."""

    motion: Motion
    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest: np.ndarray  # (J, 3), Y-up

    @property
    def fps(self) -> float:
        return self.motion.fps

    @property
    def frame_count(self) -> int:
        return self.motion.frame_count

    def forward(self, frames: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.motion.select(frames)
        rotations = joint_rotations(chosen)[:, : len(self.names)]
        rotations[:, 0] = Y_UP_TO_Z_UP.T @ rotations[:, 0]
        joints = np.empty((*rotations.shape[:2], 3))
        joints[:, 0] = (self.rest[0] + chosen.trans) @ Y_UP_TO_Z_UP
        for joint, parent in enumerate(self.parents[1:], start=1):
            joints[:, joint] = joints[:, parent] + rotations[:, parent] @ (
                self.rest[joint] - self.rest[parent]
            )
            rotations[:, joint] = rotations[:, parent] @ rotations[:, joint]
        return rotations, joints


def to_open(motion: Motion, body: BodyModel | None = None, model: str = "open") -> Motion:
    """The motion on the open body; that of a licensed model has the mean shape then.

    With the motion's own ``body`` the limbs point in the world where they pointed, and the whole scene (the path
    of the hips, the cameras' places) is scaled about the world's origin by the ratio of the legs' lengths. Without
    it, the joints' rotations and the pelvis' path are kept as they are: the models share the T-pose, and their
    limbs differ at rest by a few degrees at the shoulders and feet. Fingers go over to ``open_h``.

    Raises:
        MotionFileError: ``body`` is another model than the motion's.
    """
    if motion.model == model:
        return motion
    target = load_body(model)
    poses = np.zeros((motion.frame_count, 3 * target.num_joints), np.float32)
    poses[:, : 3 * _BODY_JOINTS] = motion.poses[:, : 3 * _BODY_JOINTS]
    if model == "open_h" and motion.poses.shape[1] > 3 * len(JOINT_NAMES):
        poses[:, -_HANDS:] = motion.poses[:, -_HANDS:]
    if motion.model.startswith("open"):  # the two differ in their hands only
        return replace(motion, poses=poses, model=model)
    own_rest = rest_of_24(target, np.zeros(0))
    trans = motion.trans + rest_pelvis(motion.model, motion.betas, body) - own_rest[0]
    camera_t = motion.camera_t
    if body is not None:
        rest, names, parents = rest_joints(motion, body)
        source = MotionCapture(motion, names[:_BODY_JOINTS], parents[:_BODY_JOINTS], rest[:_BODY_JOINTS])
        turned, trans, scale = retarget(source, own_rest)
        poses[:, : 3 * _BODY_JOINTS] = turned[:, : 3 * _BODY_JOINTS]
        camera_t = None if camera_t is None else np.asarray(scale * camera_t, np.float32)
    return replace(
        motion,
        poses=poses,
        trans=np.asarray(trans, np.float32),
        betas=np.zeros(target.num_betas, np.float32),
        model=model,
        gender=target.gender,
        camera_t=camera_t,
    )


class Initial(NamedTuple):
    """Where a fit starts: rotations (T, 24, 3, 3) with joint 0 in camera axes, trans (T, 3) in camera axes as in
    smplx, betas (B,). ``trans`` is None where the guest saw no camera: then joint 0 is as if a level camera looked
    along the world's +Y, and its heading and place are to be found from the picture."""

    rotations: np.ndarray
    trans: np.ndarray | None
    betas: np.ndarray


def as_initial(
    motion: Motion, body: BodyModel, times: np.ndarray, K: np.ndarray, image_size: tuple[int, int]
) -> Initial:
    """A guest as the start of fitting a clip: at the clip's frames, in its camera's axes, on the fit's body.

    Where the guest was seen through another lens, it is moved along its rays until it covers the same pixels.

    Args:
        times: (T,) seconds of the clip's frames in the source; frame rates may differ.
        K: (T, 3, 3) the clip's cameras. image_size: (height, width) of the clip.

    Raises:
        MotionFileError: the guest ends before the clip begins, or its cameras see it behind them.
    """
    own = motion.model == body.name
    guest = motion if own or not body.name.startswith("open") else to_open(motion, model=body.name)
    own_times = np.arange(guest.frame_count) / guest.fps if guest.times is None else guest.times
    if own_times[-1] < times[0] - 0.5 or own_times[0] > times[-1] + 0.5:
        raise MotionFileError(
            f"{motion.source or 'the motion'}: covers {own_times[0]:.1f} to {own_times[-1]:.1f} s, the clip "
            f"{times[0]:.1f} to {times[-1]:.1f} s; give the motion of this clip"
        )
    betas = np.zeros(body.num_betas, np.float32)
    if own:
        count = min(len(betas), len(guest.betas))
        betas[:count] = guest.betas[:count]
    world = axis_angle_to_matrices(np.asarray(guest.poses, np.float64)[:, : 3 * _BODY_JOINTS])
    rotations = np.tile(np.eye(3), (len(times), len(JOINT_NAMES), 1, 1))
    rotations[:, :_BODY_JOINTS] = rotations_at(own_times, world, times)
    if guest.camera_R is None or guest.camera_t is None:
        rotations[:, 0] = LEVEL_CAMERA.double().numpy().T @ rotations[:, 0]
        return Initial(rotations, None, betas)
    rest = rest_pelvis(body.name, betas, body)
    R = np.asarray(guest.camera_R, np.float64)
    pelvis = guest.trans + rest_pelvis(guest.model, guest.betas, body)
    seen = (R @ pelvis[..., None])[..., 0] + guest.camera_t
    rotations[:, 0] = rotations_at(own_times, (R @ world[:, 0])[:, None], times)[:, 0]
    place = values_at(own_times, seen, times)
    if guest.camera_K is not None and guest.image_size is not None:
        place = _through_lens(
            place, values_at(own_times, guest.camera_K, times), guest.image_size, K, image_size
        )
    if place[:, 2].min() <= 0:
        raise MotionFileError(f"{motion.source or 'the motion'}: is behind its own camera; export it again")
    return Initial(rotations, place - rest, betas)


def _through_lens(
    place: np.ndarray, K: np.ndarray, size: tuple[int, int], new_K: np.ndarray, new_size: tuple[int, int]
) -> np.ndarray:
    """(T, 3) camera-space points moved along their rays to look as large, at the same spot, through another lens."""
    zoom = new_size[0] / size[0]
    pixels = (K @ (place / place[:, 2:])[..., None])[:, :2, 0] * zoom
    depth = place[:, 2] * new_K[:, 1, 1] / (K[:, 1, 1] * zoom)
    rays = np.linalg.solve(new_K, np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)[..., None])[
        ..., 0
    ]
    return rays * depth[:, None]
