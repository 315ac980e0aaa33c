"""Feet that stand lie with the floor: level across, and not tilted against what their contacts say.

Recordings of markers have such feet already. In a fit the ankle is seen worst of all joints: a foot whose heel is
planted may point its toes into the floor, or stand on its edge, and to lift it out would take it off the floor.
"""

from __future__ import annotations

import numpy as np

from .feet import Floor, eased, reach_out, smoothstep
from .rotations import about_axis, rotate

_BELIEVED, _MEANT = np.radians(30.0), np.radians(60.0)
"""Tilts up to the first are mended wholly, beyond the second not at all: then somebody kneels or lies."""


def level_turns(axes: np.ndarray, contacts: np.ndarray, floor: Floor, fade: float) -> np.ndarray:
    """Turns (T, 3, 3) that lay a foot with the floor while it is planted.

    A foot is levelled across while heel or ball is planted. Its toes are raised as high as the heel where the heel
    alone is planted, its heel as high as the ball where the ball is: with both planted the heel may rise already, which
    contacts tell a little late.

    Args:
        axes: (T, 3, 3) of the foot as it is: columns heading, right and up, the identity of which lies flat.
        contacts: (T, 2) bool, heel and ball.
        fade: frames over which a turn comes and goes to either side of a contact.
    """
    heading, right, up = np.moveaxis(axes, -1, 0)
    weight = reach_out(contacts.any(1), fade)
    roll = weight * _mendable(np.arctan2(right @ floor.normal, up @ floor.normal))
    pitch = _mendable(np.arcsin(np.clip(heading @ floor.normal, -1.0, 1.0)))
    raised = eased(np.where(contacts[:, 0] & ~contacts[:, 1], np.maximum(-pitch, 0.0), 0.0), fade / 2)
    lowered = eased(np.where(contacts[:, 1], np.maximum(pitch, 0.0), 0.0), fade / 2)
    across = about_axis(heading, roll)
    return about_axis(rotate(across, right), raised - lowered) @ across


def _mendable(angles: np.ndarray) -> np.ndarray:
    """As much of each angle as may be taken for an error."""
    return angles * smoothstep((_MEANT - np.abs(angles)) / (_MEANT - _BELIEVED))
