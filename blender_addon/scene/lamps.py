"""The scene's lamps and world as they light a matt surface at one place, in the units of its colour.

A white matt surface under a strength of 1 is as bright as its colour says: radiance 1 in Blender's units, which is
what Cycles gives it (tests hold these formulas against it). Nothing casts a shadow, and lamps' own nodes, an area's
spread and light linking are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..colour import srgb_to_linear
from ..errors import AddonError

_FAINTEST = 1e-4
_means: dict[tuple, np.ndarray] = {}


@dataclass(frozen=True)
class Lamps:
    """Scene-linear RGB.

    Attributes:
        ambient: (3,) from all sides alike: the world.
        directions: (M, 3) unit vectors of the world towards each lamp. intensities: (M, 3), on a surface that faces it.
    """

    ambient: np.ndarray
    directions: np.ndarray
    intensities: np.ndarray


def lamps_at(depsgraph: bpy.types.Depsgraph, point: np.ndarray) -> Lamps:
    """What the visible lamps and the world bring to a point (3,) of the scene."""
    directions, intensities = [], []
    for instance in depsgraph.object_instances:
        if _shines(instance):
            direction, strength = _lamp(instance.object.data, np.array(instance.matrix_world), point)
            if strength.max() > _FAINTEST:
                directions.append(direction)
                intensities.append(strength)
    return Lamps(
        world_colour(depsgraph.scene.world),
        np.array(directions, np.float32).reshape(-1, 3),
        np.array(intensities, np.float32).reshape(-1, 3),
    )


def _shines(instance: bpy.types.DepsgraphObjectInstance) -> bool:
    thing = instance.object
    if thing.type != "LIGHT" or not instance.show_self or not thing.visible_diffuse:
        return False
    return not getattr(getattr(thing.data, "cycles", None), "is_portal", False)


def world_colour(world: bpy.types.World | None) -> np.ndarray:
    """(3,) mean radiance of the world: its plain colour, or the mean of its picture.

    Raises:
        AddonError: its nodes make the colour by something else.
    """
    if world is None:
        return np.zeros(3, np.float32)
    if world.node_tree is None or not (bpy.app.version >= (5, 0, 0) or world.use_nodes):
        return np.array(world.color, np.float32)
    background = _background(world)
    if background is None:
        return np.zeros(3, np.float32)
    if background.type == "BACKGROUND" and not background.inputs["Strength"].is_linked:
        strength = np.float32(background.inputs["Strength"].default_value)
        colour = background.inputs["Color"]
        if not colour.is_linked:
            return np.array(colour.default_value[:3], np.float32) * strength
        image = getattr(colour.links[0].from_node, "image", None)
        if image is not None and image.size[0] and image.channels >= 3:
            return _mean_colour(image) * strength
    raise AddonError(
        f"the nodes of the world {world.name!r} are not read; light the person by a Background with a plain colour or "
        "an environment picture, or choose Light: Photo's"
    )


def _background(world: bpy.types.World) -> bpy.types.Node | None:
    """The node at the world's surface, None where nothing is."""
    outputs = [node for node in world.node_tree.nodes if node.type == "OUTPUT_WORLD"]
    output = next((node for node in outputs if node.is_active_output), None)
    links = output.inputs["Surface"].links if output is not None else ()
    return links[0].from_node if links else None


def _mean_colour(image: bpy.types.Image) -> np.ndarray:
    """(3,) of an equirectangular picture around the scene, scene-linear; near the poles pixels are smaller."""
    width, height = image.size
    space = image.colorspace_settings.name
    key = (bpy.data.filepath, image.name_full, image.filepath, width, height, space)
    mean = _means.get(key)
    if mean is None:
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        pixels = np.nan_to_num(pixels, posinf=0.0, neginf=0.0).reshape(height, width, image.channels)[..., :3]
        if not image.is_float and space == "sRGB":  # pixels of bytes are in the file's own space
            pixels = srgb_to_linear(pixels)
        rows = np.sin((np.arange(height) + 0.5) / height * np.pi)
        mean = np.average(pixels.mean(1), axis=0, weights=rows).astype(np.float32)
        _means.clear()  # one picture at a time, which is read once and not for every frame
        _means[key] = mean
    return mean


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
