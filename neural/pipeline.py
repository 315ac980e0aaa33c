"""The main job: source pictures and a driving clip in; subject, frames, movie, figures and a Blender scene out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from neural import __version__
from neural.backdrops import Backdrop, still_backdrop
from neural.background import background_from_clip
from neural.camera_strategy import CameraPlan
from neural.compositing import fit_background, parse_colour
from neural.contact_sheet import write_contact_sheet
from neural.frame_pool import available_cores, in_order
from neural.liquid import PERSONAL
from neural.personalize import personalize
from neural.renderers import LIQUID, WARP, make_renderer
from neural.scene import build_scene_file, find_blender
from neural.sources import fit_sources
from neural.stages import Stages, fingerprint
from neural.subject import FORMAT_VERSION, Subject, build_subject, load_subject
from neural.transfer import LONGEST_SIDE, plan_transfer, render_frames
from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.detection import Detections
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path, sweep_temporaries
from smpl_fitting.fit import fit_clip
from smpl_fitting.motion import Motion
from smpl_fitting.overlay import draw_overlay, write_overlay
from smpl_fitting.progress import Progress
from smpl_fitting.quality import landmark_errors, silhouette_iou
from smpl_fitting.video import Footage, VideoWriter, open_footage, read_image, write_image

BACKGROUNDS = ("source", "driving", "transparent")  # or a colour
DRIVING_PLATE = "driving_plate.png"
DRIVING_PLATES = "driving_plates.mp4"  # in its stead where the camera moves: a plate for each frame
DRIVING_DETECTIONS = "driving_detections.npz"
Log = Callable[[str], None]


@dataclass(frozen=True)
class MainJob:
    """What is asked for.

    Attributes:
        background: ``source``, ``driving``, ``transparent``, or a colour (see :func:`parse_colour`).
        cam_strategy: one of :data:`neural.camera_strategy.STRATEGIES`; None chooses ``copy`` over the driving
            clip's background and ``smooth`` otherwise.
        frames: of the driving clip; all of them when None.
        renderer: who draws; see :mod:`neural.renderers`. personalize: first give the subject weights of her own, for
            the liquid renderer; a minute.
        longest_side: pictures larger than this are rendered scaled down, pixels.
        overlay: also draw the fits on their footage. scene: also write ``scene.blend``.
    """

    sources: tuple[Path, ...]
    driving: Path
    out: Path
    body: str = "open"
    background: str = "source"
    cam_strategy: str | None = None
    frames: range | None = None
    renderer: str = WARP
    personalize: bool = False
    longest_side: int = LONGEST_SIDE
    overlay: bool = True
    scene: bool = True


def run_main_job(job: MainJob, progress: Progress | None = None, log: Log = print) -> dict:
    """Run the main job; what an earlier run of the same job finished is used again.

    Writes into ``job.out``: ``driving.npz`` (the fit), ``subject/``, ``motion.npz`` (the movement as the source
    does it, with its cameras), ``frames/####.png``, ``out.mp4``, ``contact_sheet.png``, ``metrics.json``,
    overlays, and ``scene.blend``.

    Returns:
        what ``metrics.json`` holds: paths, figures and seconds for each stage.

    Raises:
        LiquidMotionError: bad input, nobody found, no Blender, a full disk: one line each, see the subclasses.
        Cancelled: through ``progress``; finished stages stay, nothing is half-written.
    """
    progress = progress or Progress()
    if job.background not in BACKGROUNDS:
        parse_colour(job.background)  # complain now rather than after the fit
    make_renderer(job.renderer)
    if job.personalize and job.renderer != LIQUID:
        raise LiquidMotionError(
            f"personalising is for renderer {LIQUID!r}, and {job.renderer!r} was chosen; change one of the two"
        )
    blender = find_blender() if job.scene else None
    driving = open_footage(job.driving)
    for source in job.sources:
        open_footage(source)
    body = load_body(job.body)
    _make_folder(job.out)
    for folder in (job.out, job.out / "frames"):
        sweep_temporaries(folder)  # of a run that was killed
    run = _Run(job, body, driving, Stages(job.out), log)
    motion = run.fit_driving(progress.part("", 0.0, 0.35))
    subject = run.make_subject(progress.part("", 0.35, 0.5))
    if job.personalize:
        run.personalize(subject, progress.part("", 0.5, 0.7))
    moved, plan = run.plan(subject, motion)
    run.render(subject, moved, plan, progress.part("Rendering", 0.7 if job.personalize else 0.5, 0.92))
    if blender is not None:
        run.build_scene(blender, progress.part("Building the scene", 0.92, 1.0))
    return run.report(motion, subject)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LiquidMotionError(
            f"{folder}: cannot be made ({error.strerror}); choose another folder or mend its permissions"
        ) from error


class _Run:
    """The stages of one main job. Each looks first whether it is already done."""

    def __init__(self, job: MainJob, body: BodyModel, driving: Footage, stages: Stages, log: Log) -> None:
        self._job = job
        self._body = body
        self._driving = driving
        self._frames = job.frames or range(driving.frame_count)
        self._stages = stages
        self._log = log
        self._seconds: dict[str, float] = {}
        self._driving_key = fingerprint(__version__, "driving", job.driving, job.body, self._frames)
        self._subject_key = fingerprint(__version__, FORMAT_VERSION, "subject", list(job.sources), job.body)

    @property
    def _frames_key(self) -> str:
        """Of what the frames show, the subject's own weights included, once she is made."""
        job, own = self._job, self._path("subject") / PERSONAL
        look = (
            job.background,
            job.cam_strategy,
            job.renderer,
            job.longest_side,
            own if own.exists() else None,
        )
        return fingerprint("frames", self._driving_key, self._subject_key, *look)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds[f"{name}_s"] = round(time.perf_counter() - start, 2)

    def fit_driving(self, progress: Progress) -> Motion:
        out, detected = self._path("driving.npz"), self._path(DRIVING_DETECTIONS)
        if self._stages.done("driving", self._driving_key, [out, detected]):
            self._log("driving clip: already fitted")
            return Motion.load(out)
        with self._timed("fit_driving"):
            share = 0.7 if self._job.overlay else 1.0
            fitting = progress.part("", 0.0, share)
            fit = fit_clip(self._driving, self._body, frames=self._frames, progress=fitting)
            fit.detections.save(detected)
            fit.motion.save(out)
            if self._job.overlay:
                path = self._path("driving_overlay." + ("png" if self._driving.is_still else "mp4"))
                drawing = progress.part("Drawing the overlay", share, 1.0)
                write_overlay(self._driving, fit.motion, self._body, path, self._frames, drawing)
        self._stages.finish("driving", self._driving_key)
        return fit.motion

    def make_subject(self, progress: Progress) -> Subject:
        folder = self._path("subject")
        if self._stages.done("subject", self._subject_key, [folder / "subject.json"]):
            self._log("subject: already made")
            return load_subject(folder)
        with self._timed("subject"):
            fitted = fit_sources(self._job.sources, self._body, progress.part("", 0.0, 0.7))
            if fitted.plate is not None and fitted.plate.camera_moves:
                self._log(f"{self._job.sources[0]}: the camera moves; its first frame serves as background")
            plate = None if fitted.plate is None else fitted.plate.image
            painting = progress.part("", 0.7, 1.0)
            subject = build_subject(fitted.views, fitted.body, folder, painting, background=plate)
            if self._job.overlay:
                for index, view in enumerate(fitted.views):
                    picture = draw_overlay(view.image, view.vertices, self._body.faces, view.camera, None)
                    write_image(self._path(f"source_overlay_{index:04d}.png"), picture)
        self._stages.finish("subject", self._subject_key)
        return subject

    def personalize(self, subject: Subject, progress: Progress) -> None:
        with self._timed("personalize"):
            done = personalize(subject, self._body, progress=progress)
        if done.weights is None:
            self._log("personalising: the general weights draw the person as well, and stay")

    def plan(self, subject: Subject, motion: Motion) -> tuple[Motion, CameraPlan]:
        """The movement as the source's body does it, and the cameras that see it."""
        wanted = self._job.background
        strategy = self._job.cam_strategy or ("copy" if wanted == "driving" else "smooth")
        moved, plan = plan_transfer(subject, motion, self._body, strategy, self._job.longest_side)
        if wanted in ("source", "driving") and plan.background != wanted:
            self._log(
                f"cameras '{strategy}' do not fit the {wanted}'s background; it stands still behind them"
            )
        moved.save(self._path("motion.npz"))
        return moved, plan

    def render(self, subject: Subject, moved: Motion, plan: CameraPlan, progress: Progress) -> None:
        frames, movie = self._path("frames"), self._path("out.mp4")
        if self._stages.done("frames", self._frames_key, [movie, frames]):
            self._log("frames: already rendered")
            return
        resume = self._stages.started_with("frames", self._frames_key)
        if not resume:  # frames of another job must not mix with this one's
            for old in frames.glob("[0-9][0-9][0-9][0-9]*.png"):
                old.unlink()
        self._stages.start("frames", self._frames_key)
        with self._timed("render"):
            backdrops = self._backdrops(subject, plan, progress.part("", 0.0, 0.1))
            sequence = render_frames(
                subject,
                self._body,
                moved,
                plan,
                backdrops,
                self._job.out,
                renderer=make_renderer(self._job.renderer),
                sound=self._driving if self._driving.has_audio else None,
                sound_start=float(self._driving.times[self._frames.start] - self._driving.times[0]),
                resume=resume,
                progress=progress.part("Rendering", 0.1, 1.0),
            )
            write_contact_sheet(
                self._path("contact_sheet.png"), subject.images, self._driving, self._frames, sequence.path
            )
        self._stages.finish("frames", self._frames_key)

    def _backdrops(self, subject: Subject, plan: CameraPlan, progress: Progress) -> Iterator[Backdrop]:
        count = len(plan.cameras)
        if self._job.background != "driving":
            return repeat(still_backdrop(self._job.background, subject, plan.image_size), count)
        frames = self._driving.frames(self._frames.start, self._frames.stop, self._frames.step)
        if self._driving.is_still:
            return (fit_background(frame[..., :3], plan.image_size) for _, frame in frames)
        picture, film = self._path(DRIVING_PLATE), self._path(DRIVING_PLATES)
        if not self._stages.done("driving_plate", self._driving_key, []) or not (
            picture.exists() or film.exists()
        ):
            self._write_driving_plate(picture, film, progress)
            self._stages.finish("driving_plate", self._driving_key)
        if picture.exists():
            return repeat(fit_background(read_image(picture)[..., :3], plan.image_size), count)
        plates = open_footage(film)
        return (fit_background(frame, plan.image_size) for _, frame in plates.frames())

    def _write_driving_plate(self, picture: Path, film: Path, progress: Progress) -> None:
        """The driving clip without the person: one picture, or a film where its camera moves."""
        found = Detections.load(self._path(DRIVING_DETECTIONS))
        first, step = self._frames.start, self._frames.step
        for old in (picture, film):
            old.unlink(missing_ok=True)

        def mask_of(number: int) -> np.ndarray:
            return found.mask((number - first) // step)

        plate = background_from_clip(self._driving, mask_of, progress.part("", 0.0, 0.2), self._frames)
        if not plate.camera_moves:
            write_image(picture, plate.image)
            return
        self._log("the driving camera moves: the person is taken out of every frame by what others show")
        frames = self._driving.frames(first, self._frames.stop, step)
        part = progress.part("Taking the person out", 0.2, 1.0)
        behind = in_order(
            lambda item: plate.behind(item[0], np.ascontiguousarray(item[1][..., :3]), mask_of(item[0])),
            part.track(frames, len(self._frames)),
            available_cores(),
        )
        with VideoWriter(film, self._driving.fps / step, self._driving.image_size) as writer, closing(behind):
            for one in behind:
                writer.write(one)

    def build_scene(self, blender: list[str], progress: Progress) -> None:
        scene = self._path("scene.blend")
        key = fingerprint("scene", self._frames_key)
        if self._stages.done("scene", key, [scene]):
            self._log("scene: already built")
            return
        progress.update(0.0)
        background, plate, footage = self._scene_background()
        with self._timed("scene"):
            build_scene_file(
                blender,
                scene,
                motion=self._path("motion.npz"),
                subject=self._path("subject"),
                background=background,
                plate=plate,
                footage=footage,
                renderer=self._job.renderer.partition(":")[0],  # its weights are not the scene's
                poll=lambda: progress.update(0.0),
            )
        self._stages.finish("scene", key)
        progress.update(1.0)

    def _scene_background(self) -> tuple[str, Path | None, Path | None]:
        """What Blender calls the background of these frames, its plate and its footage."""
        if self._job.background == "source":
            return "plate", self._path("subject") / "background.png", None
        if self._job.background == "driving":
            plate, plates = self._path(DRIVING_PLATE), self._path(DRIVING_PLATES)
            if plate.exists():
                return "plate", plate, None
            return "driving", None, plates if plates.exists() else self._job.driving
        if self._job.background == "transparent":
            return "transparent", None, None
        return "#{:02x}{:02x}{:02x}".format(*parse_colour(self._job.background)), None, None

    def report(self, motion: Motion, subject: Subject) -> dict:
        """Figures of the job, also written to ``metrics.json``."""
        errors = landmark_errors(motion, self._body)
        # one by one: photos differ in size, and errors are shares of the person's height in each
        source_errors = [float(landmark_errors(one, self._body)[0]) for one in subject.views()]
        overlaps = {
            name: [
                round(silhouette_iou(one, body, 0, mask / np.float32(255)), 4)
                for one, mask in zip(subject.views(), subject.masks, strict=True)
            ]
            for name, body in (("body", self._body), ("clothed", subject.dress(self._body)))
        }
        assert motion.confidence is not None
        figures = {
            "frames": motion.frame_count,
            "frames_found": int((motion.confidence > 0).sum()),
            "detector": Detections.load(self._path(DRIVING_DETECTIONS)).network,
            "driving_landmark_error_percent": round(float(100 * np.nanmean(errors)), 3),
            "source_landmark_error_percent": [round(100 * error, 3) for error in source_errors],
            "source_silhouette_iou": overlaps["body"],
            "source_clothed_iou": overlaps["clothed"],
            "seconds": self._seconds,
        }
        path = self._path("metrics.json")
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(figures, indent=2) + "\n")
        return {"out": str(self._job.out), "movie": str(self._path("out.mp4")), **figures}

    def _path(self, name: str) -> Path:
        return self._job.out / name
