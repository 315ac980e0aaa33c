"""A clip on a rig: from the source's bones in the world to the rotations and locations of the target's channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import AddonError
from .bones import turn_bones
from .clip import Clip
from .figure import Figure, figure_of
from .hangs import Hangs, basis_rotations, hangs_of, unkeyed_axes
from .legs import contacts_of, plant_legs
from .options import DEFAULTS, ROOT_MODES, SCALES, Options
from .posing import Posing, ground_path, heading, travellers
from .rest import align, one_body
from .root import carry, size_ratio, turned
from .rotations import nearest_rotation
from .skeleton import BoneMap, Skeleton, Switch
from .space import Space, space_of
from .standing import with_standing_rest

FindHangs = Callable[[Skeleton, list[int], list[int]], Hangs]
"""From a skeleton, the rows of the bones that turn, and of those that move."""


@dataclass(frozen=True)
class Solution:
    """What to key, T frames, N bones, and the pose that Blender must show then."""

    target: Skeleton
    bones: tuple[str, ...]
    rotations: dict[str, np.ndarray]  # bone -> (T, 3, 3) of its rotation channels
    locations: dict[str, np.ndarray]  # bone -> (T, 3) of its location channels
    axes: np.ndarray  # (T, N, 3, 3) of the posed bones, armature space
    heads: np.ndarray  # (T, N, 3) of the posed bones, armature space
    switches: tuple[Switch, ...]
    contacts: np.ndarray  # (T, 4) as used: left heel, left toe, right heel, right toe
    fps: float
    leg_length: float  # of the target, armature units


def solve(
    clip: Clip,
    source_map: BoneMap,
    target: Skeleton,
    target_map: BoneMap,
    options: Options = DEFAULTS,
    *,
    find_hangs: FindHangs = hangs_of,
    soles: float | None = None,
    pose: np.ndarray | None = None,
) -> Solution:
    """Retarget.

    Args:
        clip: the source.
        target: the rig, in any object transform (see ``space.Space`` for negative and uneven scales).
        find_hangs: what the keyed bones hang from; ``rig.probe`` for a rig with constraints.
        soles: height of the target's soles at rest in armature space, where its mesh tells.
        pose: (B, 3, 3) alignment pose, see ``rest.align``.

    Raises:
        AddonError: a map lacks what a body needs, or an option is not to be had on this rig.
    """
    _check(options)
    source = figure_of(clip.skeleton, source_map, clip.name)
    straight = with_standing_rest(clip, source)
    clip, source = straight, figure_of(straight.skeleton, source_map, clip.name)
    figure = figure_of(target, target_map, "the target")
    space = space_of(target.world)
    if soles is None and one_body(source, figure):
        soles = _same_soles(clip, source, figure)
    clip = turned(clip, source, options.turn)
    corrections = align(source, figure, pose)
    wanted = turn_bones(clip, source, figure, corrections, fingers=options.fingers)
    moving = travellers(figure, options)
    if options.root == "both":
        root = figure.chains["root"][0]
        hips = source.chains["hips"][0]
        turn = heading(clip.rotations[:, hips] @ clip.rest_rotations()[hips].T)
        wanted[root] = turn @ corrections[root] @ target.rest[root, :3, :3]
    wanted = {bone: space.axes(axes) for bone, axes in wanted.items()}
    hangs = find_hangs(target, list(wanted), moving)
    posing = Posing(figure, hangs, _all_axes(hangs, target, wanted, clip.frame_count), {})
    way = space.points(_way(clip, source, figure, space, options, soles))
    nodes = [hangs.index(bone) for bone in moving]
    ground = None
    if options.root == "both":
        turn = wanted[root] @ target.rest[root, :3, :3].T
        ground = ground_path(posing, space, way, turn)
    posing.travel(nodes, way, ground)
    contacts = np.zeros((clip.frame_count, 4))
    if options.feet:
        contacts = contacts_of(clip, source)
        floor = space.floor(options.floor)
        plant_legs(
            posing, nodes, way, ground, contacts, floor=floor, fade=options.fade * clip.fps, soles=soles
        )
    return _solution(posing, target_map, wanted, contacts, clip.fps)


def _check(options: Options) -> None:
    if options.root not in ROOT_MODES:
        raise AddonError(f"root mode {options.root!r} is none of {', '.join(ROOT_MODES)}")
    if isinstance(options.scale, str):
        if options.scale not in SCALES:
            raise AddonError(f"scale {options.scale!r} is neither a number nor one of {', '.join(SCALES)}")
    elif not (np.isfinite(options.scale) and options.scale > 0):
        raise AddonError(f"scale {options.scale} is not a positive number")


def _same_soles(clip: Clip, source: Figure, figure: Figure) -> float:
    """Height of the target's soles in armature space, when it is the source's body: as far below the ankles."""
    ankle = float(source.middle("foot") @ source.facing()[:, 2]) - source.sole_height(clip.soles)
    size = figure.leg_length() / source.leg_length()
    return float(figure.middle("foot") @ figure.facing()[:, 2]) - size * ankle


def _all_axes(hangs: Hangs, target: Skeleton, wanted: dict[int, np.ndarray], frames: int) -> np.ndarray:
    """Axes (T, N, 3, 3): as wanted, or as the rig holds the bone now."""
    axes = np.empty((frames, len(hangs.bones), 3, 3))
    for i, bone in enumerate(hangs.bones):
        if bone in wanted:
            axes[:, i] = wanted[bone]
        else:
            axes[:, i] = unkeyed_axes(hangs, i, axes) @ nearest_rotation(target.basis[bone, :3, :3])
    return axes


def _way(
    clip: Clip, source: Figure, figure: Figure, space: Space, options: Options, soles: float | None
) -> np.ndarray:
    """(T, 3) of the middle between the target's hip joints, in the world."""
    up = figure.facing()[:, 2]
    size = np.linalg.norm(space.world[:3, :3] @ up)
    height = figure.hip_height(soles) * size
    ratio = size_ratio(source, figure, space.world, options, (clip.soles, soles))
    return carry(clip, source, float(height), ratio, options)


def _solution(
    posing: Posing, target_map: BoneMap, wanted: dict[int, np.ndarray], contacts: np.ndarray, fps: float
) -> Solution:
    hangs, names = posing.hangs, posing.figure.skeleton.names
    channels = basis_rotations(hangs, posing.axes)
    return Solution(
        posing.figure.skeleton,
        tuple(names[bone] for bone in hangs.bones),
        {names[bone]: channels[:, i] for i, bone in enumerate(hangs.bones) if bone in wanted},
        {names[hangs.bones[i]]: values for i, values in posing.locations.items()},
        posing.axes,
        posing.heads(),
        target_map.switches,
        contacts,
        fps,
        posing.figure.leg_length(),
    )
