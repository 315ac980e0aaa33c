"""Any motion file that we know, told by its content and not by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smpl_fitting.body import BodyModel
from smpl_fitting.errors import MotionFileError
from smpl_fitting.guests.amass import read_amass
from smpl_fitting.guests.bvh_motion import read_bvh_motion
from smpl_fitting.guests.gvhmr import is_torch_archive, read_gvhmr
from smpl_fitting.guests.humans4d import looks_like_humans4d, read_humans4d
from smpl_fitting.guests.safe_joblib import is_pickle, read_pickle
from smpl_fitting.guests.sam3d_body import looks_like_sam3d, read_sam3d
from smpl_fitting.guests.wham import looks_like_wham, read_wham
from smpl_fitting.motion import Motion
from smpl_fitting.safe_npz import array_names

FORMATS = ("liquid", "amass", "bvh", "gvhmr", "wham", "4d-humans", "sam-3d-body")


def read_motion(
    path: str | Path,
    format: str | None = None,
    body: BodyModel | None = None,
    *,
    fps: float | None = None,
    person: int | None = None,
) -> Motion:
    """A motion file of ours or of a tool we know, in our Z-up world, in metres, with cameras where the file has them.

    Motions of SMPL's family keep their model, betas and poses; BVH and SAM 3D Body come on the open body.

    Args:
        format: one of :data:`FORMATS`; by default what the content looks like.
        body: the model the motion was made with (for BVH: the body to move), where it is at hand.
        fps: for formats that do not state the frame rate: WHAM, 4D-Humans, SAM 3D Body, GVHMR (30 by default).
        person: which track, where a file holds several people; by default the one seen longest.

    Raises:
        MotionFileError: the file is missing, damaged, unsafe or of no format we know; the message names the format.
    """
    path = Path(path)
    if not path.is_file():
        raise MotionFileError(f"{path}: no such motion file; check the path")
    if format is not None and format not in FORMATS:
        raise MotionFileError(f"format {format!r} is unknown; choose among {', '.join(FORMATS)}")
    if fps is not None and not 0 < fps < 100_000:
        raise MotionFileError(f"a frame rate of {fps} is none; give frames a second, such as 30")
    content = None
    if format is None:
        format, content = _sniff(path)
    if format == "liquid":
        return Motion.load(path)
    if format == "amass":
        return read_amass(path, fps)
    if format == "bvh":
        return read_bvh_motion(path, body)
    if format == "gvhmr":
        return read_gvhmr(path, body, fps)
    if format == "wham":
        return read_wham(path, body, fps, person, content)
    if format == "4d-humans":
        return read_humans4d(path, body, fps, person, content)
    return read_sam3d(path, fps, person, content)


def _sniff(path: Path) -> tuple[str, Any]:
    """The format of a file, and what was read of it on the way (a pickle's content)."""
    if is_torch_archive(path):
        return "gvhmr", None
    names = array_names(path)
    if names:
        if {"model", "poses"} <= names:
            return "liquid", None
        if "trans" in names and names & {"poses", "root_orient"}:
            return "amass", None
        if "pred_keypoints_3d" in names:
            return "sam-3d-body", None
        shown = ", ".join(sorted(names)[:6])
        raise MotionFileError(
            f"{path}: an .npz of no motion format we know (it holds {shown}); give its --format"
        )
    if is_pickle(path):
        content = read_pickle(path)
        for known, looks_like in (
            ("wham", looks_like_wham),
            ("4d-humans", looks_like_humans4d),
            ("sam-3d-body", looks_like_sam3d),
        ):
            if looks_like(content):
                return known, content
        raise MotionFileError(
            f"{path}: a pickle, but not of WHAM, 4D-Humans or SAM 3D Body; give its --format"
        )
    with path.open("rb") as file:
        start = file.read(4096)
    if b"HIERARCHY" in start.upper():
        return "bvh", None
    raise MotionFileError(f"{path}: of no motion format we know; give one of {', '.join(FORMATS[1:])}")
