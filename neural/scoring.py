"""The figures of one drawn frame against the truth: what is compared, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neural import metrics
from neural.perceptual import lite2_distance

FIGURES = (
    "box_psnr_db",
    "box_ssim",
    "box_ms_ssim",
    "box_lite2_distance",
    "face_psnr_db",
    "face_ssim",
    "face_lite2_distance",
    "mask_iou",
    "temporal_error_levels",
    "temporal_ratio",
    "frame_psnr_db",
    "frame_ssim",
)
"""``box``: the person's; ``face``: where it is turned to the camera; ``frame``: the whole picture."""
SMALLER_IS_BETTER = ("box_lite2_distance", "face_lite2_distance", "temporal_error_levels", "temporal_ratio")
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Truth:
    """One true frame.

    Attributes:
        picture: (H, W, 3) uint8. mask: (H, W) in [0, 1], the person.
        box: around the person. face: around the face, where it is seen.
        previous: the true frame before, and flow: (H, W, 2) of the body to it (see
            :func:`neural.metrics.temporal_error`); None for a first frame.
    """

    picture: np.ndarray
    mask: np.ndarray
    box: metrics.Box
    face: metrics.Box | None
    previous: np.ndarray | None = None
    flow: np.ndarray | None = None


def score(
    truth: Truth, picture: np.ndarray, alpha: np.ndarray | None = None, previous: np.ndarray | None = None
) -> Figures:
    """All of :data:`FIGURES`; None where one is not defined.

    Args:
        picture: (H, W, 3) uint8. alpha: (H, W) of the person drawn. previous: the picture drawn for the frame before.
    """
    box, face = truth.box, truth.face
    own = _temporal(truth, picture, previous)
    true = _temporal(truth, truth.picture, truth.previous)
    return {
        "box_psnr_db": metrics.psnr(picture, truth.picture, box),
        "box_ssim": metrics.ssim(picture, truth.picture, box),
        "box_ms_ssim": metrics.ms_ssim(picture, truth.picture, box),
        "box_lite2_distance": lite2_distance(picture, truth.picture, box),
        "face_psnr_db": None if face is None else metrics.psnr(picture, truth.picture, face),
        "face_ssim": None if face is None else metrics.ssim(picture, truth.picture, face),
        "face_lite2_distance": None if face is None else lite2_distance(picture, truth.picture, face),
        "mask_iou": None if alpha is None else metrics.mask_iou(alpha, truth.mask),
        "temporal_error_levels": own,
        "temporal_ratio": None if own is None or not true else own / true,
        "frame_psnr_db": metrics.psnr(picture, truth.picture),
        "frame_ssim": metrics.ssim(picture, truth.picture),
    }


def _temporal(truth: Truth, picture: np.ndarray, previous: np.ndarray | None) -> float | None:
    if truth.flow is None or previous is None:
        return None
    return metrics.temporal_error(picture, previous, truth.flow)


def mean_figures(scores: list[Figures]) -> Figures:
    """Means over frames of what is defined in any."""
    means: Figures = {}
    for name in FIGURES:
        known = [value for one in scores if (value := one[name]) is not None]
        means[name] = float(np.mean(known)) if known else None
    return means
