"""What the artist decides about a retargeting."""

from __future__ import annotations

from dataclasses import dataclass

ROOT_MODES = ("hips", "root", "both", "in_place")
SCALES = ("legs", "hips")
LIMB_MODES = ("fk", "ik")


@dataclass(frozen=True)
class Options:
    """Lengths in metres in the world, angles in radians, times in seconds."""

    root: str = "hips"
    """Who travels. ``hips``: the hips bone alone. ``root``: the root bone, the hips only turn. ``both``: the root
    bone over the ground, with the heading; the hips the rest. ``in_place``: nobody, the hips keep their height."""
    scale: str | float = "legs"
    """Of the steps: by the lengths of the ``legs``, the height of the ``hips``, or a number."""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn: float = 0.0  # about the vertical through the hips of the first frame, counter-clockwise from above
    floor: float = 0.0  # height of the floor the character stands on
    feet: bool = True  # keep planted feet planted and all feet above the floor
    fade: float = 0.15  # to either side of a contact, in which its correction comes and goes
    hands: bool = False  # keep hands where they touch the body
    fingers: bool = True
    flat: bool = False  # the character is a drawing: angles in the picture only, feet and hands left alone
    limbs: str = "fk"  # on rigs that have both: key the fk controls, or the ik targets and poles


DEFAULTS = Options()
