"""The animated, textured body for other programs."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..errors import AddonError
from ..scene.export import export_person
from ..scene.person import body_of, selected_rig

_FORMATS = (
    (".fbx", "FBX", "For Unreal, Unity, Maya, 3ds Max; the texture is inside"),
    (".glb", "glTF", "For the web and game engines; one binary file"),
    (".usdc", "USD", "For film pipelines; the texture is in a folder beside it"),
)


class LIQUID_MOTION_OT_export_person(bpy.types.Operator):
    """Write the selected person's rig, body, texture and motion over the scene's frames. Corrections and NLA layers
    are in it; the shape and clothes are the mesh itself"""

    bl_idname = "liquid_motion.export_person"
    bl_label = "Export Person"
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(name="File", subtype="FILE_PATH")
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    format: bpy.props.EnumProperty(name="Format", items=_FORMATS)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if body_of(selected_rig(context)) is None:
            cls.poll_message_set("Select the rig or the body of a person")
        elif context.mode not in ("OBJECT", "POSE"):
            cls.poll_message_set("Leave Edit Mode first")
        else:
            return True
        return False

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        self.filepath = str(folder / bpy.path.clean_name(body_of(selected_rig(context)).name)) + self.format
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """In the file dialog, the name follows the format."""
        named = str(Path(self.filepath).with_suffix(self.format))
        changed, self.filepath = named != self.filepath, named
        return changed

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "format")

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.filepath:
            self.report({"ERROR"}, "No file is named; give filepath, for instance //person.glb")
            return {"CANCELLED"}
        if context.window is not None:
            context.window.cursor_set("WAIT")  # the exporters block
        try:
            out = export_person(context.scene, selected_rig(context), bpy.path.abspath(self.filepath))
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            if context.window is not None:
                context.window.cursor_set("DEFAULT")
        scene = context.scene
        self.report({"INFO"}, f"Exported frames {scene.frame_start} to {scene.frame_end} to {out}")
        return {"FINISHED"}


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_OT_export_person)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_OT_export_person)
