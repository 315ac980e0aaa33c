"""The rendered viewport: the person as the view sees them, coarse while anything moves, fine once it rests.

Blender's thread only reads the scene and shows pictures. The worker is asked from another thread, one picture at a
time and always for the newest view; a timer, which lives only while a picture is on its way or due, has the region
drawn again.
"""

from __future__ import annotations

import threading
import time
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import bpy
import numpy as np

from . import jobs
from .colour import to_linear
from .engine.drawing import Drawing
from .engine.snapshot import Person, Snapshot, people_of
from .errors import AddonError
from .preferences import worker_python
from .scene.camera import View, whole_view

if TYPE_CHECKING:
    import gpu

COARSE_SIDE = 256
"""Longest side, in pixels, of the pictures that are shown while anything moves."""
REST_S = 0.25
"""How long the view and the scene have been still when the fine picture is asked for."""
_TICK_S = 0.03
_FLIP_YZ = np.diag([1.0, -1.0, -1.0])
COARSE, FINE = "coarse", "fine"


def region_view(window_matrix: np.ndarray, view_matrix: np.ndarray, size: tuple[int, int]) -> View:
    """What a region of the viewport sees: free or through a camera, perspective or orthographic.

    Args:
        window_matrix: (4, 4) of ``RegionView3D``: OpenGL's projection, which holds the zoom and shift of a camera view.
        view_matrix: (4, 4) world to view.
        size: (height, width) of the region in pixels.
    """
    W, V = np.asarray(window_matrix, float), np.asarray(view_matrix, float)
    orthographic = W[3, 3] != 0.0
    height, width = size
    # x_ndc = (W00 x + W02 z) / -z, or W00 x + W03 where nothing is divided; pixels count rows down, ndc up
    offset = (W[0, 3], -W[1, 3]) if orthographic else (-W[0, 2], W[1, 2])
    K = np.diag([W[0, 0] * width / 2, W[1, 1] * height / 2, 1.0])
    K[:2, 2] = (1 + offset[0]) * width / 2, (1 + offset[1]) * height / 2
    return whole_view(K, _FLIP_YZ @ V[:3, :3], _FLIP_YZ @ V[:3, 3], size, orthographic)


def coarser(view: View, longest_side: int) -> View:
    """The view as a picture of no more than ``longest_side`` pixels a side."""
    height, width = view.size
    scale = min(1.0, longest_side / max(view.size))
    size = (max(round(height * scale), 1), max(round(width * scale), 1))
    K = np.array([[size[1] / width], [size[0] / height], [1.0]]) * view.K
    return whole_view(K, view.R, view.t, size, view.orthographic)


class Pace:
    """Which picture to ask for next. Knows time and what was asked, nothing of Blender."""

    def __init__(self) -> None:
        self._state: object = None
        self._changed = 0.0
        self._asked: tuple[object, str] | None = None

    def next(self, state: object, now: float) -> str | None:
        """``coarse`` for a state not seen before, ``fine`` once it has rested, ``None`` when there is nothing to do."""
        if state != self._state:
            self._state, self._changed = state, now
        rested = now - self._changed >= REST_S
        wanted = FINE if rested else COARSE
        if self._asked in ((state, FINE), (state, wanted)):
            return None
        self._asked = (state, wanted)
        return wanted

    def is_current(self, state: object) -> bool:
        return state == self._state

    @property
    def settled(self) -> bool:
        """The fine picture of the newest state has been asked for."""
        return self._asked == (self._state, FINE)


@dataclass(frozen=True)
class Answer:
    """A drawn picture: scene-linear premultiplied (h, w, 4) float32, bottom row first, of a part of the region.

    ``part``: left, bottom, width, height in [0, 1] of the region. ``error`` is '' or why there is no picture.
    """

    state: object
    quality: str
    pixels: np.ndarray | None = None
    part: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    error: str = ""


