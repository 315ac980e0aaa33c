"""Render engine LIQUID_MOTION: the person, photo-real, in whatever pose and shot the scene makes.

It reads the *evaluated* mesh, so that hand keys, constraints and modifiers count like the fitted motion, and lets the
worker draw it. All persistent state is the worker; a frame depends on nothing but the scene at that frame (and, for
the renderer ``liquid``, at the frame before).
"""

from __future__ import annotations

import traceback

import bpy

from .. import jobs
from ..errors import AddonError
from .final import render_frame
from .passes import register_passes, write_result


class LiquidMotionEngine(bpy.types.RenderEngine):
    bl_idname = "LIQUID_MOTION"
    bl_label = "Liquid Motion"
    bl_use_preview = False
    bl_use_shading_nodes_custom = False
    preview = None  # what a viewport shows; Blender makes one engine for each

    def update_render_passes(self, scene: bpy.types.Scene, renlayer: bpy.types.ViewLayer) -> None:
        register_passes(self, scene, renlayer)

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        try:
            rgba, picture = render_frame(self, depsgraph)
        except jobs.JobCancelled:
            return
        except AddonError as error:
            if isinstance(error, jobs.WorkerError) and error.details:
                print(error.details)
            self._fail(str(error))
            return
        except (
            Exception
        ) as error:  # Blender would print it, and save a black frame as if nothing had happened
            traceback.print_exc()
            self._fail(
                f"the frame could not be rendered ({error!r}); please report this with the text above it"
            )
            return
        write_result(self, depsgraph.view_layer, rgba, picture)

    def view_update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        from ..viewport import Preview

        if self.preview is None:
            self.preview = Preview(self)
        self.preview.read_scene(depsgraph)

    def view_draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        if self.preview is not None:
            self.preview.draw(context, depsgraph)

    def __del__(self) -> None:
        preview = getattr(self, "preview", None)
        if preview is not None:
            preview.close()

    def _fail(self, message: str) -> None:
        """End the render: raises in scripts, ends ``-a`` with exit code 1, shows in the image editor."""
        self.report({"ERROR"}, message)
        self.error_set(message)


def register() -> None:
    bpy.utils.register_class(LiquidMotionEngine)


def unregister() -> None:
    bpy.utils.unregister_class(LiquidMotionEngine)
