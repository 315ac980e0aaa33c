"""A clip on a rig: from the source's bones in the world to the rotations and locations of the target's channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import AddonError
from .bones import turn_bones
from .clip import Clip
from .controls import all_switches, drive, limbs_of, replaced
from .figure import REQUIRED, Figure, figure_of
from .flat import flat_way, plane_of, turn_flat
from .hands import keep_touching
from .hangs import Hangs, basis_rotations, hangs_of, unkeyed_axes
from .legs import contacts_of, plant_legs
from .options import DEFAULTS, LIMB_MODES, ROOT_MODES, SCALES, Options
from .posing import Posing, Travel, ground_path, heading, travellers
from .rest import align, one_body
from .root import carry, size_ratio, turned
from .rotations import nearest_rotation
from .skeleton import BoneMap, Skeleton, Switch
from .soles import Soles
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
    left_out: tuple[
        str, ...
    ] = ()  # mapped bones that constraints or drivers hold, so that keys would not move them


def solve(
    clip: Clip,
    source_map: BoneMap,
    target: Skeleton,
    target_map: BoneMap,
    options: Options = DEFAULTS,
    *,
    find_hangs: FindHangs = hangs_of,
    soles: Soles | None = None,
    pose: np.ndarray | None = None,
) -> Solution:
    """Retarget.

    Args:
        clip: the source.
        target: the rig, in any object transform (see ``space.Space`` for negative and uneven scales).
        find_hangs: what the keyed bones hang from; ``rig.probe`` for a rig with constraints.
        soles: the target's, where its mesh tells.
        pose: (B, 3, 3) alignment pose, see ``rest.align``.

    Raises:
        AddonError: a map lacks what a body needs, an option is not to be had on this rig, or constraints hold it.
    """
    _check(options)
    task = _task(clip, source_map, target, target_map, options, soles)
    if options.flat:
        return _solve_flat(task, target_map, find_hangs)
    return _solve_body(task, target_map, find_hangs, pose)


def _solve_body(task: _Task, target_map: BoneMap, find_hangs: FindHangs, pose: np.ndarray | None) -> Solution:
    clip, figure, space, options = task.clip, task.figure, task.space, task.options
    target = figure.skeleton
    corrections = align(task.source, figure, pose)
    wanted = turn_bones(clip, task.source, figure, corrections, fingers=options.fingers)
    moving = travellers(figure, options)
    if options.root == "both":
        wanted[moving[0]] = _heading(task) @ corrections[moving[0]] @ target.rest[moving[0], :3, :3]
    wanted = {bone: space.axes(axes) for bone, axes in wanted.items()}
    limbs = limbs_of(figure, target_map) if options.limbs == "ik" else []
    controls = [limb.target for limb in limbs], [limb.pole for limb in limbs if limb.pole is not None]
    hangs = find_hangs(target, [*wanted, *controls[0]], [*moving, *controls[0], *controls[1]])
    figure = _posable(figure, hangs, {*moving, *controls[0], *controls[1]})
    limbs = [limb for limb in limbs if figure.has(*limb.roles)]
    posing = Posing(figure, hangs, _all_axes(hangs, target, wanted, clip.frame_count), {})
    travel = _travel(task, posing, moving)
    travel.go(posing)
    contacts = np.zeros((clip.frame_count, 4))
    if options.feet:
        contacts = contacts_of(clip, task.source)
        plant_legs(posing, travel, contacts, space.floor(options.floor), options.fade * clip.fps, task.soles)
    if options.hands:
        keep_touching(posing, clip, task.source, space)
    drive(posing, limbs)
    turning = {*wanted} - replaced(figure, limbs) | {*controls[0]}
    solution = _solution(posing, all_switches(target_map, limbs), turning, contacts, clip.fps)
    held = sorted({*wanted} - {*hangs.bones.tolist()})
    return replace(solution, left_out=tuple(target.names[bone] for bone in held))


def _solve_flat(task: _Task, target_map: BoneMap, find_hangs: FindHangs) -> Solution:
    """See ``flat``."""
    clip, figure = task.clip, task.figure
    plane = plane_of(figure)
    wanted = turn_flat(clip, task.source, figure, plane)
    moving = travellers(figure, task.options)
    hangs = find_hangs(figure.skeleton, list(wanted), moving)
    figure = _posable(figure, hangs, set(moving))
    posing = Posing(figure, hangs, _all_axes(hangs, figure.skeleton, wanted, clip.frame_count), {})
    way = flat_way(clip, task.source, figure, plane, in_place=task.options.root == "in_place")
    Travel([hangs.index(bone) for bone in moving], way, None).go(posing)
    return _solution(posing, target_map.switches, {*wanted}, np.zeros((clip.frame_count, 4)), clip.fps)


@dataclass(frozen=True)
class _Task:
    """Source and target as they go into the solution."""

    clip: Clip
    source: Figure
    figure: Figure
    space: Space
    soles: Soles | None
    options: Options


def _task(
    clip: Clip,
    source_map: BoneMap,
    target: Skeleton,
    target_map: BoneMap,
    options: Options,
    soles: Soles | None,
) -> _Task:
    clip = with_standing_rest(clip, figure_of(clip.skeleton, source_map, clip.name))
    source = figure_of(clip.skeleton, source_map, clip.name)
    figure = figure_of(target, target_map, "the target")
    if soles is None and one_body(source, figure):
        soles = _same_soles(clip, source, figure)
    return _Task(turned(clip, source, options.turn), source, figure, space_of(target.world), soles, options)


def _heading(task: _Task) -> np.ndarray:
    """(T, 3, 3) the source's turn about the vertical since rest, in the world."""
    hips = task.source.chains["hips"][0]
    return heading(task.clip.rotations[:, hips] @ task.clip.rest_rotations()[hips].T)


