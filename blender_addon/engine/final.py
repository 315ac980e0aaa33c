"""The final render of one frame: gather what Blender evaluates, have it drawn, put the background behind it."""

from __future__ import annotations

import bpy
import numpy as np

from .. import jobs
from ..colour import Picture, average, over
from ..errors import AddonError
from ..preferences import worker_python
from ..scene.camera import View, camera_view
from .background import background_picture
from .drawing import Drawing
from .shutter import now, open_times, other_moments
from .snapshot import Snapshot, people_of

Moment = tuple[Snapshot, Snapshot | None]
"""What is drawn, and the same a frame earlier where the renderer carries it on."""


def render_frame(
    engine: bpy.types.RenderEngine, depsgraph: bpy.types.Depsgraph
) -> tuple[np.ndarray, Picture]:
    """RGBA (H, W, 4) uint16 with the background, and the people alone.

    Raises:
        AddonError: nothing to render, a camera that is not supported, or a failure of the worker.
        JobCancelled: the user stopped the render.
    """
    scene = depsgraph.scene
    if scene.render.use_multiview:
        raise AddonError(f"scene {scene.name!r} renders stereo views; switch off Output > Stereoscopy")
    worker = jobs.shared_worker(worker_python())  # starts while we gather
    view, moments = gather(engine, depsgraph)
    if worker.greeting is None:
        engine.update_stats("", "Starting the worker")
    total = sum(len(snapshot.people) for snapshot, _ in moments)
    drawn = 0

    def report(stage: str, fraction: float, eta_s: float | None) -> None:
        engine.update_stats("", stage)
        engine.update_progress((drawn + fraction) / max(total, 1))

    drawing = Drawing(worker, scene.liquid_motion.renderer, report, engine.test_break)

    def pictures():
        nonlocal drawn
        for snapshot, previous in moments:
            yield drawing.picture(snapshot, previous)
            drawn += len(snapshot.people)

    people = average(pictures())
    backdrop = background_picture(drawing, scene, view)
    return (people.rgba if backdrop is None else over(people.rgba, backdrop)), people


def gather(engine: bpy.types.RenderEngine, depsgraph: bpy.types.Depsgraph) -> tuple[View, list[Moment]]:
    """The frame's view, and each moment that is drawn for it. Leaves the scene at its frame.

    Raises:
        AddonError: there is nobody to render, or no camera for it.
    """
    scene = depsgraph.scene
    here = snapshot_of(engine, depsgraph)
    times = [now(scene)]
    if scene.render.use_motion_blur and scene.render.motion_blur_shutter > 0:
        render = scene.render
        samples = scene.liquid_motion.motion_blur_samples
        times = open_times(times[0], render.motion_blur_shutter, render.motion_blur_position, samples)
    with other_moments(engine, scene) as go:

        def at(time: float) -> Snapshot:
            if time == home:
                return here
            go(time)
            return snapshot_of(engine, depsgraph)

        home = now(scene)
        carries_on = scene.liquid_motion.renderer == "liquid"
        moments = [(at(time), at(time - 1) if carries_on else None) for time in times]
    return here.view, moments


def snapshot_of(engine: bpy.types.RenderEngine, depsgraph: bpy.types.Depsgraph) -> Snapshot:
    """The people and the camera as the depsgraph has them now.

    Raises:
        AddonError: see :func:`people_of` and :func:`camera_view`.
    """
    camera = engine.camera_override or depsgraph.scene.camera
    if camera is None:
        raise AddonError("the scene has no camera; add one, or import a motion that has cameras")
    evaluated = camera.evaluated_get(depsgraph)
    view = camera_view(evaluated.data, evaluated.matrix_world, depsgraph.scene.render)
    return Snapshot(people_of(depsgraph), view)
