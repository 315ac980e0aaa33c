"""How well a fit explains what was seen, in figures a person can judge."""

from __future__ import annotations

import numpy as np
import torch

from smpl_fitting.body import BodyModel
from smpl_fitting.geometry import rasterize
from smpl_fitting.motion import Motion
from smpl_fitting.observe import person_heights
from smpl_fitting.world import body_vertices, frame_camera


def landmark_errors(motion: Motion, body: BodyModel) -> np.ndarray:
    """Mean distance (T,) of the body's landmarks from the detected ones, as a share of the person's height.

    Landmarks that the detector calls hidden (visibility below one half) do not count; frames without any
    (nobody found) are nan.
    """
    assert motion.keypoints is not None and motion.confidence is not None
    tensors = [torch.as_tensor(v, dtype=torch.float32) for v in (motion.betas, motion.poses, motion.trans)]
    points = body.landmarks(*tensors)
    keypoints = torch.as_tensor(motion.keypoints, dtype=torch.float32)
    pixels = torch.stack([frame_camera(motion, i).project(p)[0] for i, p in enumerate(points)])
    found = torch.as_tensor(motion.confidence > 0)
    heights = person_heights(keypoints, found)
    error = (pixels - keypoints[..., :2]).norm(dim=-1) / heights[:, None]
    seen = (keypoints[..., 3] > 0.5) & found[:, None]
    return torch.where(seen, error, torch.nan).nanmean(-1).numpy()


def silhouette_iou(motion: Motion, body: BodyModel, row: int, mask: np.ndarray) -> float:
    """Overlap (intersection over union) of the body's silhouette in one frame with a mask (H, W) in [0, 1]."""
    vertices = body_vertices(body, motion, [row])[0]
    covered = (rasterize(vertices, body.faces, frame_camera(motion, row)).pix_to_face >= 0).numpy()
    person = mask > 0.5
    union = (covered | person).sum()
    return float((covered & person).sum() / union) if union else 0.0
