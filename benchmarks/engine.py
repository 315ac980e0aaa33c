"""What the render engine adds to the renderer: ``python benchmarks/engine.py [--blender "blender"]``.

An animation is rendered as a farm would, ``blender -b scene.blend -E LIQUID_MOTION -a``, or with pip's bpy where no
program is named. A frame's time runs from one written file to the next: Blender's evaluation of the scene, the way to
the worker and back, colour, and the PNG on disk. What the renderer itself took, in the worker's process and of the
same frame, is taken off; the rest is the overhead. The first frame, which loads everything, is told apart. Part of
the overhead is Blender's own: what it takes when an engine only hands over a picture that is there already is measured
too (``blender_alone``). On a machine that is busy with other things processor times say more than the clock.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from render_speed import demo, square

from neural.scene import build_scene_file
from neural.subject import Subject, load_subject
from neural.transfer import plan_transfer
from smpl_fitting.body import load_body
from smpl_fitting.motion import Motion

REPO = Path(__file__).resolve().parents[1]
DRIVER = f"""
import array, json, os, sys, time
import bpy
sys.path.insert(0, {str(REPO)!r})
import blender_addon
from blender_addon import jobs
blender_addon.register()
arguments = json.loads(os.environ['LIQUID_MOTION_BENCHMARK'])
run, written, rendered, waited, busy = jobs.Worker.run, [], [], [], []
def timed(self, job, params, **more):
    start = time.perf_counter()
    answer = run(self, job, params, **more)
    if job == 'render_frame':
        rendered.append(answer['render_s'])
        waited.append(time.perf_counter() - start)
    return answer
jobs.Worker.run = timed
def note(*_):
    written.append(time.perf_counter())
    busy.append(time.process_time())
    if len(written) == arguments['frames']:
        with open(arguments['out'], 'w') as file:
            json.dump(dict(written=written, rendered=rendered, waited=waited, busy=busy), file)
class Alone(bpy.types.RenderEngine):
    bl_idname, bl_label = 'LIQUID_MOTION_ALONE', 'Alone'
    picture = None
    def render(self, depsgraph):
        if Alone.picture is None:
            image = bpy.data.images.load(arguments['picture'])
            Alone.picture = array.array('f', image.pixels)
        width, height = depsgraph.scene.render.resolution_x, depsgraph.scene.render.resolution_y
        result = self.begin_result(0, 0, width, height, layer=depsgraph.view_layer.name)
        result.layers[0].passes['Combined'].rect.foreach_set(Alone.picture)
        self.end_result(result)
bpy.utils.register_class(Alone)
arguments['frames'] += 1
if not bpy.app.binary_path:
    bpy.ops.wm.open_mainfile(filepath=arguments['scene'])
bpy.app.handlers.render_init.append(lambda *_: written or written.append(time.perf_counter()))
bpy.app.handlers.render_write.append(note)
if not bpy.app.binary_path:
    bpy.context.scene.render.engine = arguments['engine']
    bpy.context.scene.render.filepath = arguments['pictures']
    bpy.ops.render.render(animation=True)
    blender_addon.unregister()
    os._exit(0)  # pip's bpy may hang at the interpreter's exit
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", help="the program, may hold options; default: pip's bpy")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--size", type=int, default=512, help="of the square pictures, pixels")
    parser.add_argument("--renderer", default="warp")
    parser.add_argument("--background", default="transparent", help="transparent, plate, or #rrggbb")
    parser.add_argument("--subject", type=Path, help="a subject folder instead of the demo's; needs --motion")
    parser.add_argument("--motion", type=Path, help="a motion file with cameras")
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "liquid-motion-benchmarks"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    body = load_body("open")
    if options.subject:
        subject, motion = load_subject(options.subject), Motion.load(options.motion)
    else:
        subject, motion = demo(1, body, options.cache)
    with tempfile.TemporaryDirectory() as folder:
        scene = make_scene(Path(folder), subject, motion, options)
        times = measure(Path(folder), scene, "LIQUID_MOTION", options)
        alone = measure(Path(folder), scene, "LIQUID_MOTION_ALONE", options)
    figures = summarise(times, alone, f"engine_{options.renderer}_{options.size}px")
    for name, value in figures.items():
        print(f"{name:48}{value:10.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def make_scene(folder: Path, subject: Subject, motion: Motion, options: argparse.Namespace) -> Path:
    """A .blend of so many frames, the person filling the square picture."""
    body = load_body("open")
    moved = motion.select(np.arange(options.frames) % motion.frame_count)
    moved, plan = plan_transfer(subject, moved, body, "follow")
    plan = square(plan, options.size)
    cameras = {f"camera_{n}": np.stack([getattr(c, n).numpy() for c in plan.cameras]) for n in "KRt"}
    dataclasses.replace(moved, image_size=plan.image_size, **cameras).save(folder / "motion.npz")
    scene = folder / "scene.blend"
    plate = subject.path / "background.png" if options.background == "plate" else None
    build_scene_file(
        [sys.executable, "-m", "blender_addon"],
        scene,
        motion=folder / "motion.npz",
        subject=subject.path,
        background=options.background,
        plate=plate,
    )
    return scene


def measure(folder: Path, scene: Path, engine: str, options: argparse.Namespace) -> dict[str, np.ndarray]:
    """When each frame was written, and how long the renderer and the way to it took, seconds."""
    driver, out, pictures = folder / "driver.py", folder / f"{engine}.json", folder / engine / "####"
    driver.write_text(DRIVER)
    arguments = {
        "frames": options.frames,
        "out": str(out),
        "scene": str(scene),
        "pictures": str(pictures),
        "engine": engine,
        "picture": str(folder / "LIQUID_MOTION" / "0001.png"),
    }
    environment = os.environ | {
        "LIQUID_MOTION_BENCHMARK": json.dumps(arguments),
        "LIQUID_MOTION_PYTHON": os.environ.get("LIQUID_MOTION_PYTHON", sys.executable),
    }
    if options.blender:
        command = [*shlex.split(options.blender), "-b", scene, "-P", driver, "-E", engine]
        command += ["-o", pictures, "-s", "1", "-e", str(options.frames), "-a"]
    else:
        command = [sys.executable, driver]
    done = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True)
    if done.returncode or not out.is_file():
        sys.exit(f"Blender failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return {name: np.array(values) for name, values in json.loads(out.read_text()).items()}


def summarise(times: dict[str, np.ndarray], alone: dict[str, np.ndarray], name: str) -> dict[str, float]:
    """Milliseconds a frame, the first one apart."""
    frame = np.diff(times["written"])
    overhead, way = (frame - times["rendered"])[1:], (times["waited"] - times["rendered"])[1:]
    figures = {
        "first_frame": frame[0],
        "frame": frame[1:].mean(),
        "renderer": times["rendered"][1:].mean(),
        "overhead": overhead.mean(),
        "overhead_median": np.median(overhead),
        "overhead_way_to_the_worker": np.median(way),
        "blender_processor": np.diff(times["busy"])[1:].mean(),
        "blender_alone": np.diff(alone["written"])[1:].mean(),
        "blender_alone_processor": np.diff(alone["busy"])[1:].mean(),
    }
    return {f"{name}_{what}_ms": 1e3 * float(value) for what, value in figures.items()}


if __name__ == "__main__":
    main()
