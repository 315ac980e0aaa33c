"""The whole scene of one person: body, action, camera, footage, and settings that show pictures unchanged."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ..errors import AddonError
from .action import animate_body, animate_correctives
from .body import BodyObjects, add_body
from .camera import add_camera
from .files import BodyData, MotionData, read_body, read_motion
from .footage import add_background
from .material import add_texture_material
from .paths import relative_to
from .person import store_shape
from .versions import VERSION

_MAX_FPS = 32767  # of RenderSettings.fps


@dataclass(frozen=True)
class SceneSpec:
    """What a scene is made of. Paths; only ``motion`` and ``body`` are needed."""

    motion: Path
    body: Path
    texture: Path | None = None  # default: the subject's texture.png, where there is a subject
    footage: Path | None = None  # the driving clip, picture sequence or picture
    subject: Path | None = None  # folder that the render engine draws the person from
    plate: Path | None = None  # default: the subject's background.png, where there is one
    background: str = "transparent"  # of properties.BACKGROUNDS
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)  # scene-linear
    name: str = "Person"
    frame_start: int = 1


@dataclass(frozen=True)
class BuiltScene:
    """What was added. ``camera`` is None where the motion has none."""

    rig: bpy.types.Object
    mesh: bpy.types.Object
    camera: bpy.types.Object | None
    warnings: tuple[str, ...] = field(default=())


def build_scene(scene: bpy.types.Scene, spec: SceneSpec) -> BuiltScene:
    """Add the person to ``scene``, the active one, and set it up: camera, frame range, rate, colour, footage.

    Everything that can fail on a file is read before anything is added.

    Raises:
        AddonError: a file is missing or broken, or the motion is not for this body.
    """
    motion, body = read_motion(spec.motion), read_body(spec.body)
    texture, plate = _paths(spec)
    if spec.background == "plate" and plate is None:
        raise AddonError("background 'plate' needs a plate; give one, or a subject that has background.png")
    if spec.background == "driving" and spec.footage is None:
        raise AddonError("background 'driving' needs the driving footage; give it")
    person = add_person(scene, motion, body, name=spec.name, frame_start=spec.frame_start)
    if texture is not None:
        add_texture_material(person.mesh, texture)
    if spec.subject is not None:
        person.mesh.liquid_motion.subject = str(spec.subject.resolve())
    person.mesh.liquid_motion.motion = str(spec.motion.resolve())
    person.mesh.liquid_motion.version = VERSION
    set_timing(scene, motion, spec.frame_start)
    set_colour_management(scene)
    set_light(scene)
    camera, warnings = None, list[str]()
    if motion.cameras is not None:
        shot = motion.cameras
        camera = add_camera(scene, shot.K, shot.R, shot.t, shot.image_size, frame_start=spec.frame_start)
        warnings = _show_footage(camera, spec, plate, motion.frame_count)
    _set_background(scene, spec, plate)
    return BuiltScene(person.rig, person.mesh, camera, tuple(warnings))


def add_person(
    scene: bpy.types.Scene, motion: MotionData, body: BodyData, *, name: str = "Person", frame_start: int = 1
) -> BodyObjects:
    """Add the rig and mesh of ``body``, moved by ``motion``.

    Raises:
        AddonError: the motion has another number of joints than the body.
    """
    joints = len(body.joint_names)
    if motion.poses.shape[1] != joints * 3:
        raise AddonError(
            f"the motion has {motion.poses.shape[1] // 3} joints ({motion.model or 'unknown model'}) and the body "
            f"{joints} ({body.name}); use a motion fitted with this body"
        )
    person = add_body(scene, body, name=name)
    store_shape(person.rig, body)
    animate_body(person.rig, body, motion, frame_start=frame_start)
    if body.posedirs.shape[2]:
        animate_correctives(person.mesh.data, motion, frame_start=frame_start)
    return person


def set_timing(scene: bpy.types.Scene, motion: MotionData, frame_start: int = 1) -> None:
    """Frame range and rate of the motion; 29.97 becomes 30 over a base of 1.001."""
    scene.frame_start = frame_start
    scene.frame_end = frame_start + motion.frame_count - 1
    whole = int(np.clip(round(motion.fps), 1, _MAX_FPS))
    scene.render.fps = whole
    scene.render.fps_base = whole / motion.fps
    scene.frame_set(frame_start)


def set_colour_management(scene: bpy.types.Scene) -> None:
    """Show pictures as they are: AgX would recolour them, dither alone changes a sixth of the bytes."""
    scene.display_settings.display_device = "sRGB"
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    scene.view_settings.exposure = 0.0
    scene.view_settings.gamma = 1.0
    scene.render.dither_intensity = 0.0


def set_light(scene: bpy.types.Scene) -> None:
    """A uniform white world where the scene has none: a diffuse body shows its texture as photographed."""
    if scene.world is not None:
        return
    world = bpy.data.worlds.new("Liquid Motion World")
    if world.node_tree is None:  # before 5.0 a world starts without nodes
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    background.inputs["Strength"].default_value = 1.0
    scene.world = world


def make_paths_relative(scene: bpy.types.Scene, built: BuiltScene, folder: Path) -> None:
    """Rewrite our own paths (subject, motion, plate, footage) as ``//`` paths of a file that is saved in ``folder``.

    Blender does so for its images when it saves, and knows nothing of ours.
    """
    settings = (
        (built.mesh.liquid_motion, "subject"),
        (built.mesh.liquid_motion, "motion"),
        (scene.liquid_motion, "plate"),
        (scene.liquid_motion, "footage"),
    )
    for owner, name in settings:
        path = getattr(owner, name)
        if path and not path.startswith("//"):
            setattr(owner, name, relative_to(path, str(folder.resolve())))


def _paths(spec: SceneSpec) -> tuple[Path | None, Path | None]:
    """Texture and plate, from the subject where they are not given."""
    texture, plate = spec.texture, spec.plate
    if spec.subject is not None:
        if not (spec.subject / "subject.json").is_file():
            raise AddonError(f"{spec.subject}: no subject there (subject.json is missing); make it first")
        inside = spec.subject / "texture.png"
        texture = texture or (inside if inside.is_file() else None)
        inside = spec.subject / "background.png"
        plate = plate or (inside if inside.is_file() else None)
    for path in (texture, plate, spec.footage):
        if path is not None and "#" not in path.name and not path.exists():
            raise AddonError(f"{path}: no such file; check the path")
    return texture, plate


def _show_footage(camera: bpy.types.Object, spec: SceneSpec, plate: Path | None, frames: int) -> list[str]:
    """Camera backgrounds: the one shown is what the engine puts behind the person, else the footage."""
    warnings = []
    shown = "plate" if spec.background == "plate" or spec.footage is None else "driving"
    for kind, path in (("plate", plate), ("driving", spec.footage)):
        if path is None:
            continue
        try:
            background = add_background(camera, path, frame_start=spec.frame_start, frame_count=frames)
        except AddonError as error:  # the person is worth having without a backdrop in the viewport
            warnings.append(f"not shown behind the camera: {error}")
            continue
        background.show_background_image = kind == shown
    return warnings


def _set_background(scene: bpy.types.Scene, spec: SceneSpec, plate: Path | None) -> None:
    settings = scene.liquid_motion
    settings.background = spec.background
    settings.colour = spec.colour
    settings.footage_start = spec.frame_start
    if plate is not None:
        settings.plate = str(plate.resolve())
    if spec.footage is not None:
        settings.footage = str(spec.footage.resolve())
    scene.render.film_transparent = True
