"""Draws a dressed person with Blender's Cycles; run as a process: ``python -m neural.training.cycles JOB``.

The job folder holds ``scene.json`` and ``arrays.npz`` as :mod:`neural.training.people_render` writes them.
Needs bpy and numpy alone. Prints ``frame N`` after each written picture.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

import bpy
import numpy as np

_OPENCV_TO_BLENDER = np.diag([1.0, -1.0, -1.0])


def main(folder: Path) -> None:
    job = json.loads((folder / "scene.json").read_text())
    with np.load(folder / "arrays.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    _settings(scene, job)
    if job["studio"] is not None:
        _studio(scene, job["studio"])
    meshes = [_part(scene, number, part, arrays) for number, part in enumerate(job["parts"])]
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    for frame in range(job["frame_count"]):
        for number, mesh in enumerate(meshes):
            mesh.vertices.foreach_set("co", arrays[f"vertices{number}"][frame].ravel())
            mesh.update()
        _aim(camera, arrays["K"][frame], arrays["R"][frame], arrays["t"][frame], job["image_size"])
        target = Path(job["out"]) / f"{frame:04d}.png"
        partial = target.with_name(f".{target.name}")  # a killed run leaves no half picture under its name
        scene.render.filepath = str(partial)
        bpy.ops.render.render(write_still=True)
        os.replace(partial, target)
        print(f"frame {frame}", flush=True)


def _settings(scene: bpy.types.Scene, job: dict) -> None:
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_y, render.resolution_x = job["image_size"]
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB" if job["studio"] is not None else "RGBA"
    render.film_transparent = job["studio"] is None
    render.use_persistent_data = True
    render.dither_intensity = 0.0
    scene.view_settings.view_transform = job["view_transform"]
    scene.cycles.device = "CPU"
    scene.cycles.samples = job["samples"]
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold, scene.cycles.adaptive_min_samples = 0.05, 4
    scene.cycles.seed = job["seed"]
    scene.cycles.max_bounces = 3
    scene.cycles.transparent_max_bounces = 24  # hair is many sheets deep
    scene.cycles.caustics_reflective = scene.cycles.caustics_refractive = False
    scene.cycles.use_denoising = _has_denoiser(scene)
    scene.cycles.denoising_prefilter = "FAST"  # a third of the time of ACCURATE
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.93, 0.96, 1.0, 1.0)
    background.inputs["Strength"].default_value = job["light"]["sky"]
    scene.world = world
    _key_light(scene, job["light"])


def _has_denoiser(scene: bpy.types.Scene) -> bool:
    """Builds without OpenImageDenoise (Debian's) refuse its name."""
    try:
        scene.cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:
        return False
    return True


def _key_light(scene: bpy.types.Scene, light: dict) -> None:
    azimuth, elevation = math.radians(light["key_azimuth"]), math.radians(light["key_elevation"])
    lamp = bpy.data.lights.new("key", "AREA")
    lamp.energy, lamp.size = light["key_watts"], light["key_size"]
    lamp.color = (1.0, 0.96, 0.9)
    thing = bpy.data.objects.new("key", lamp)
    reach = 3.5
    thing.location = (
        reach * math.cos(elevation) * math.sin(azimuth),
        -reach * math.cos(elevation) * math.cos(azimuth),
        1.0 + reach * math.sin(elevation),
    )
    # An area light shines along its -Z: tilt it down by the elevation, turned towards the person.
    thing.rotation_euler = (math.pi / 2 - elevation, 0.0, azimuth)
    scene.collection.objects.link(thing)


def _studio(scene: bpy.types.Scene, studio: dict) -> None:
    floor = _shader("floor", studio["floor"], 0.45)
    if studio["planks"]:
        _planks(floor, studio["floor"])
    wall = _shader("wall", studio["wall"], 0.9)
    _mottle(wall, studio["wall"])
    trim = _shader("trim", tuple(0.5 + 0.5 * c for c in studio["wall"]), 0.5)
    y = studio["wall_distance"]
    _box(scene, "floor", (-20, -20, -0.1), (20, y + 0.1, 0.0), floor)
    _box(scene, "wall", (-20, y, 0.0), (20, y + 0.2, 8.0), wall)
    _box(scene, "trim", (-20, y - 0.015, 0.0), (20, y, 0.11), trim)


def _box(scene, name: str, low: tuple, high: tuple, material: bpy.types.Material) -> None:
    corners = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new(name, mesh))


