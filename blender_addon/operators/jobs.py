"""The queue's buttons: cancel, look at the log, clear away; and ESC, which cancels."""

from __future__ import annotations

import bpy

from .. import tasks

LOG = "Liquid Motion Log"


class LIQUID_MOTION_OT_cancel(bpy.types.Operator):
    """Stop this work; what it has finished is kept for the next try"""

    bl_idname = "liquid_motion.cancel"
    bl_label = "Cancel"

    number: bpy.props.IntProperty(name="Number", description="Of the task; 0: the one that works")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not tasks.running():
            cls.poll_message_set("Nothing is under way")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        task = tasks.numbered(self.number) if self.number else tasks.running()[0]
        if task is not None and not task.ended:
            tasks.cancel(task)
            self.report({"INFO"}, f"{task.title}: stops")
        return {"FINISHED"}


class LIQUID_MOTION_OT_escape(bpy.types.Operator):
    """Stop the work that is under way"""

    bl_idname = "liquid_motion.escape"
    bl_label = "Cancel Liquid Motion's Work"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(tasks.running()) and not (context.screen and context.screen.is_animation_playing)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return bpy.ops.liquid_motion.cancel()


class LIQUID_MOTION_OT_show_log(bpy.types.Operator):
    """Show what this work has reported, in a text editor"""

    bl_idname = "liquid_motion.show_log"
    bl_label = "Show Log"

    number: bpy.props.IntProperty(name="Number", description="Of the task")

    def execute(self, context: bpy.types.Context) -> set[str]:
        task = tasks.numbered(self.number)
        if task is None:
            self.report({"ERROR"}, "This work is not in the list any more")
            return {"CANCELLED"}
        text = bpy.data.texts.get(LOG) or bpy.data.texts.new(LOG)
        text.from_string("\n".join([task.title, f"{task.state.title()}. {task.message}", "", *task.log, ""]))
        text.cursor_set(0)
        if not bpy.app.background:
            bpy.ops.wm.window_new()
            area = context.window_manager.windows[-1].screen.areas[0]
            area.type = "TEXT_EDITOR"
            space = area.spaces.active
            space.text, space.show_word_wrap, space.top = text, True, 0
        return {"FINISHED"}


class LIQUID_MOTION_OT_dismiss(bpy.types.Operator):
    """Take this work off the list"""

    bl_idname = "liquid_motion.dismiss"
    bl_label = "Dismiss"

    number: bpy.props.IntProperty(name="Number", description="Of the task")

    def execute(self, context: bpy.types.Context) -> set[str]:
        task = tasks.numbered(self.number)
        if task is not None:
            tasks.dismiss(task)
        return {"FINISHED"}


_CLASSES = (
    LIQUID_MOTION_OT_cancel,
    LIQUID_MOTION_OT_escape,
    LIQUID_MOTION_OT_show_log,
    LIQUID_MOTION_OT_dismiss,
)
_keys: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    keys = bpy.context.window_manager.keyconfigs.addon
    if keys is None or bpy.app.background:
        return
    # A key and no modal operator: one would hold up Blender's autosave for as long as a job runs. While there
    # is no job the poll fails, and Blender goes on to whatever else ESC means.
    keymap = keys.keymaps.new(name="3D View Generic", space_type="VIEW_3D")
    _keys.append((keymap, keymap.keymap_items.new(LIQUID_MOTION_OT_escape.bl_idname, "ESC", "PRESS")))


def unregister() -> None:
    while _keys:
        keymap, item = _keys.pop()
        keymap.keymap_items.remove(item)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
