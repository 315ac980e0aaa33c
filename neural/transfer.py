"""A finished subject doing a finished motion: its cameras, its frames and a movie."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from neural.backdrops import Backdrop, backdrops, check_background
from neural.camera_strategy import CameraPlan, azimuth, plan_cameras
from neural.compositing import over, to_bytes
from neural.frame_pool import in_order
from neural.light import turned
from neural.provenance import evidence_is_there, trace, write_evidence
from neural.renderers import WARP, Renderer, frames_at_once, make_renderer
from neural.stand_in_camera import with_stand_in_camera
from neural.subject import Subject
from smpl_fitting.body import BodyModel
from smpl_fitting.errors import FootageError, SubjectError
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage, SequenceWriter, VideoWriter, read_image
from smpl_fitting.world import body_vertices, with_shape

FIRST_FRAME = 1  # as Blender counts
LONGEST_SIDE = 1920  # pixels; larger pictures are rendered scaled down
GRAY = np.array([128, 128, 128], np.uint8)  # stands for nothing in a movie, which has no alpha


def transfer(
    subject: Subject,
    motion: Motion,
    body: BodyModel,
    out: Path,
    *,
    background: str = "source",
    cam_strategy: str = "smooth",
    renderer: str = WARP,
    provenance: bool = False,
    progress: Progress | None = None,
) -> dict[str, str | int]:
    """Draw the subject in every frame of the motion, without footage or Blender.

    Args:
        motion: with its cameras, if it has any. body: of the subject's model.
        out: a folder; gets ``frames/####.png``, ``out.mp4`` and ``motion.npz`` (as the subject's body does it).
        background: see :func:`neural.backdrops.backdrops`.
        cam_strategy: see :mod:`neural.camera_strategy`. renderer: see :mod:`neural.renderers`.
        provenance: also write ``provenance/####.png`` and ``.npz``, see :mod:`neural.provenance`.

    Raises:
        SubjectError: the subject has another body model.
        LiquidMotionError: a choice is unknown, or the folder cannot be written.
        Cancelled: through ``progress``; every frame is there whole or not at all.
    """
    drawing = make_renderer(renderer)
    check_background(background)
    moved, plan = plan_transfer(subject, motion, body, cam_strategy)
    return draw_plan(
        subject, body, moved, plan, out, background, drawing, provenance=provenance, progress=progress
    )


def draw_plan(
    subject: Subject,
    body: BodyModel,
    moved: Motion,
    plan: CameraPlan,
    out: Path,
    background: str,
    renderer: Renderer,
    *,
    provenance: bool = False,
    progress: Progress | None = None,
) -> dict[str, str | int]:
    """Write a planned motion's frames, film and ``motion.npz``; see :func:`transfer`, of which this is the end."""
    moved.save(out / "motion.npz")
    behind = backdrops(background, subject, plan.image_size, moved.frame_count, moved.fps)
    progress = (progress or Progress()).part("Rendering", 0.0, 1.0)
    render_frames(
        subject, body, moved, plan, behind, out, renderer=renderer, provenance=provenance, progress=progress
    )
    return {"frames": moved.frame_count, "pictures": str(out / "frames"), "movie": str(out / "out.mp4")}


def plan_transfer(
    subject: Subject, motion: Motion, body: BodyModel, cam_strategy: str, longest_side: int = LONGEST_SIDE
) -> tuple[Motion, CameraPlan]:
    """The movement as the subject's body does it, with the cameras that see it, and those cameras.

    A motion without cameras gets a standing one before it (:mod:`neural.stand_in_camera`).

    Raises:
        SubjectError: the subject has another body model.
        LiquidMotionError: the strategy is unknown.
    """
    if subject.model != body.name:
        raise SubjectError(
            f"{subject.path}: was made with the body model {subject.model!r}, not {body.name!r}; name its file as body"
        )
    moved = with_shape(motion, body, subject.motion.betas)
    height, width = subject.images[0].shape[:2]
    source = dataclasses.replace(subject.motion, image_size=(height, width))
    if not moved.has_cameras:
        moved = with_stand_in_camera(moved, body, source)
    plan = plan_cameras(cam_strategy, body, source, moved)
    size = _limited(plan.image_size, longest_side)
    cameras = tuple(camera.resized(size) for camera in plan.cameras)
    return with_cameras(moved, cameras), dataclasses.replace(plan, cameras=cameras, image_size=size)