def _part(scene, number: int, part: dict, arrays: dict[str, np.ndarray]) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(part["name"])
    mesh.from_pydata(arrays[f"vertices{number}"][0].tolist(), [], arrays[f"faces{number}"].tolist())
    corners = arrays[f"uv{number}"][arrays[f"faces_uv{number}"]].astype(np.float32)
    mesh.uv_layers.new(name="uv").data.foreach_set("uv", corners.ravel())
    mesh.shade_smooth()
    material = _shader(part["name"], part["color"], part["roughness"])
    tree = material.node_tree
    surface = tree.nodes["Principled BSDF"]
    if part["subsurface"]:
        surface.inputs["Subsurface Weight"].default_value = part["subsurface"]
        surface.inputs["Subsurface Scale"].default_value = 0.01
    if f"texture{number}" in arrays:
        node = _image_node(tree, f"{part['name']} color", arrays[f"texture{number}"], "sRGB")
        tree.links.new(node.outputs["Color"], surface.inputs["Base Color"])
        if part["cutout"]:
            tree.links.new(node.outputs["Alpha"], surface.inputs["Alpha"])
    if f"normal{number}" in arrays:
        node = _image_node(tree, f"{part['name']} normal", arrays[f"normal{number}"], "Non-Color")
        bend = tree.nodes.new("ShaderNodeNormalMap")
        tree.links.new(node.outputs["Color"], bend.inputs["Color"])
        tree.links.new(bend.outputs["Normal"], surface.inputs["Normal"])
    mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new(part["name"], mesh))
    return mesh


def _shader(name: str, color: tuple, roughness: float) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    surface = material.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (*_linear(color), 1.0)
    surface.inputs["Roughness"].default_value = roughness
    return material


def _image_node(tree, name: str, pixels: np.ndarray, colorspace: str) -> bpy.types.Node:
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=True)
    image.colorspace_settings.name = colorspace
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., : pixels.shape[2]] = pixels[::-1] / np.float32(255)
    image.alpha_mode = "CHANNEL_PACKED"
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    return node


def _planks(material: bpy.types.Material, color: tuple) -> None:
    """Boards of the floor's colour, lighter and darker in turn."""
    tree = material.node_tree
    place = tree.nodes.new("ShaderNodeNewGeometry")
    bricks = tree.nodes.new("ShaderNodeTexBrick")
    bricks.inputs["Scale"].default_value = 1.0
    bricks.inputs["Brick Width"].default_value, bricks.inputs["Row Height"].default_value = 1.6, 0.16
    bricks.inputs["Mortar Size"].default_value = 0.003
    base = _linear(color)
    for socket, gain in (("Color1", 0.8), ("Color2", 1.1), ("Mortar", 0.35)):
        bricks.inputs[socket].default_value = (*(min(c * gain, 1.0) for c in base), 1.0)
    tree.links.new(place.outputs["Position"], bricks.inputs["Vector"])
    tree.links.new(bricks.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])


def _mottle(material: bpy.types.Material, color: tuple) -> None:
    """Plaster: slow changes of brightness, so that the wall is not one flat colour."""
    tree = material.node_tree
    place = tree.nodes.new("ShaderNodeNewGeometry")
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 1.3, 6.0
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    base = _linear(color)
    for element, gain in zip(ramp.color_ramp.elements, (0.82, 1.1), strict=True):
        element.color = (*(min(c * gain, 1.0) for c in base), 1.0)
    ramp.color_ramp.elements[0].position, ramp.color_ramp.elements[1].position = 0.3, 0.7
    tree.links.new(place.outputs["Position"], noise.inputs["Vector"])
    tree.links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])


def _aim(camera, K: np.ndarray, R: np.ndarray, t: np.ndarray, image_size: list[int]) -> None:
    height, width = image_size
    lens = camera.data
    lens.sensor_fit, lens.sensor_width = "HORIZONTAL", 36.0
    lens.lens = float(K[0, 0]) * 36.0 / width
    lens.shift_x = (width / 2 - float(K[0, 2])) / width
    lens.shift_y = (float(K[1, 2]) - height / 2) / width
    lens.clip_start = 0.05
    matrix = np.eye(4)
    matrix[:3, :3] = R.T @ _OPENCV_TO_BLENDER
    matrix[:3, 3] = -R.T @ t
    camera.matrix_world = matrix.T.tolist()  # Blender reads nested lists column by column


def _linear(color: tuple) -> tuple[float, ...]:
    """sRGB to scene-linear (IEC 61966-2-1)."""
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
