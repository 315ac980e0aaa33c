"""What a frame is drawn from, as plain numbers: everything that needs Blender is read here, at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from ..errors import AddonError
from ..scene.camera import View
from ..scene.lamps import Lamps, lamps_at
from ..scene.paths import absolute_path


@dataclass(frozen=True)
class Person:
    """One visible body: who it is over time, the subject's folder, its vertices (V, 3) float32 in the world, and the
    scene's light on it, None where the photo's counts."""

    key: tuple
    subject: str
    vertices: np.ndarray
    lamps: Lamps | None = None


@dataclass(frozen=True)
class Snapshot:
    """The people and the view at one moment."""

    people: tuple[Person, ...]
    view: View


def people_of(depsgraph: bpy.types.Depsgraph) -> tuple[Person, ...]:
    """The visible people, in the depsgraph's order. Nobody where those of the scene are hidden at the moment.

    Raises:
        AddonError: the scene has nobody at all, a subject's folder is missing, or a mesh has other vertices.
    """
    people = tuple(_visible(depsgraph))
    if not people and not any(object.liquid_motion.subject for object in depsgraph.scene.objects):
        raise AddonError(
            "no mesh of the scene has a subject; set it under Liquid Motion > Person, or import a person"
        )
    if depsgraph.scene.liquid_motion.light == "scene":
        return tuple(
            replace(one, lamps=lamps_at(depsgraph, one.vertices.mean(0, dtype=float))) for one in people
        )
    return people


def _visible(depsgraph: bpy.types.Depsgraph) -> Iterator[Person]:
    for instance in depsgraph.object_instances:
        original = instance.object.original
        if instance.object.type != "MESH" or not instance.show_self or not original.liquid_motion.subject:
            continue
        subject = absolute_path(original, "liquid_motion.subject")
        if not (Path(subject) / "subject.json").is_file():
            raise AddonError(
                f"{original.name}: its subject {subject} is not there; choose the folder under Liquid Motion > Person"
            )
        key = (original.name, *instance.persistent_id) if instance.is_instance else (original.name,)
        yield Person(key, subject, world_vertices(instance))


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
    matrix = np.array(instance.matrix_world, np.float32)
    return local.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