class Preview:
    """What one viewport shows."""

    def __init__(self, engine: bpy.types.RenderEngine) -> None:
        # weak: the engine holds the preview, and Blender's letting go of it must end both at once, in its own thread
        self._engine = weakref.ref(engine)
        self._people: tuple[Person, ...] = ()
        self._nobody = ""  # why the scene has no people to draw
        self._failed = ""  # why the last picture was not drawn
        self._version = 0
        self._pace = Pace()
        self._thread: threading.Thread | None = None
        self._starting = False
        self._answer: Answer | None = None
        self._texture: gpu.types.GPUTexture | None = None
        self._part = (0.0, 0.0, 0.0, 0.0)

    def read_scene(self, depsgraph: bpy.types.Depsgraph) -> None:
        """Take over what has changed in the scene."""
        self._version += 1
        try:
            self._people, self._nobody = people_of(depsgraph), ""
        except AddonError as error:
            self._people, self._nobody = (), str(error)

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        """Show the newest picture, and ask for the next."""
        region, view3d = context.region, context.region_data
        size = (region.height, region.width)
        if min(size) < 1:
            return
        view = region_view(view3d.window_matrix, view3d.view_matrix, size)
        self._take_answer()
        if self._nobody:
            self._texture = None
            self._say(self._nobody)
            return
        self._ask(view, depsgraph.scene.liquid_motion.renderer)
        if self._texture is not None:
            self._show(size)
        busy = self._thread is not None or not self._pace.settled
        doing = "Starting the worker" if self._starting else "Drawing"
        self._say(self._failed or (doing if busy else ""))
        if busy and not bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.register(self._tick, first_interval=_TICK_S)

    def close(self) -> None:
        """No more pictures: the viewport shows something else."""
        if bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.unregister(self._tick)

    def _tick(self) -> float | None:
        """Have the region drawn when there is something new to show or to ask for."""
        if self._thread is not None and self._thread.is_alive():
            return _TICK_S
        engine = self._engine()
        if engine is not None:
            engine.tag_redraw()
        return None  # drawing registers the timer again where more is to come

    def _say(self, text: str) -> None:
        engine = self._engine()
        if engine is not None:
            engine.update_stats("", text)

    def _ask(self, view: View, renderer: str) -> None:
        if self._thread is not None:
            return
        state = (self._version, view.size, view.K.tobytes(), view.R.tobytes(), view.t.tobytes(), renderer)
        quality = self._pace.next(state, time.monotonic())
        if quality is None:
            return
        relight = renderer == "liquid"  # coarse pictures are as bright as fine ones
        if quality == COARSE:
            view, renderer = coarser(view, COARSE_SIDE), "warp"
        try:
            python = worker_python()
        except AddonError as error:
            self._failed = str(error)
            return
        asked = Answer(state, quality)
        arguments = (asked, Snapshot(self._people, view), python, renderer, relight)
        self._thread = threading.Thread(target=self._work, args=arguments, name="liquid-motion", daemon=True)
        self._thread.start()

    def _work(self, asked: Answer, snapshot: Snapshot, python: str, renderer: str, relight: bool) -> None:
        """In a thread of its own: nothing here may touch bpy."""
        try:
            worker = jobs.shared_worker(python)
            self._starting = worker.greeting is None
            worker.wait_until_ready()
            self._starting = False
            picture = Drawing(worker, renderer, relight=relight).picture(snapshot)
        except AddonError as error:
            self._starting = False
            self._answer = replace(asked, error=str(error))
            return
        alpha = picture.rgba[::-1, :, 3]
        rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
        if len(rows) == 0:
            self._answer = asked
            return
        (y0, y1), (x0, x1) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
        height, width = snapshot.view.size
        part = (x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height)
        self._answer = replace(asked, pixels=to_linear(picture.rgba[::-1][y0:y1, x0:x1]), part=part)

    def _take_answer(self) -> None:
        if self._thread is None or self._thread.is_alive():
            return
        self._thread, answer = None, self._answer
        self._answer = None
        if answer is None or (answer.quality == FINE and not self._pace.is_current(answer.state)):
            return  # of a view that is gone; while it moves the coarse ones are late too, and still the newest
        if answer.error:
            self._failed = answer.error
            return
        self._failed = ""
        self._texture = None if answer.pixels is None else _texture(answer.pixels)
        self._part = answer.part

    def _show(self, size: tuple[int, int]) -> None:
        """Blender takes what an engine draws for scene-linear, and applies the view transform itself."""
        import gpu
        from gpu_extras.presets import draw_texture_2d

        left, bottom, width, height = np.array(self._part) * [size[1], size[0], size[1], size[0]]
        gpu.state.blend_set("ALPHA_PREMULT")
        draw_texture_2d(self._texture, (left, bottom), width, height)
        gpu.state.blend_set("NONE")


def _texture(pixels: np.ndarray) -> gpu.types.GPUTexture:
    import gpu

    height, width = pixels.shape[:2]
    data = gpu.types.Buffer("FLOAT", pixels.size, np.ascontiguousarray(pixels).ravel())
    return gpu.types.GPUTexture((width, height), format="RGBA16F", data=data)
