"""Render engine LIQUID_MOTION: the person, photo-real, in whatever pose and shot the scene makes.

It reads the *evaluated* mesh, so that hand keys, constraints and modifiers count like the fitted motion, and lets the
worker draw it. All persistent state is the worker; a frame depends on nothing but the scene at that frame.
"""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import bpy
import numpy as np

from . import jobs
from .colour import linear_to_srgb, merge_by_depth, over, to_combined, to_depth
from .errors import AddonError
from .preferences import worker_python
from .scene.camera import camera_extrinsics, camera_intrinsics

_numbers = itertools.count()


class LiquidMotionEngine(bpy.types.RenderEngine):
    bl_idname = "LIQUID_MOTION"
    bl_label = "Liquid Motion"
    bl_use_preview = False
    bl_use_shading_nodes_custom = False

    def update_render_passes(self, scene: bpy.types.Scene, renlayer: bpy.types.ViewLayer) -> None:
        self.register_pass(scene, renlayer, "Combined", 4, "RGBA", "COLOR")
        if renlayer.use_pass_z:
            self.register_pass(scene, renlayer, "Depth", 1, "Z", "VALUE")

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        try:
            rgba, depth = render_frame(self, depsgraph)
        except jobs.JobCancelled:
            return
        except AddonError as error:
            if isinstance(error, jobs.WorkerError) and error.details:
                print(error.details)
            self.report({"ERROR"}, str(error))  # raises in scripts, fails `-a`
            self.error_set(str(error))  # shows in the image editor
            return
        height, width = depth.shape
        result = self.begin_result(0, 0, width, height, layer=depsgraph.view_layer.name)
        passes = result.layers[0].passes
        passes["Combined"].rect.foreach_set(to_combined(rgba))
        if "Depth" in passes:
            passes["Depth"].rect.foreach_set(to_depth(depth))
        self.end_result(result)

    def view_update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        self.update_stats("Liquid Motion", "press F12 to render this frame")

    def view_draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """The rendered viewport stays empty: only final renders are drawn."""


def render_frame(
    engine: bpy.types.RenderEngine, depsgraph: bpy.types.Depsgraph
) -> tuple[np.ndarray, np.ndarray]:
    """RGBA (H, W, 4), display-referred, straight alpha, top row first, and depth (H, W) of the current frame.

    Raises:
        AddonError: nothing to render, a camera that is not supported, or a failure of the worker.
        JobCancelled: the user stopped the render.
    """
    scene = depsgraph.scene_eval
    if scene.camera is None:
        raise AddonError("the scene has no camera; add one, or import a motion that has cameras")
    K, size = camera_intrinsics(scene.camera.data, scene.render)
    R, t = camera_extrinsics(scene.camera.matrix_world)
    people = [
        (subject, world_vertices(instance))
        for instance in depsgraph.object_instances
        if (subject := subject_of(instance))
    ]
    if not people:
        raise AddonError(
            "no visible mesh has a subject; set it under Object > Liquid Motion, or import a person"
        )
    worker = jobs.shared_worker(worker_python())
    drawn = []
    for done, (subject, vertices) in enumerate(people):
        arrays = {"vertices": vertices, "K": K, "R": R, "t": t}
        drawn.append(_draw(engine, worker, subject, arrays, size, scene, done / len(people), 1 / len(people)))
    rgba, depth = functools.reduce(merge_by_depth, drawn)
    backdrop = background_picture(engine, worker, scene, size)
    return (rgba if backdrop is None else over(rgba, backdrop)), depth


def subject_of(instance: bpy.types.DepsgraphObjectInstance) -> str:
    """Absolute path of the subject that a visible instance shows, or ''."""
    if not instance.show_self or instance.object.type != "MESH":
        return ""
    original = instance.object.original
    return bpy.path.abspath(original.liquid_motion.subject, library=original.library)


def world_vertices(instance: bpy.types.DepsgraphObjectInstance) -> np.ndarray:
    """Vertices (V, 3) float32 in the world of an instance's evaluated mesh.

    Raises:
        AddonError: modifiers changed the number of vertices, so that they are not the subject's any more.
    """
    evaluated = instance.object
    vertices = evaluated.data.vertices
    expected = len(evaluated.original.data.vertices)
    if len(vertices) != expected:
        raise AddonError(
            f"{evaluated.name}: modifiers make {len(vertices)} vertices of {expected}; "
            "switch off for rendering those that change the number (Subdivision, Decimate …)"
        )
    local = np.empty(len(vertices) * 3, np.float32)
    vertices.foreach_get("co", local)
    matrix = np.array(instance.matrix_world)
    return (local.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def _draw(engine, worker, subject, arrays, size, scene, start, share) -> tuple[np.ndarray, np.ndarray]:
    number = next(_numbers)
    source, out = worker.folder / f"frame{number}.npz", worker.folder / f"picture{number}.npz"
    np.savez(source, **arrays)

    def report(stage: str, fraction: float, eta_s: float | None) -> None:
        engine.update_stats("", stage)
        engine.update_progress(start + share * fraction)

    params = {
        "subject": subject,
        "arrays": str(source),
        "size": list(size),
        "renderer": scene.liquid_motion.renderer,
        "out": str(out),
    }
    worker.run("render_frame", params, report=report, cancelled=engine.test_break)
    picture = _read(out, size)
    source.unlink()
    return picture["rgba"], picture["depth"]


def background_picture(engine, worker, scene: bpy.types.Scene, size: tuple[int, int]) -> np.ndarray | None:
    """RGBA (H, W, 4), display-referred, of what the settings put behind the person; None for nothing.

    Raises:
        AddonError: the plate or footage that is asked for is not set or not readable.
    """
    settings = scene.liquid_motion
    kind = settings.background
    if kind == "transparent":
        return None
    if kind == "colour":
        colour = np.append(linear_to_srgb(settings.colour), 1.0).astype(np.float32)
        return np.broadcast_to(colour, (*size, 4))
    path = bpy.path.abspath(settings.plate if kind == "plate" else settings.footage)
    if not path:
        raise AddonError(
            f"background {kind!r} is chosen and no file is set for it; set one or choose another"
        )
    index = scene.frame_current - settings.footage_start if kind == "driving" else 0
    out = worker.folder / f"background{next(_numbers)}.npz"
    params = {"path": path, "index": index, "size": list(size), "out": str(out)}
    worker.run("footage_frame", params, cancelled=engine.test_break)
    rgb = _read(out, size)["rgb"] / np.float32(255)
    return np.concatenate([rgb, np.ones((*size, 1), np.float32)], -1)


def _read(path: Path, size: tuple[int, int]) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    path.unlink()
    if any(array.shape[:2] != size for array in arrays.values()):
        shapes = {name: array.shape for name, array in arrays.items()}
        raise AddonError(f"the worker answered with pictures of another size ({shapes}, asked for {size})")
    return arrays


def register() -> None:
    bpy.utils.register_class(LiquidMotionEngine)


def unregister() -> None:
    bpy.utils.unregister_class(LiquidMotionEngine)
