"""Where the body goes: from the source's hips to the target's hips and root bone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .clip import Clip
from .figure import Figure
from .options import Options
from .rotations import about_axis
from .skeleton import SIDES

UP = np.array([0.0, 0.0, 1.0])


def size_ratio(source: Figure, target: Figure, to_world: np.ndarray, options: Options, soles: tuple) -> float:
    """Size of the target in the world over the source's: what steps and heights are scaled by.

    Args:
        to_world: (4, 4) of the target, its stretch included.
        soles: of the source and of the target, or None, as for ``Figure.sole_height``.
    """
    if not isinstance(options.scale, str):
        return float(options.scale)
    sizes = []
    for figure, world, sole in zip((source, target), (source.skeleton.world, to_world), soles, strict=True):
        up = figure.facing()[:, 2]
        if options.scale == "hips":
            size = figure.hip_height(sole)
        else:
            size = figure.leg_length()
        sizes.append(size * np.linalg.norm(world[:3, :3] @ up))
    return float(sizes[1] / sizes[0])


def hip_path(clip: Clip, source: Figure) -> np.ndarray:
    """(T, 3) between the source's hip joints, in the world."""
    rows = [source.chains[f"{side}_upper_leg"][0] for side in SIDES]
    return clip.positions[:, rows].mean(1)


def floor_of(clip: Clip, source: Figure) -> float:
    """Height of the floor under the source in the world.

    Where the clip does not say: as deep as the lower of both feet comes in all but the lowest 2% of the frames,
    less what lies between ankle and sole at rest.
    """
    if clip.ground is not None:
        return clip.ground
    up, sole = source.facing()[:, 2], source.sole_height(clip.soles)
    scale = np.linalg.norm(clip.skeleton.world[:3, :3] @ up)
    lowest = np.full(clip.frame_count, np.inf)
    for role in (f"{side}_{part}" for side in SIDES for part in ("foot", "toes")):
        if source.has(role):
            above = (source.head(role) @ up - sole) * scale
            lowest = np.minimum(lowest, clip.positions[:, source.chains[role][0], 2] - above)
    return float(np.quantile(lowest, 0.02))


def carry(clip: Clip, source: Figure, target_height: float, ratio: float, options: Options) -> np.ndarray:
    """(T, 3) in the world: where the middle between the target's hip joints goes.

    Steps are scaled about the first frame, which stays where it is in a scene (in a file of unknown units it is scaled
    about the origin). Heights are the target's when it stands plus the scaled departure of the
    source from its own, so that who stands, stands, however the joints are placed.

    Args:
        target_height: of the target's hip joints above its soles when it stands, metres in the world.
        ratio: from :func:`size_ratio`.
    """
    path = hip_path(clip, source)
    up = source.facing()[:, 2]
    scale = np.linalg.norm(clip.skeleton.world[:3, :3] @ up)
    height = source.hip_height(clip.soles) * scale
    start = path[0] if clip.metric else ratio * path[0]
    moved = start + ratio * (path - path[0])
    if options.root == "in_place":
        moved[:] = start
    moved[:, 2] = options.floor + target_height + ratio * (path[:, 2] - floor_of(clip, source) - height)
    return moved + np.asarray(options.offset)


def turned(clip: Clip, source: Figure, angle: float) -> Clip:
    """The clip turned about the vertical through its first frame's hips, counter-clockwise from above."""
    if angle == 0:
        return clip
    R, pivot = about_axis(UP, np.array(angle)), hip_path(clip, source)[0]
    return replace(clip, rotations=R @ clip.rotations, positions=(clip.positions - pivot) @ R.T + pivot)
