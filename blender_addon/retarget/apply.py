"""Retargeting in the file: a clip goes in, an action comes out, nothing else of the rig is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ..scene.action import add_action, new_action, push_action
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
class Job:
    """One clip for one character of the scene."""

    rig: bpy.types.Object
    clip: Clip
    source_map: BoneMap | None = None  # default: matched by names and build
    target_map: BoneMap | None = None
    options: Options = DEFAULTS
    pose: np.ndarray | None = None  # alignment pose from :func:`alignment_pose`
    name: str | None = None  # of the action


@dataclass(frozen=True)
class Applied:
    """What came of one job."""

    rig: bpy.types.Object
    action: bpy.types.Action
    solution: Solution
    assigned: bool
    """Whether the rig now has the action: a linked rig without a library override cannot be given one."""

    def warnings(self) -> list[str]:
        """What an artist should know of it, a line each."""
        told = []
        if not self.assigned:
            told.append(
                f"{self.action.name} is in the file, but {self.rig.name} is linked: make a library override of it"
            )
        if self.solution.left_out:
            held = ", ".join(self.solution.left_out)
            told.append(f"{self.rig.name}: held by constraints or drivers, and left out: {held}")
        return told


def retarget(
    jobs: Sequence[Job], *, frame_start: int = 1, sparse: float | None = None, nla: bool = False
) -> list[Applied]:
    """Put clips on rigs of the scene, at the scene's frame rate, each as a new action; all of them or none.

    An action that a rig had stays in the file.

    Args:
        sparse: degrees that keys may be off, see ``keys.curves_of``; default: a key on every frame.
        nla: put the actions into tracks of their own on the rigs' NLA stacks.

    Raises:
        AddonError: a skeleton is no body, or the options do not suit a rig. Nothing has been changed then.
    """
    solutions = [solve_on(j.rig, j.clip, j.source_map, j.target_map, j.options, j.pose) for j in jobs]
    applied = []
    for job, solution in zip(jobs, solutions, strict=True):
        name = job.name or f"{job.rig.name} {job.clip.name}"
        curves = curves_of(solution, sparse)
        assigned = job.rig.library is None
        if not assigned:
            action = new_action(job.rig, name, curves, frame_start)
            action.use_fake_user = True
        elif nla:
            action = new_action(job.rig, name, curves, frame_start)
            push_action(job.rig, action, frame_start)
        else:
            action = add_action(job.rig, name, curves, frame_start)
        applied.append(Applied(job.rig, action, solution, assigned))
    return applied


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
    source_map = source_map or match(clip.skeleton, source=True)
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
