"""A scene whose engine talks to a worker that answers with a picture we know."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import small_person

REPO = Path(__file__).parents[2]
HEIGHT, WIDTH = 80, 48


class Studio:
    def __init__(self, folder, person):
        self.folder, self.person = folder, person
        motion = person["motion_arrays"] | {"image_size": np.array([HEIGHT, WIDTH])}
        motion["camera_K"] = motion["camera_K"] * [[0.1], [0.1], [1]]
        self.motion = motion
        small_person.write(person["motion"], motion)
        self.subject = folder / "project" / "subject"
        self.subject.mkdir(parents=True)
        (self.subject / "subject.json").write_text("{}")
        shutil.copy(person["body"], self.subject / "body.npz")
        python = folder / "worker_python"
        script = Path(__file__).with_name("picture_worker.py")
        python.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{script}' '{folder}' \"$@\"\n")
        python.chmod(0o755)
        self.environment = os.environ | {"LIQUID_MOTION_PYTHON": str(python), "PYTHONPATH": str(REPO)}

    def show(self, rgba, depth=None, provenance=None):
        depth = np.full(rgba.shape[:2], 5.0) if depth is None else depth
        provenance = np.ones(rgba.shape[:2]) if provenance is None else provenance
        np.savez(
            self.folder / "picture.npz",
            rgba=rgba.astype(np.float32),
            depth=depth.astype(np.float32),
            provenance=provenance.astype(np.uint8),
        )

    def run(self, *words, code=0):
        command = [sys.executable, *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def build(self, *words):
        self.blend = self.folder / "project" / "scene.blend"
        files = ["--motion", self.person["motion"], "--subject", self.subject, "--out", self.blend]
        return self.run("-m", "blender_addon", "build-scene", *map(str, files), *map(str, words))

    def render(self, *words, out="####.png", code=0):
        pattern = self.folder / "frames" / out
        start = ["--blend", self.blend, "--engine", "LIQUID_MOTION", "--out", pattern]
        return self.run("-m", "blender_addon", "render", *map(str, start), *words, code=code)

    def script(self, source):
        """Run Python with the extension registered and the scene open; returns what it prints as JSON."""
        head = f"""
import json, sys
import bpy, numpy as np, blender_addon
blender_addon.register()
bpy.ops.wm.open_mainfile(filepath={str(self.blend)!r})
scene = bpy.context.scene
scene.render.engine = 'LIQUID_MOTION'
"""
        tail = "\nscene.render.engine = 'CYCLES'\nblender_addon.unregister()\n"
        path = self.folder / "script.py"
        path.write_text(head + source + tail)
        said = self.run(str(path)).splitlines()
        return json.loads(next(line for line in said if line.startswith("JSON"))[4:])

    def requests(self):
        return [json.loads(line) for line in (self.folder / "requests.jsonl").read_text().splitlines()]

    def frame(self, number):
        return pixels(self.folder / "frames" / f"{number:04d}.png")


def pixels(path):
    """Bytes (H, W, 4) of an 8-bit PNG, top row first, as they are in the file."""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    values = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(values)
    width, height = image.size
    bpy.data.images.remove(image)
    return np.round(values.reshape(height, width, 4)[::-1] * 255).astype(np.uint8)


def known_picture(alpha=None):
    """Every byte value in every channel, at places that tell up from down and left from right."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (HEIGHT, WIDTH, 3))
    colours[:8, :32] = np.arange(256).reshape(8, 32, 1)
    alpha = np.full((HEIGHT, WIDTH, 1), 255) if alpha is None else alpha
    return np.concatenate([colours, alpha], -1).astype(np.uint8)
