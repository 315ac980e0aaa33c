"""The person among CG objects, and the rendered person in other places of Blender."""

from __future__ import annotations

import bpy

from ..errors import AddonError
from ..scene.combine import ENGINE, combine, is_combined, people_in, separate


class LIQUID_MOTION_OT_combine(bpy.types.Operator):
    """Render the person together with the scene's CG objects: nearer things hide farther ones, and the body casts
    shadows and reflections. A second scene draws the person, the compositor joins the two"""

    bl_idname = "liquid_motion.combine"
    bl_label = "Combine with Scene"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        scene = context.scene
        if is_combined(scene):
            cls.poll_message_set("This scene is combined with the person already: Separate undoes it")
        elif scene.camera is None:
            cls.poll_message_set("The scene has no camera: add one, or import a motion that has cameras")
        elif not people_in(scene):
            cls.poll_message_set("The scene shows no person with a subject: import one first")
        else:
            return True
        return False

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, was = context.scene, context.scene.render.engine
        try:
            person = combine(scene)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        words = " (it was Liquid Motion, which draws people only)" if was == ENGINE else ""
        self.report(
            {"INFO"}, f"{person.name} draws the person; {scene.render.engine} renders the rest{words}"
        )
        return {"FINISHED"}


class LIQUID_MOTION_OT_separate(bpy.types.Operator):
    """Take the person out of the scene's compositor again and remove the scene that drew it"""

    bl_idname = "liquid_motion.separate"
    bl_label = "Separate"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not is_combined(context.scene):
            cls.poll_message_set("This scene is not combined with a person")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            separate(context.scene)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, "The scene is as it was before Combine with Scene")
        return {"FINISHED"}


_CLASSES = (LIQUID_MOTION_OT_combine, LIQUID_MOTION_OT_separate)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
