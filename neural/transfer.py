"""A finished subject doing a finished motion: frames and a movie, without footage or Blender."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from neural.camera_strategy import CameraPlan, plan_cameras
from neural.compositing import fit_background, over, parse_colour, to_bytes
from neural.render import WarpRenderer
from neural.subject import Subject
from smpl_fitting.body import BodyModel
from smpl_fitting.errors import SubjectError
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.video import SequenceWriter, VideoWriter
from smpl_fitting.world import body_vertices, with_shape

FIRST_FRAME = 1  # as Blender counts
GRAY = np.array([128, 128, 128], np.uint8)  # stands for nothing in a movie, which has no alpha


def transfer(
    subject: Subject,
    motion: Motion,
    body: BodyModel,
    out: Path,
    *,
    background: str = "source",
    cam_strategy: str = "smooth",
    progress: Progress | None = None,
) -> dict[str, str | int]:
    """Draw the subject in every frame of the motion.

    Args:
        motion: with its cameras. body: of the subject's model.
        out: a folder; gets ``frames/####.png``, ``out.mp4`` and ``motion.npz`` (as the subject's body does it).
        background: ``source`` (the subject's plate), ``transparent``, or a colour.
        cam_strategy: see :mod:`neural.camera_strategy`.

    Raises:
        SubjectError: the subject has another body model.
        LiquidMotionError: the motion has no cameras, a choice is unknown, or the folder cannot be written.
        Cancelled: through ``progress``; every frame is there whole or not at all.
    """
    if subject.model != body.name:
        raise SubjectError(
            f"{subject.path}: was made with the body model {subject.model!r}, not {body.name!r}; name its file as body"
        )
    moved = with_shape(motion, body, subject.motion.betas)
    height, width = subject.images[0].shape[:2]
    source = dataclasses.replace(subject.motion, image_size=(height, width))
    plan = plan_cameras(cam_strategy, body, source, moved)
    behind = _background(background, subject, plan)
    _with_cameras(moved, plan).save(out / "motion.npz")
    renderer = WarpRenderer()
    progress = (progress or Progress()).part("Rendering", 0.0, 1.0)
    with (
        SequenceWriter(out / "frames" / "####.png") as sequence,
        VideoWriter(out / "out.mp4", moved.fps, plan.image_size) as movie,
    ):
        for row in progress.track(range(moved.frame_count), moved.frame_count):
            vertices = body_vertices(body, moved, [row])[0]
            rgba = renderer.render(subject, vertices, plan.cameras[row], plan.image_size).rgba
            picture = over(rgba, GRAY if behind is None else behind)
            sequence.write(row + FIRST_FRAME, to_bytes(rgba) if behind is None else picture)
            movie.write(picture)
    return {"frames": moved.frame_count, "pictures": str(out / "frames"), "movie": str(out / "out.mp4")}


def _background(background: str, subject: Subject, plan: CameraPlan) -> np.ndarray | None:
    """A picture (H, W, 3) uint8, a colour (3,), or None for nothing."""
    if background == "transparent":
        return None
    if background == "source":
        return fit_background(subject.background, plan.image_size)
    return np.array(parse_colour(background), np.uint8)


def _with_cameras(motion: Motion, plan: CameraPlan) -> Motion:
    return dataclasses.replace(
        motion,
        camera_K=np.stack([camera.K.numpy() for camera in plan.cameras]),
        camera_R=np.stack([camera.R.numpy() for camera in plan.cameras]),
        camera_t=np.stack([camera.t.numpy() for camera in plan.cameras]),
        image_size=plan.image_size,
        keypoints=None,  # those of the driving pictures, which these cameras do not show
    )
