"""The steps from footage to a person: what the worker is asked, from the scene's settings, and no more.

Called in Blender's main thread, when a button is pressed. Everything that can be wrong is said here, in one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .errors import AddonError
from .preferences import body_file
from .project import project_folder, unused_path
from .tasks import Step

OPEN_BODIES = ("open", "open_h")
MOTIONS, PEOPLE, PICTURES = "motions", "people", "pictures"


@dataclass(frozen=True)
class Plan:
    """Steps for the worker, and where their results will be."""

    steps: list[Step]
    motion: Path | None = None
    body: Path | None = None
    subject: Path | None = None

    def __add__(self, later: Plan) -> Plan:
        return Plan(
            self.steps + later.steps,
            later.motion or self.motion,
            later.body or self.body,
            later.subject or self.subject,
        )


def existing(text: str, what: str) -> Path:
    """The file or folder that a setting names.

    Raises:
        AddonError: none is set, or it is not there.
    """
    if not text:
        raise AddonError(f"choose {what} first")
    path = Path(bpy.path.abspath(text))
    if not path.exists():
        raise AddonError(f"{path}: {what} is not there any more; choose it again")
    return path


def demo() -> Step:
    """The photo and clip that come with the worker, copied into the project."""
    return Step("demo_footage", {"out": str(_folder("demo"))})


def find_people(footage: Any) -> tuple[Step, Path]:
    """Draw everybody in a photo or clip into a picture."""
    clip = existing(footage.path, "a photo or clip")
    picture = unused_path(_folder(PICTURES), f"{clip.stem}_people.png")
    return Step("fit", {"clip": str(clip), "people": str(picture)}), picture


def fit(work: Any) -> Plan:
    """A motion file of the driving clip or recording, on the chosen body."""
    body = body_name(work)
    if work.driving_kind == "FILE":
        return _convert(work, body)
    clip = existing(work.driving.path, "a driving clip")
    out = unused_path(_folder(MOTIONS), f"{clip.stem}.npz")
    params = {"clip": str(clip), "out": str(out), "body": body, "foot_lock": work.foot_lock}
    if work.driving.people > 1:
        params["person"] = work.driving.person
    if work.use_stature:
        params["height"] = work.stature
    if work.use_range:
        if work.last_frame < work.first_frame:
            raise AddonError(
                f"frames {work.first_frame} to {work.last_frame} are none; the last comes before the first"
            )
        params["frames"] = [work.first_frame - 1, work.last_frame - 1]
    if work.start:
        params["start"] = str(existing(work.start, "the motion to start from"))
    return Plan([Step("fit", params, 10.0)], motion=out)


def _convert(work: Any, body: str) -> Plan:
    source = existing(work.driving_motion, "a motion file or recording")
    out = unused_path(_folder(MOTIONS), f"{source.stem}.npz")
    params = {"source": str(source), "out": str(out)}
    params["to" if work.body in OPEN_BODIES else "body"] = body
    return Plan([Step("convert", params)], motion=out)


def export_body(work: Any, motion: Path) -> Plan:
    """The body that does a motion, so that the scene can show a fit without anybody's look."""
    out = motion.with_suffix(".body.npz")
    params = {"motion": str(motion), "out": str(out), "body": body_name(work)}
    return Plan([Step("export_body", params, 0.5)], motion=motion, body=out)


def subject(work: Any) -> Plan:
    """The person's look, from all sources."""
    if not work.sources:
        raise AddonError("add a photo or clip of the person first")
    sources = [existing(source.path, "this source") for source in work.sources]
    out = unused_path(_folder(PEOPLE), sources[0].stem)
    params: dict[str, Any] = {
        "sources": [str(source) for source in sources],
        "out": str(out),
        "body": body_name(work),
    }
    params["people"] = [int(source.person) if source.people > 1 else None for source in work.sources]
    return Plan([Step("subject", params, 10.0)], subject=out, body=out / "body.npz")


def adapt(work: Any, motion: Path, look: Path) -> Plan:
    """The motion as the person's body does it, seen from the chosen camera."""
    out = unused_path(_folder(MOTIONS), f"{motion.stem}_{look.name}.npz")
    params = {"motion": str(motion), "subject": str(look), "out": str(out)}
    params |= {"cam_strategy": work.view, "body": body_name(work)}
    return Plan([Step("adapt", params, 0.5)], motion=out, subject=look, body=look / "body.npz")


def movement_of(armature: bpy.types.Object) -> bpy.types.Action:
    """The action of the armature that drives.

    Raises:
        AddonError: it has none.
    """
    action = armature.animation_data and armature.animation_data.action
    if not action:
        raise AddonError(
            f"{armature.name}: has no action to take the motion from; choose an animated armature"
        )
    return action


def personalise(work: Any, look: Path, seconds: float) -> Step:
    """Train the network on one person."""
    return Step("personalize", {"subject": str(look), "seconds": seconds, "body": body_name(work)})


def body_name(work: Any) -> str:
    """The body as jobs name it: ``open``, ``open_h`` or a model file.

    Raises:
        AddonError: a model is chosen whose file is not set in the preferences, or not there.
    """
    return work.body if work.body in OPEN_BODIES else body_file(work.body)


def _folder(name: str) -> Path:
    folder = project_folder() / name
    folder.mkdir(exist_ok=True)
    return folder
