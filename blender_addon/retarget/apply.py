"""Retargeting in the file: a clip goes in, an action comes out, nothing else of the rig is touched."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..scene.action import add_action
from .clip import Clip
from .figure import figure_of
from .keys import curves_of
from .matcher import match
from .options import DEFAULTS, Options
from .probe import finder
from .rig import read_skeleton, soles_of
from .skeleton import BoneMap
from .solve import Solution, solve


@dataclass(frozen=True)
class Applied:
    """What came of one character."""

    action: bpy.types.Action
    solution: Solution


def retarget(
    rig: bpy.types.Object,
    clip: Clip,
    *,
    source_map: BoneMap | None = None,
    target_map: BoneMap | None = None,
    options: Options = DEFAULTS,
    pose: np.ndarray | None = None,
    name: str | None = None,
    frame_start: int = 1,
) -> Applied:
    """Put a clip on a rig of the scene, at the scene's frame rate, as a new action.

    Args:
        source_map, target_map: default: matched by names and build.
        pose: alignment pose from :func:`alignment_pose`.
        name: of the action.

    Raises:
        AddonError: either skeleton is no body, or the options do not suit the rig. The rig is then unchanged.
    """
    solution = solve_on(rig, clip, source_map, target_map, options, pose)
    action = add_action(rig, name or f"{rig.name} {clip.name}", curves_of(solution), frame_start)
    return Applied(action, solution)


def solve_on(
    rig: bpy.types.Object,
    clip: Clip,
    source_map: BoneMap | None = None,
    target_map: BoneMap | None = None,
    options: Options = DEFAULTS,
    pose: np.ndarray | None = None,
) -> Solution:
    """The solution for a rig of the scene at the scene's frame rate; nothing is keyed."""
    bpy.context.view_layer.update()
    skeleton = read_skeleton(rig)
    source_map = source_map or match(clip.skeleton)
    target_map = target_map or match(skeleton)
    render = bpy.context.scene.render
    return solve(
        clip.resample(render.fps / render.fps_base),
        source_map,
        skeleton,
        target_map,
        options,
        find_hangs=finder(rig, target_map.switches),
        soles=soles_of(rig, figure_of(skeleton, target_map, rig.name)),
        pose=pose,
    )


def alignment_pose(rig: bpy.types.Object) -> np.ndarray:
    """Axes (B, 3, 3) of the rig as it is posed now, in the order of :func:`rig.read_skeleton`: for ``retarget``."""
    skeleton = read_skeleton(rig)
    poses = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    return np.array([poses[name].matrix.to_3x3().normalized() for name in skeleton.names], float)
