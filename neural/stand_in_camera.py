"""A camera for motions that were never filmed: captured, drawn or animated ones (BVH, AMASS)."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry import axis_angle_to_matrix
from smpl_fitting.motion import Motion


def with_stand_in_camera(motion: Motion, body: BodyModel, source: Motion) -> Motion:
    """The motion before a level camera that stands still, as far off and of the same lens as the source's.

    It aims at the middle of the pelvis' way, from where the person faces on average.

    Args:
        motion: Z-up, without cameras. source: the source's fit, with its camera, which its first row names.

    Raises:
        LiquidMotionError: the source has no camera either.
    """
    if source.camera_K is None or source.camera_R is None or source.camera_t is None:
        raise LiquidMotionError(f"{source.source or 'source motion'}: has no cameras; fit it from footage")
    facing = axis_angle_to_matrix(torch.as_tensor(motion.poses[:, :3]).double())[:, :2, 2].numpy()
    ahead = facing.mean(0)
    if np.linalg.norm(ahead) < 0.1:  # who turns round and round is filmed from where the motion begins
        ahead = facing[0]
    ahead = ahead / np.linalg.norm(ahead) if np.linalg.norm(ahead) > 1e-6 else np.array([0.0, -1.0])
    down, forward = np.array([0.0, 0.0, -1.0]), np.array([-ahead[0], -ahead[1], 0.0])
    R = np.stack([np.cross(down, forward), down, forward])
    way = _rest_pelvis(body, motion) + motion.trans.astype(float)
    middle = (way.min(0) + way.max(0)) / 2
    pelvis = source.camera_R[0] @ (_rest_pelvis(body, source) + source.trans[0]) + source.camera_t[0]
    t = np.array([0.0, 0.0, float(pelvis[2])]) - R @ middle
    count = motion.frame_count
    return dataclasses.replace(
        motion,
        camera_K=np.repeat(source.camera_K[:1], count, axis=0),
        camera_R=np.repeat(R[None], count, axis=0).astype(np.float32),
        camera_t=np.repeat(t[None], count, axis=0).astype(np.float32),
        image_size=source.image_size,
    )


def _rest_pelvis(body: BodyModel, motion: Motion) -> np.ndarray:
    return body.shaped(torch.as_tensor(motion.betas, dtype=torch.float32))[1][0].double().numpy()