def with_cameras(motion: Motion, cameras: Sequence[Camera]) -> Motion:
    """The motion seen by other cameras, one for each frame, all of one picture size."""
    return dataclasses.replace(
        motion,
        camera_K=np.stack([camera.K.numpy() for camera in cameras]),
        camera_R=np.stack([camera.R.numpy() for camera in cameras]),
        camera_t=np.stack([camera.t.numpy() for camera in cameras]),
        image_size=cameras[0].image_size,
        keypoints=None,  # those of the driving pictures, which these cameras do not show
    )


def render_frames(
    subject: Subject,
    body: BodyModel,
    moved: Motion,
    plan: CameraPlan,
    backdrops: Iterable[Backdrop],
    out: Path,
    *,
    renderer: Renderer | None = None,
    provenance: bool = False,
    sound: Footage | None = None,
    sound_start: float = 0.0,
    resume: bool = False,
    progress: Progress | None = None,
) -> SequenceWriter:
    """Write ``frames/####.png`` and ``out.mp4``; frames are drawn several at a time, and encoded behind that.

    Args:
        moved: what :func:`plan_transfer` gives. backdrops: one for each frame; None leaves alpha in the PNG.
        renderer: ``warp`` when None. provenance: also write where every pixel comes from, to ``provenance/####``.
        sound: footage whose sound the movie gets, from ``sound_start`` seconds on.
        resume: frames that are there and can be read were drawn by a killed run of the same job: keep them.

    Returns:
        the closed sequence, whose ``path(number)`` names the frames.
    """
    renderer, dressed = renderer or make_renderer(WARP), subject.dress(body)
    subject = _lit_for(subject, plan.cameras[0])
    progress = progress or Progress()
    sequence = SequenceWriter(out / "frames" / "####.png")
    movie = VideoWriter(
        out / "out.mp4", moved.fps, plan.image_size, audio_from=sound, audio_start=sound_start
    )

    def picture(numbered: tuple[int, Backdrop]) -> tuple[np.ndarray, bool]:
        row, behind = numbered
        number = row + FIRST_FRAME
        if provenance and not (resume and evidence_is_there(out / "provenance", number)):
            seen = trace(subject, body_vertices(dressed, moved, [row])[0], plan.cameras[row])
            write_evidence(out / "provenance", number, seen, len(subject.images))
        kept = _finished(sequence.path(number)) if resume else None
        if kept is not None:
            return kept, False
        rgba = _drawn(renderer, subject, dressed, moved, plan, row)
        return to_bytes(rgba) if behind is None else over(rgba, behind), True

    with (
        sequence,
        movie,
        closing(in_order(picture, enumerate(backdrops), frames_at_once())) as pictures,
    ):
        for number, (frame, is_new) in progress.track(enumerate(pictures, FIRST_FRAME), moved.frame_count):
            if is_new:
                sequence.write(number, frame)
            movie.write(frame if frame.shape[2] == 3 else over(frame.astype(np.float32) / 255, GRAY))
    return sequence


def _lit_for(subject: Subject, camera: Camera) -> Subject:
    """The subject with her lamp as far beside the camera as it was beside the source's: a recording that nobody filmed
    heads wherever it heads in its own world."""
    angle = azimuth(camera.R.numpy()) - azimuth(subject.cameras[0].R.numpy())
    return dataclasses.replace(subject, lights=turned(subject.lights, angle))


def _drawn(
    renderer: Renderer, subject: Subject, dressed: BodyModel, moved: Motion, plan: CameraPlan, row: int
) -> np.ndarray:
    """(H, W, 4) of one frame; the renderer is told where the body and the camera were in the frame before."""
    *before, vertices = body_vertices(dressed, moved, [row - 1, row] if row else [row])
    previous = (before[0], plan.cameras[row - 1]) if before else None
    return renderer.render(subject, vertices, plan.cameras[row], plan.image_size, previous=previous).rgba


def _finished(path: Path) -> np.ndarray | None:
    """A frame that a killed run left, if it is there and can be read."""
    if not path.is_file():
        return None
    try:
        return read_image(path)
    except FootageError:
        return None


def _limited(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(height, width) scaled down so that neither is over ``longest``, and even, as movies need."""
    scale = min(1.0, longest / max(size))
    height, width = (max(2, 2 * round(side * scale / 2)) for side in size)
    return height, width
