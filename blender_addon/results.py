"""What the worker made, put into the scene: the fitted body over its footage, the person, and where to look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from mathutils import Vector

from .engine import LiquidMotionEngine
from .project import stored_path
from .retarget.apply import Job, retarget
from .retarget.source import armature_clip
from .scene.build import BuiltScene, SceneSpec, build_scene, make_paths_relative

BACKGROUND_OF = {"source": "plate", "driving": "driving", "none": "transparent"}
"""What is put behind the person, by what the cameras of job ``adapt`` fit."""


def show_people(footage: Any, picture: Path, found: int) -> None:
    """Keep who was found in a photo or clip."""
    footage.searched = str(Path(bpy.path.abspath(footage.path)))
    footage.people, footage.people_picture = found, stored_path(picture)
    footage.property_unset("person")


def show_fit(scene: bpy.types.Scene, motion: Path, body: Path) -> BuiltScene:
    """Put the fitted body into the scene, over the driving clip where there is one; an earlier one is hidden.

    Raises:
        AddonError: a file is missing or broken.
    """
    work = scene.liquid_motion.work
    spec = SceneSpec(motion, body, footage=_clip(work), name="Fitted Body")
    built = _build(scene, spec)
    _hide(work.stand_in)
    work.motion, work.stand_in = stored_path(motion), built.rig
    return built


def show_person(scene: bpy.types.Scene, motion: Path, subject: Path, cameras: str) -> BuiltScene:
    """Put the person into the scene, ready to be rendered; the fitted body and an earlier person are hidden.

    Args:
        cameras: what the motion's cameras fit: ``source``, ``driving`` or ``none``.

    Raises:
        AddonError: a file is missing or broken.
    """
    work = scene.liquid_motion.work
    background = BACKGROUND_OF[cameras]
    footage = _clip(work) if cameras == "driving" else None
    spec = SceneSpec(motion, subject / "body.npz", subject=subject, footage=footage, background=background)
    built = _build(scene, spec)
    for earlier in (work.stand_in, work.person):
        _hide(earlier)
    work.subject, work.person = stored_path(subject), built.rig
    scene.render.engine = LiquidMotionEngine.bl_idname
    if scene.camera is None:
        scene.camera = _camera_before(scene, built)
    return built


def drive_by_armature(scene: bpy.types.Scene, rig: bpy.types.Object, armature: bpy.types.Object) -> None:
    """Put the movement of an armature of the scene on a person's rig, over the armature's frames.

    Raises:
        AddonError: the armature has no action, or is not the build of a body.
    """
    clip = armature_clip(armature)
    first, last = (int(frame) for frame in armature.animation_data.action.frame_range)
    retarget([Job(rig, clip)], frame_start=first)
    scene.frame_start, scene.frame_end = first, last
    scene.frame_set(first)


def _build(scene: bpy.types.Scene, spec: SceneSpec) -> BuiltScene:
    built = build_scene(scene, spec)
    _start_clip(scene, built)
    if bpy.data.filepath:
        make_paths_relative(scene, built, Path(bpy.data.filepath).parent)
    select_only(built.rig)
    _look_through_camera(scene)
    return built


def _clip(work: Any) -> Path | None:
    """The driving clip, where the motion is that of one."""
    if work.driving_kind != "CLIP" or not work.driving.path:
        return None
    return Path(bpy.path.abspath(work.driving.path))


def _start_clip(scene: bpy.types.Scene, built: BuiltScene) -> None:
    """Where a part of the clip was fitted, that part is what stands behind the camera."""
    work = scene.liquid_motion.work
    skipped = work.first_frame - 1 if work.use_range and work.driving_kind == "CLIP" else 0
    if not skipped or built.camera is None:
        return
    scene.liquid_motion.footage_start -= skipped
    for background in built.camera.data.background_images:
        if background.image is not None and background.image.source == "MOVIE":
            background.image_user.frame_start -= skipped
            background.image_user.frame_duration += skipped


def select_only(rig: bpy.types.Object) -> None:
    """Make the rig the one that is selected."""
    for other in bpy.context.view_layer.objects.selected:
        other.select_set(False)
    rig.select_set(True)
    bpy.context.view_layer.objects.active = rig


def _hide(rig: bpy.types.Object | None) -> None:
    """Hide a rig and its body, and keep them: the artist may have worked on them."""
    if rig is None or rig.name not in bpy.context.view_layer.objects:
        return
    for one in (rig, *rig.children):
        one.hide_set(True)
        one.hide_render = True


def _look_through_camera(scene: bpy.types.Scene) -> None:
    """Show the scene's camera and the person's texture in the 3D viewports that show this scene."""
    for window in bpy.context.window_manager.windows:
        if window.scene != scene or scene.camera is None:
            continue
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                space = area.spaces.active
                space.region_3d.view_perspective = "CAMERA"
                space.shading.color_type = "TEXTURE"


def _camera_before(scene: bpy.types.Scene, built: BuiltScene) -> bpy.types.Object:
    """A camera in front of a person whose motion brought none, far enough to see all of the body."""
    data = bpy.data.cameras.new("Camera")
    camera = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(camera)
    bpy.context.view_layer.update()
    hips = built.rig.matrix_world @ built.rig.pose.bones[0].head
    camera.location = hips + Vector((0.0, -5.0, 0.2))
    camera.rotation_euler = (1.53, 0.0, 0.0)
    return camera
