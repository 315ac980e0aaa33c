"""What interface.py plays inside Blender: buttons pressed from a timer, and everything of ours timed."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path

repo, folder, report = map(Path, sys.argv[sys.argv.index("--") + 1 :])
sys.path.insert(0, str(repo))

import bpy  # noqa: E402
import numpy as np  # noqa: E402

import blender_addon  # noqa: E402
from blender_addon import panels, results, tasks  # noqa: E402

FRAMES = 300
longest: dict[str, float] = defaultdict(float)  # milliseconds


def timed(name: str, function: Callable) -> Callable:
    @functools.wraps(function)
    def measured(*arguments, **named):
        began, worked = time.perf_counter(), time.thread_time()
        try:
            return function(*arguments, **named)
        finally:
            longest[f"{name}_ms"] = max(longest[f"{name}_ms"], 1000 * (time.perf_counter() - began))
            # the time of this thread alone: what it would take if nothing else ran
            longest[f"{name}_cpu_ms"] = max(longest[f"{name}_cpu_ms"], 1000 * (time.thread_time() - worked))

    return measured


def measure_panels() -> None:
    """Time every draw of ours, those of lists and icons included."""
    for module in panels._MODULES:
        for cls in vars(module).values():
            if (
                isinstance(cls, type)
                and issubclass(cls, bpy.types.Panel)
                and cls.__module__ == module.__name__
            ):
                cls.draw = drawing(timed("panel_draw_longest", cls.draw))


def drawing(function: Callable) -> Callable:
    """With the arguments that Blender counts."""

    def draw(self, context):
        function(self, context)

    return draw


def sidebar() -> bpy.types.Region:
    area = max(
        (a for a in bpy.context.window_manager.windows[0].screen.areas if a.type == "VIEW_3D"),
        key=lambda a: a.width * a.height,
    )
    area.spaces.active.show_region_ui = True
    return next(region for region in area.regions if region.type == "UI")


def press(operator: Callable) -> None:
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        timed("button_longest", operator)()


def story() -> Generator[float, None, None]:
    region = sidebar()
    while region.active_panel_category == "UNSUPPORTED":  # until it is drawn
        yield 0.3
    region.active_panel_category = "Liquid Motion"
    yield 0.5
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    demo = repo / "neural" / "data" / "demo"
    bpy.ops.liquid_motion.source_add(filepath=str(demo / "source.jpg"))
    bpy.context.scene.liquid_motion.work.driving.path = str(demo / "driving.mp4")
    yield 1.0
    tasks._tick = timed("timer_tick_longest", tasks._tick)
    press(bpy.ops.liquid_motion.fit)
    began = time.monotonic()
    while tasks.running()[0].fraction < 0.1:
        sidebar().tag_redraw()
        yield 0.15
    longest["worker_starts_and_works_s"] = time.monotonic() - began
    began = time.monotonic()
    task = tasks.running()[0]
    press(bpy.ops.liquid_motion.cancel)
    while not task.ended:
        yield 0.01
    longest["cancel_s"] = time.monotonic() - began
    tasks._take_over = timed("scene_of_96_frames", tasks._take_over)
    press(bpy.ops.liquid_motion.do_it_all)
    task = tasks.running()[0]
    ticks: dict[str, float] = {}
    while not task.ended:
        if task._outcome is None:
            ticks = {name: value for name, value in longest.items() if name.startswith("timer_tick")}
        sidebar().tag_redraw()
        yield 0.15
    assert task.state == tasks.DONE, task.message
    longest.update(ticks)  # the tick that builds the scene has its own line
    yield from build()


def build() -> Generator[float, None, None]:
    """The scene of a longer motion, by the function that the buttons call."""
    scene = bpy.context.scene
    subject = Path(bpy.path.abspath(scene.liquid_motion.work.subject))
    source = next(folder.rglob("motions/driving_source.npz"))
    with np.load(source) as motion:
        arrays = {name: motion[name] for name in motion.files}
    count = len(arrays["poses"])
    rows = np.arange(FRAMES) % count
    repeated = {k: a[rows] if a.ndim and len(a) == count else a for k, a in arrays.items()}
    np.savez(folder / "long.npz", **repeated)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        timed(f"scene_of_{FRAMES}_frames", results.show_person)(scene, folder / "long.npz", subject, "source")
    yield 0.5


def play(story: Generator[float, None, None]) -> None:
    def tick() -> float | None:
        try:
            return next(story)
        except StopIteration:
            report.write_text(json.dumps(longest))
            bpy.ops.wm.quit_blender()
        except Exception:
            traceback.print_exc()
            os._exit(4)
        return None

    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


bpy.context.preferences.view.show_splash = False
blender_addon.register()
measure_panels()
play(story())
