"""Body models: the embedded open body, and the SMPL, SMPL-H and SMPL-X files that users bring."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from smpl_fitting.body.model import BodyModel, BodyOutput
from smpl_fitting.body.names import JOINT_NAMES, LANDMARK_NAMES, PART_NAMES
from smpl_fitting.body.open_body import load_open_body, load_open_h_body
from smpl_fitting.body.skinning import lbs
from smpl_fitting.body.smpl_files import load_smpl_file
from smpl_fitting.errors import BodyModelError

__all__ = [
    "JOINT_NAMES",
    "LANDMARK_NAMES",
    "PART_NAMES",
    "BodyModel",
    "BodyOutput",
    "lbs",
    "load_body",
]


@lru_cache(maxsize=2)
def _open(name: str) -> BodyModel:
    return load_open_body() if name == "open" else load_open_h_body()


def load_body(spec: str | Path = "open", gender: str | None = None) -> BodyModel:
    """The body model that ``spec`` names.

    Args:
        spec: ``"open"`` for the embedded body, ``"open_h"`` for the same with fingers (SMPL-H's 52 joints), or
            the path of a SMPL, SMPL-H or SMPL-X ``.npz`` or ``.pkl``.
        gender: of the model in the file; ``None`` reads it off the file's name. The open body has one model
            for all, whose betas span both sexes.

    Raises:
        BodyModelError: the file is missing, damaged, unsafe, or no such model.
    """
    if str(spec) not in ("open", "open_h"):
        return load_smpl_file(spec, gender)
    if gender not in (None, "neutral"):
        raise BodyModelError(
            f"{spec}: has no {gender} model, its betas span both sexes; leave the gender out"
        )
    return _open(str(spec))