def _travel(task: _Task, posing: Posing, moving: list[int]) -> Travel:
    """How the body goes about."""
    figure, space, hangs = posing.figure, task.space, posing.hangs
    up = figure.facing()[:, 2]
    size = np.linalg.norm(space.world[:3, :3] @ up)
    height = float(figure.hip_height(task.soles) * size)
    ratio = size_ratio(task.source, figure, space.world, task.options, (task.clip.soles, task.soles))
    way = space.points(carry(task.clip, task.source, height, ratio, task.options))
    nodes = [hangs.index(bone) for bone in moving]
    if task.options.root != "both":
        return Travel(nodes, way, None)
    turn = posing.axes[:, nodes[0]] @ figure.skeleton.rest[moving[0], :3, :3].T
    return Travel(nodes, way, ground_path(figure, space, way, turn))


def _posable(figure: Figure, hangs: Hangs, needed: set[int]) -> Figure:
    """The figure without the bones that something else than keys holds.

    Raises:
        AddonError: it cannot do without them.
    """
    there = set(hangs.bones.tolist())
    chains = {
        role: tuple(bone for bone in chain if bone in there or role == "root")
        for role, chain in figure.chains.items()
    }
    names = figure.skeleton.names
    lost = [names[bone] for bone in sorted(needed - there)]
    lost += [names[figure.chains[role][0]] for role in REQUIRED if not chains[role]]
    if lost:
        raise AddonError(
            f"constraints or drivers hold {', '.join(map(repr, lost))}, so that keys would not move the rig; "
            "mute them, or map the rig's controls"
        )
    return Figure(figure.skeleton, {role: chain for role, chain in chains.items() if chain})


def _check(options: Options) -> None:
    if options.root not in ROOT_MODES:
        raise AddonError(f"root mode {options.root!r} is none of {', '.join(ROOT_MODES)}")
    if options.limbs not in LIMB_MODES:
        raise AddonError(f"limbs {options.limbs!r} is none of {', '.join(LIMB_MODES)}")
    if not (np.isfinite(options.fade) and options.fade >= 0):
        raise AddonError(f"fade {options.fade} is no time; give seconds, from 0")
    if options.flat and options.root in ("root", "both"):
        raise AddonError("a flat character travels with its hips; choose root mode 'hips' or 'in_place'")
    if isinstance(options.scale, str):
        if options.scale not in SCALES:
            raise AddonError(f"scale {options.scale!r} is neither a number nor one of {', '.join(SCALES)}")
    elif not (np.isfinite(options.scale) and options.scale > 0):
        raise AddonError(f"scale {options.scale} is not a positive number")


def _same_soles(clip: Clip, source: Figure, figure: Figure) -> Soles:
    """Of a target that is the source's body: as far below the ankles."""
    ankle = float(source.middle("foot") @ source.facing()[:, 2]) - source.sole_height(clip.soles)
    size = figure.leg_length() / source.leg_length()
    return Soles(float(figure.middle("foot") @ figure.facing()[:, 2]) - size * ankle)


def _all_axes(hangs: Hangs, target: Skeleton, wanted: dict[int, np.ndarray], frames: int) -> np.ndarray:
    """Axes (T, N, 3, 3): as wanted, or as the rig holds the bone now."""
    axes = np.empty((frames, len(hangs.bones), 3, 3))
    for i, bone in enumerate(hangs.bones):
        if bone in wanted:
            axes[:, i] = wanted[bone]
        else:
            axes[:, i] = unkeyed_axes(hangs, i, axes) @ nearest_rotation(target.basis[bone, :3, :3])
    return axes


def _solution(
    posing: Posing, switches: tuple[Switch, ...], turned_bones: set[int], contacts: np.ndarray, fps: float
) -> Solution:
    hangs, names = posing.hangs, posing.figure.skeleton.names
    channels = basis_rotations(hangs, posing.axes)
    return Solution(
        posing.figure.skeleton,
        tuple(names[bone] for bone in hangs.bones),
        {names[bone]: channels[:, i] for i, bone in enumerate(hangs.bones) if bone in turned_bones},
        {names[hangs.bones[i]]: values for i, values in posing.locations.items()},
        posing.axes,
        posing.heads(),
        switches,
        contacts,
        fps,
        posing.figure.leg_length(),
    )
