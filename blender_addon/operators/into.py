"""Rendered frames into the scene: on a plane, in the sequencer, behind the camera; and the body's own texture."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..errors import AddonError
from ..scene.footage import add_background, resolve_footage
from ..scene.material import add_texture_material
from ..scene.paths import absolute_path
from ..scene.person import body_of, check_local, selected_rig
from ..scene.plane import add_frames_plane
from ..scene.sequencer import add_frames_strip


class FramesOperator:
    """What operators that take rendered frames share: a file dialog, and errors as reports."""

    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="Frames", description="One of the numbered frames, or a movie", subtype="FILE_PATH"
    )
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            said = self.take(context, frames_at(Path(bpy.path.abspath(self.filepath))))
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, said)
        return {"FINISHED"}


def frames_at(chosen: Path) -> Path:
    """All numbered pictures that the chosen one is of, as a pattern; a movie, folder or pattern as it is."""
    if chosen.suffix.lower() not in bpy.path.extensions_image or not chosen.stem[-1:].isdigit():
        return chosen
    digits = len(chosen.stem) - len(chosen.stem.rstrip("0123456789"))
    return chosen.with_name(f"{chosen.stem[:-digits]}{'#' * digits}{chosen.suffix}")


class LIQUID_MOTION_OT_frames_plane(FramesOperator, bpy.types.Operator):
    """Show rendered frames on a plane that faces the camera, where the person stands: other objects can be put in
    front of and behind it"""

    bl_idname = "liquid_motion.frames_plane"
    bl_label = "Frames on a Plane"

    hide_body: bpy.props.BoolProperty(
        name="Hide Body in Renders", description="The plane stands in for the body", default=True
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene.camera is None:
            cls.poll_message_set("The scene has no camera for the plane to face: add one")
            return False
        return True

    def take(self, context: bpy.types.Context, frames: Path) -> str:
        rig = selected_rig(context)
        plane = add_frames_plane(context.scene, frames, rig)
        body = body_of(rig)
        if self.hide_body and body is not None:
            body.hide_render = True
        where = f"where {rig.name} is" if rig else "at the focus distance: select the rig to follow it"
        return f"{plane.name} stands {where}"


class LIQUID_MOTION_OT_frames_strip(FramesOperator, bpy.types.Operator):
    """Add rendered frames to the video sequencer, at the frames they are of"""

    bl_idname = "liquid_motion.frames_strip"
    bl_label = "Frames in the Sequencer"

    def take(self, context: bpy.types.Context, frames: Path) -> str:
        strip = add_frames_strip(context.scene, frames)
        return f"Strip {strip.name} in channel {strip.channel}; renders of this scene now come from the sequencer"


class LIQUID_MOTION_OT_camera_background(FramesOperator, bpy.types.Operator):
    """Show footage or rendered frames in the viewport, behind or before what the scene's camera sees"""

    bl_idname = "liquid_motion.camera_background"
    bl_label = "Frames Behind the Camera View"

    depth: bpy.props.EnumProperty(
        name="Depth",
        items=(("BACK", "Back", "Behind the objects"), ("FRONT", "Front", "Before the objects")),
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene.camera is None:
            cls.poll_message_set("The scene has no camera to show them behind: add one")
            return False
        return True

    def take(self, context: bpy.types.Context, frames: Path) -> str:
        scene, camera = context.scene, context.scene.camera
        if camera.data.library is not None:
            raise AddonError(f"{camera.name}: is linked from another file; add the background there")
        numbered = resolve_footage(frames)
        start = numbered.first_number if numbered.source == "SEQUENCE" else scene.frame_start
        count = scene.frame_end - scene.frame_start + 1
        shown = add_background(camera, frames, frame_start=start, frame_count=count)
        shown.display_depth = self.depth
        return f"{numbered.path.name} is seen through {camera.name}"


class LIQUID_MOTION_OT_textured_body(bpy.types.Operator):
    """Dress the body in its subject's texture, for Cycles, EEVEE and export"""

    bl_idname = "liquid_motion.textured_body"
    bl_label = "Textured Body"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        body = body_of(selected_rig(context))
        if body is None or not body.liquid_motion.subject:
            cls.poll_message_set("Select a person whose body has a subject")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        body = body_of(selected_rig(context))
        try:
            check_local(body.data, "the body")
            texture = Path(absolute_path(body, "liquid_motion.subject")) / "texture.png"
            if not texture.is_file():
                raise AddonError(f"{texture}: no such picture; relink or make the subject again")
            look = add_texture_material(body, texture)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        body.data.materials.clear()
        body.data.materials.append(look)
        self.report({"INFO"}, f"{body.name} wears {texture.parent.name}; choose Cycles or EEVEE to see it")
        return {"FINISHED"}


_CLASSES = (
    LIQUID_MOTION_OT_frames_plane,
    LIQUID_MOTION_OT_frames_strip,
    LIQUID_MOTION_OT_camera_background,
    LIQUID_MOTION_OT_textured_body,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
