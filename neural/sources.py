"""From source photos and clips of one person to fitted views: which frames to use, and their fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from neural.background import Plate, background_from_clip
from neural.matting import refine_mask
from neural.source_view import SourceView
from smpl_fitting.body import BodyModel
from smpl_fitting.clothing import Outline, clothed, fit_clothing
from smpl_fitting.detection import PersonChoice, detect
from smpl_fitting.fit import Fit, fit_clip, fit_stills
from smpl_fitting.geometry import axis_angle_to_matrix
from smpl_fitting.progress import Progress
from smpl_fitting.quality import landmark_errors, silhouette_iou
from smpl_fitting.video import Footage, open_footage
from smpl_fitting.world import body_vertices, frame_camera

FRAMES_PER_CLIP = 6
JUDGED_FRAMES = 60  # at most, spread over the clip: their outlines are compared with the body's


@dataclass(frozen=True)
class FittedSources:
    """What the sources show of a person.

    Attributes:
        views: photos and chosen frames, with vertices of ``body``.
        body: the body in the person's clothes.
        plate: the background of the first source where that is a clip; a photo has to be filled in instead.
    """

    views: list[SourceView]
    body: BodyModel
    plate: Plate | None


def fit_sources(
    paths: Sequence[str | Path],
    body: BodyModel,
    progress: Progress | None = None,
    people: Sequence[PersonChoice] | None = None,
) -> FittedSources:
    """Fit the person in each photo and clip; a clip gives several views, the most different ones.

    Photos are solved together; where clips join them the mean of the shapes counts.

    Args:
        people: who is meant in each source; None for whom it is about.

    Raises:
        FootageError, NobodyFoundError, Cancelled: see :mod:`smpl_fitting.fit`.
    """
    whole = progress or Progress()
    progress = whole.part("", 0.0, 0.8)
    footages = [open_footage(path) for path in paths]
    chosen = dict(zip(footages, people or [None] * len(footages), strict=True))
    stills = [footage for footage in footages if footage.is_still]
    clips = [footage for footage in footages if not footage.is_still]
    share = len(stills) / len(footages)
    seen: list[tuple[Footage, Fit, int]] = []
    if stills:
        shown = progress.part("", 0.0, share)
        found = None
        if any(chosen[footage] is not None for footage in stills):
            found = [detect(footage, frames=range(1), person=chosen[footage]) for footage in stills]
        fits = fit_stills([footage.path for footage in stills], body, detections=found, progress=shown)
        seen += [(footage, fit, 0) for footage, fit in zip(stills, fits, strict=True)]
    for index, footage in enumerate(clips):
        start = share + (1 - share) * index / len(clips)
        shown = progress.part("", start, start + (1 - share) / len(clips))
        one = None
        if chosen[footage] is not None:
            one = detect(footage, person=chosen[footage], progress=shown.part("Finding the person", 0.0, 0.5))
            shown = shown.part("", 0.5, 1.0)
        fit = fit_clip(footage, body, detections=one, progress=shown)
        seen += [(footage, fit, row) for row in choose_frames(fit, body)]
    views, dressed = dress_views(seen, body)
    plate = None
    if not footages[0].is_still:
        detections = next(fit.detections for footage, fit, _ in seen if footage is footages[0])
        plate = background_from_clip(
            footages[0], detections.mask, whole.part("Reading the background", 0.8, 1.0)
        )
    return FittedSources(views, dressed, plate)


def dress_views(
    seen: Sequence[tuple[Footage, Fit, int]], body: BodyModel
) -> tuple[list[SourceView], BodyModel]:
    """Views of one person from (footage, its fit, row = frame), and the body in that person's clothes."""
    betas = np.mean([fit.motion.betas for _, fit, _ in seen], axis=0)
    motions = [replace(fit.motion.select(slice(row, row + 1)), betas=betas) for _, fit, row in seen]
    images = [np.ascontiguousarray(footage.frame(row)[..., :3]) for footage, _, row in seen]
    masks = [
        refine_mask(image, fit.detections.mask(row))
        for image, (_, fit, row) in zip(images, seen, strict=True)
    ]
    outlines = [Outline(motion, mask) for motion, mask in zip(motions, masks, strict=True)]
    dressed = clothed(body, fit_clothing(body, outlines))
    views = [
        SourceView(
            image=image,
            mask=mask,
            vertices=body_vertices(dressed, motion, [0])[0],
            camera=frame_camera(motion, 0),
            motion=motion,
        )
        for image, mask, motion in zip(images, masks, motions, strict=True)
    ]
    return views, dressed


def choose_frames(fit: Fit, body: BodyModel, count: int = FRAMES_PER_CLIP) -> list[int]:
    """Rows of a clip that together show most of the person: well seen, well fitted, turned and posed differently.

    Greedy farthest-point choice on the body's limb rotations and heading, starting from the frame that is
    seen best; frames in which nobody or little was seen are left out, then the half whose landmarks are fitted
    worse, and of the rest the half whose outline is.
    """
    motion = fit.motion
    assert motion.confidence is not None and motion.keypoints is not None
    seen = motion.confidence * motion.keypoints[..., 3].mean(-1)
    visible = seen >= 0.8 * seen.max()
    error = landmark_errors(motion, body)
    candidates = np.flatnonzero(visible & (error <= np.nanmedian(error[visible])))
    candidates = candidates[:: -(-len(candidates) // JUDGED_FRAMES)]
    overlap = np.array([silhouette_iou(motion, body, row, fit.detections.mask(row)) for row in candidates])
    candidates = candidates[overlap >= np.median(overlap)]
    rotations = axis_angle_to_matrix(torch.as_tensor(motion.poses.reshape(len(motion.poses), -1, 3)))
    # what faces the camera decides what is seen: the root counts as much as all other joints together
    features = rotations[:, 1:24].flatten(1).numpy() / np.sqrt(23)
    features = np.concatenate([features, rotations[:, 0].flatten(1).numpy()], axis=1)[candidates]
    chosen = [int(seen[candidates].argmax())]
    distance = np.full(len(candidates), np.inf)
    while len(chosen) < min(count, len(candidates)):
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
        if distance.max() < 0.15:  # nothing new to see
            break
        chosen.append(int(distance.argmax()))
    return sorted(int(candidates[index]) for index in chosen)
