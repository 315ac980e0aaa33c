"""Motions of other tools (guests) as our Motion, and ours as theirs."""

from __future__ import annotations

from smpl_fitting.guests.amass import write_amass
from smpl_fitting.guests.bvh_motion import write_bvh
from smpl_fitting.guests.onto_body import Initial, as_initial, to_open
from smpl_fitting.guests.read import FORMATS, read_motion

__all__ = ["FORMATS", "Initial", "as_initial", "read_motion", "to_open", "write_amass", "write_bvh"]
