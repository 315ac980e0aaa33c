"""The scene's lamps and world as they light a matt surface at one place, in the units of its colour.

A white matt surface under a strength of 1 is as bright as its colour says: radiance 1 in Blender's units, which is
what Cycles gives it (tests hold these formulas against it). Nothing casts a shadow.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

_FAINTEST = 1e-4
_means: dict[tuple, np.ndarray] = {}


@dataclass(frozen=True)
class Lamps:
    """Scene-linear RGB.

    Attributes:
        even: (3,) from all sides alike: the world.
        towards: (M, 3) unit vectors of the world to each lamp. strengths: (M, 3), on a surface that faces it.
    """

    even: np.ndarray
    towards: np.ndarray
    strengths: np.ndarray


def lamps_at(depsgraph: bpy.types.Depsgraph, point: np.ndarray) -> Lamps:
    """What the visible lamps and the world bring to a point (3,) of the scene."""
    towards, strengths = [], []
    for instance in depsgraph.object_instances:
        if instance.object.type == "LIGHT" and instance.show_self:
            direction, strength = _lamp(instance.object.data, np.array(instance.matrix_world), point)
            if strength.max() > _FAINTEST:
                towards.append(direction)
                strengths.append(strength)
    return Lamps(
        world_colour(depsgraph.scene.world),
        np.array(towards, np.float32).reshape(-1, 3),
        np.array(strengths, np.float32).reshape(-1, 3),
    )


def world_colour(world: bpy.types.World | None) -> np.ndarray:
    """(3,) mean radiance of the world: its plain colour, or the mean of its picture."""
    if world is None:
        return np.zeros(3, np.float32)
    nodes = world.node_tree.nodes if world.node_tree is not None and _uses_nodes(world) else ()
    background = next((node for node in nodes if node.type == "BACKGROUND"), None)
    if background is None:
        return np.array(world.color, np.float32)
    colour = np.array(background.inputs["Color"].default_value[:3], np.float32)
    for link in background.inputs["Color"].links:
        image = getattr(link.from_node, "image", None)
        if image is not None and image.size[0] and image.channels >= 3:
            colour = _mean_colour(image)
    return colour * np.float32(background.inputs["Strength"].default_value)


def _mean_colour(image: bpy.types.Image) -> np.ndarray:
    """(3,) of an equirectangular picture around the scene, scene-linear; near the poles pixels are smaller."""
    width, height = image.size
    key = (image.name_full, image.filepath, width, height)
    if key not in _means:
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        rows = pixels.reshape(height, width, image.channels)[..., :3].mean(1)
        _means.clear()  # one picture at a time: it is read once, not for every frame
        _means[key] = np.average(rows, axis=0, weights=np.sin((np.arange(height) + 0.5) / height * np.pi))
    return _means[key]


def _uses_nodes(world: bpy.types.World) -> bool:
    return bpy.app.version >= (5, 0, 0) or world.use_nodes  # from 5.0 on all do


def _lamp(light: bpy.types.Light, matrix: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Direction (3,) towards a lamp and its strength (3,)."""
    colour = np.array(light.color, float) * light.energy * 2.0 ** getattr(light, "exposure", 0.0)
    if getattr(light, "use_temperature", False):
        colour = colour * np.array(light.temperature_color)
    axis = matrix[:3, 2] / max(np.linalg.norm(matrix[:3, 2]), 1e-9)  # lamps shine along -Z
    if light.type == "SUN":
        return axis, colour / np.pi
    way = matrix[:3, 3] - point
    distance = max(float(np.linalg.norm(way)), 1e-3)
    direction = way / distance
    facing = float(direction @ axis)
    if light.type == "AREA":
        wide, high = light.size, light.size_y if light.shape in ("RECTANGLE", "ELLIPSE") else light.size
        scale = np.linalg.norm(matrix[:3, :2], axis=0)
        area = wide * scale[0] * high * scale[1] * (np.pi / 4 if light.shape in ("DISK", "ELLIPSE") else 1.0)
        # as of a disk seen from its axis: near a large lamp the light does not grow without end
        return direction, colour * max(facing, 0.0) / (np.pi**2 * (distance**2 + area / np.pi))
    strength = colour / (4 * np.pi**2 * distance**2)
    if light.type == "SPOT":
        edge = np.cos(light.spot_size / 2)
        part = np.clip((facing - edge) / max((1 - edge) * light.spot_blend, 1e-6), 0.0, 1.0)
        strength = strength * part * part * (3 - 2 * part)
    return direction, strength
