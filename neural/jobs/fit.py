"""Fit the body to the person, or to everybody, in a clip or photo."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.jobs._inputs import body_model, chosen_frames, computing_device, parameter
from neural.jobs.context import JobContext
from smpl_fitting.errors import NobodyFoundError
from smpl_fitting.progress import Progress

if TYPE_CHECKING:
    from smpl_fitting.body import BodyModel
    from smpl_fitting.detection import Detections
    from smpl_fitting.motion import Motion
    from smpl_fitting.video import Footage

EVERYBODY = "all"


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Fit a clip and write a motion file, or one for each person.

    What a killed fit has finished is in the folder ``OUT.partial``; the next one goes on from there.

    Params:
        clip: footage. out: the ``.npz`` to write; for ``person`` ``all``, ``OUT_person0.npz`` and so on.
        person: optional, who: a number, ``x,y[@frame]``, ``x0,y0,x1,y1[@frame]`` (pixels), or ``all``.
        people: optional picture to write of everybody who was found; ``out`` may be left out then.
        overlay: optional movie (picture, for a still) of the mesh on the footage; numbered as ``out``.
        pictures: optional folder for a movie of overlay and side view, error plots and the worst frames.
        body: ``open`` or a model file. frames: optional ``[first, last]``. focal: optional, pixels.
        height: optional stature, metres. start: optional motion of the clip by another tool, to be refined.
        foot_lock: optional, true to hold planted feet still.
        device: ``auto`` or ``cpu``.

    Returns:
        ``people``, that picture, and ``people_found``, how many it shows; ``fits``, for each person fitted
        ``person`` (number), ``motion``, ``overlay``, ``pictures`` (paths), ``frames``, ``frames_found``,
        ``landmark_error_percent`` of the height, ``camera_moves`` (the path is then the camera's too); and those
        of the first fit by themselves.

    Raises:
        LiquidMotionError: the footage cannot be read, shows nobody, or a result cannot be written.
    """
    computing_device(params)
    from smpl_fitting.video import open_footage

    picture = Path(params["people"]) if params.get("people") else None
    out = Path(parameter(params, "out")) if picture is None or params.get("out") else None
    footage = open_footage(Path(parameter(params, "clip")))
    frames = chosen_frames(params, footage)
    result: dict[str, Any] = {"people": picture, "people_found": None, "fits": []}
    partial = out.with_name(f"{out.name}.partial") if out else None
    listing = context.progress.part("Finding everybody", 0.0, 0.4 if out else 1.0)
    fitting = context.progress.part("", 0.4 if picture else 0.0, 1.0)
    try:
        if picture is not None:
            result["people_found"] = _list_people(footage, frames, picture, partial, listing)
        if out is not None and partial is not None:
            work = _Work(params, footage, frames, body_model(params, context), out, partial)
            result["fits"] = work.run(fitting)
    except NobodyFoundError:
        _remove(partial)
        raise
    _remove(partial)
    return {**result, **(result["fits"][0] if result["fits"] else {})}


def _list_people(
    footage: Footage, frames: range | None, picture: Path, partial: Path | None, progress: Progress
) -> int:
    from smpl_fitting.detection import detect_people
    from smpl_fitting.detection.sheet import write_people

    people = detect_people(footage, frames=frames, checkpoint=partial, progress=progress)
    write_people(footage, people, picture)
    return len(people)


