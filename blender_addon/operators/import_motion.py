"""Import a fitted motion and its body into the current scene."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..errors import AddonError
from ..scene.build import SceneSpec, build_scene, make_paths_relative


class LIQUID_MOTION_OT_import_motion(bpy.types.Operator):
    """Add the person of a subject folder, moved by a motion file, with the matched camera"""

    bl_idname = "liquid_motion.import_motion"
    bl_label = "Import Motion"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(name="Motion", description="Motion file (.npz)", subtype="FILE_PATH")
    filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})
    subject: bpy.props.StringProperty(
        name="Subject",
        description="Folder with the look of the person. Empty: the body is imported without a look",
        subtype="DIR_PATH",
    )
    body: bpy.props.StringProperty(
        name="Body", description="Body file (body.npz). Empty: the subject's", subtype="FILE_PATH"
    )
    footage: bpy.props.StringProperty(
        name="Footage", description="Driving clip to see behind the camera", subtype="FILE_PATH"
    )
    frame_start: bpy.props.IntProperty(name="First Frame", description="Frame of the first pose", default=1)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Bones are added in Object Mode: leave the current mode first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        subject, body, footage = (
            Path(bpy.path.abspath(text)) if text else None for text in (self.subject, self.body, self.footage)
        )
        if body is None:
            if subject is None:
                self.report({"ERROR"}, "Choose the subject's folder or a body file")
                return {"CANCELLED"}
            body = subject / "body.npz"
        spec = SceneSpec(
            motion=Path(bpy.path.abspath(self.filepath)),
            body=body,
            subject=subject,
            footage=footage,
            frame_start=self.frame_start,
        )
        try:
            built = build_scene(context.scene, spec)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.data.filepath:
            make_paths_relative(context.scene, built, Path(bpy.data.filepath).parent)
        for warning in built.warnings:
            self.report({"WARNING"}, warning)
        for selected in context.selected_objects:
            selected.select_set(False)
        built.rig.select_set(True)
        context.view_layer.objects.active = built.rig
        self.report(
            {"INFO"}, f"Imported {self.frame_count(context)} frames; Standard view transform, no dither"
        )
        return {"FINISHED"}

    @staticmethod
    def frame_count(context: bpy.types.Context) -> int:
        return context.scene.frame_end - context.scene.frame_start + 1


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_OT_import_motion)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_OT_import_motion)
