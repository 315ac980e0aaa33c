"""The room and the camera a synthetic person is filmed in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smpl_fitting.geometry import look_at as look_at  # cameras are set up together with the room


@dataclass(frozen=True)
class Studio:
    """A floor (z = 0) and a wall behind the person in the Z-up world, where people face -Y; sRGB colours.

    ``key_azimuth`` and ``key_elevation``: degrees, where the main light stands seen from the person, 0 before
    her, positive to her left; ``key_watts`` and ``key_size`` (metres) of that area light; ``sky`` strength of
    the even light from all sides. ``planks``: a boarded floor rather than a plain one.
    """

    floor: tuple[float, float, float] = (0.52, 0.44, 0.36)
    wall: tuple[float, float, float] = (0.62, 0.66, 0.68)
    wall_distance: float = 1.8
    key_azimuth: float = -35.0
    key_elevation: float = 45.0
    key_watts: float = 170.0
    key_size: float = 2.0
    sky: float = 0.55
    planks: bool = True


def random_studio(seed: int) -> Studio:
    """A sensible random room: every colour muted, the light from the front half and above."""
    rng = np.random.default_rng((seed, 7))

    def muted(low: float, high: float) -> tuple[float, float, float]:
        gray = rng.uniform(low, high)
        red, green, blue = (float(np.clip(gray + c, 0.02, 0.95)) for c in rng.normal(0.0, 0.035, 3))
        return red, green, blue

    size = float(rng.uniform(0.4, 3.0))
    return Studio(
        floor=muted(0.2, 0.65),
        wall=muted(0.25, 0.85),
        wall_distance=float(rng.uniform(0.9, 4.0)),
        key_azimuth=float(rng.uniform(-75.0, 75.0)),
        key_elevation=float(rng.uniform(20.0, 70.0)),
        key_watts=float(rng.uniform(150.0, 350.0)),
        key_size=size,
        sky=float(rng.uniform(0.2, 0.8)),
        planks=bool(rng.random() < 0.5),
    )