@dataclass(frozen=True)
class _Work:
    """What is fitted, and where the results go."""

    params: dict[str, Any]
    footage: Footage
    frames: range | None
    body: BodyModel
    out: Path
    partial: Path

    def run(self, progress: Progress) -> list[dict[str, Any]]:
        """Find the people asked for and fit each."""
        people = self._detections(progress.part("Finding the person", 0.0, 0.5))
        shares = np.linspace(0.5, 1.0, len(people) + 1)
        return [
            self._fit(one, progress.part("", start, stop))
            for one, start, stop in zip(people, shares[:-1], shares[1:], strict=True)
        ]

    def _detections(self, progress: Progress) -> list[Detections]:
        from smpl_fitting.detection import detect, detect_people

        person = self.params.get("person")
        if person == EVERYBODY:
            people = detect_people(
                self.footage, frames=self.frames, checkpoint=self.partial, progress=progress
            )
        else:
            one = detect(
                self.footage, frames=self.frames, person=person, checkpoint=self.partial, progress=progress
            )
            people = [one] if one.found.any() else []
        if not people:
            raise NobodyFoundError(
                f"{self.footage.path}: no person was found; use footage that shows the whole body"
            )
        return people

    def _fit(self, found: Detections, progress: Progress) -> dict[str, Any]:
        """Fit one person and write the results."""
        from smpl_fitting.fit import fit_clip, fit_stills
        from smpl_fitting.foot_lock import lock_feet
        from smpl_fitting.overlay import write_overlay
        from smpl_fitting.pictures.report import write_pictures
        from smpl_fitting.quality import landmark_errors

        focal, height = self.params.get("focal"), self.params.get("height")
        overlay = Path(self.params["overlay"]) if self.params.get("overlay") else None
        pictures = Path(self.params["pictures"]) if self.params.get("pictures") else None
        shares = np.cumsum([0, 6, 4 * bool(overlay), 6 * bool(pictures), 0.5])
        shares = shares / shares[-1]
        fitting = progress.part("", 0.0, shares[1])
        if self.footage.is_still:
            [fit] = fit_stills(
                [self.footage.path],
                self.body,
                focal=focal,
                height=height,
                detections=[found],
                progress=fitting,
            )
        else:
            fit = fit_clip(
                self.footage,
                self.body,
                frames=self.frames,
                focal=focal,
                height=height,
                start=self._start(),
                detections=found,
                checkpoint=self.partial / f"person{found.person}",
                progress=fitting,
            )
        motion = dataclasses.replace(fit.motion, track_id=found.person)
        if self.params.get("foot_lock"):
            motion = lock_feet(motion, self.body, cuts=found.cuts)
        written = self._named(self.out, found)
        motion.save(written)
        if overlay:
            overlay = self._named(overlay, found)
            drawing = progress.part("Drawing the overlay", shares[1], shares[2])
            write_overlay(self.footage, motion, self.body, overlay, self.frames, drawing)
        if pictures:
            pictures = self._named(pictures, found)
            drawing = progress.part("Drawing the pictures", shares[2], shares[3])
            write_pictures(self.footage, motion, self.body, pictures, self.frames, drawing)
        looking = progress.part("Looking whether the camera moves", shares[3], 1.0)
        return {
            "person": found.person,
            "motion": written,
            "overlay": overlay,
            "pictures": pictures,
            "frames": motion.frame_count,
            "frames_found": int(found.found.sum()),
            "detector": found.network,
            "landmark_error_percent": float(100 * landmark_errors(motion, self.body)[found.found].mean()),
            "camera_moves": self._camera_moves(found, looking),
        }

    def _camera_moves(self, found: Detections, progress: Progress) -> bool:
        from smpl_fitting.video.camera_motion import camera_moves

        frames = range(self.footage.frame_count) if self.frames is None else self.frames
        return camera_moves(self.footage, found.mask, frames, found.cuts.tolist(), progress)

    def _start(self) -> Motion | None:
        if not self.params.get("start"):
            return None
        from smpl_fitting.guests import read_motion

        return read_motion(Path(self.params["start"]), body=self.body)

    def _named(self, path: Path, found: Detections) -> Path:
        """The path itself, or one for each person where everybody is fitted."""
        if self.params.get("person") != EVERYBODY:
            return path
        return path.with_name(f"{path.stem}_person{found.person}{path.suffix}")


def _remove(partial: Path | None) -> None:
    if partial is not None and partial.is_dir():
        shutil.rmtree(partial)
