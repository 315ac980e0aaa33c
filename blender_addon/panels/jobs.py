"""Work under way: how far it is, and what became of it. Only there while there is any."""

from __future__ import annotations

import textwrap

import bpy

from .. import tasks
from ._common import JOBS, Tab
from ._progress import draw_progress

_ICONS = {
    tasks.QUEUED: "TIME",
    tasks.RUNNING: "SORTTIME",
    tasks.DONE: "CHECKMARK",
    tasks.FAILED: "ERROR",
    tasks.CANCELLED: "CANCEL",
}
_LETTER = 6.4
"""Pixels of an average letter at the interface's normal scale, on the wide side."""


class LIQUID_MOTION_PT_jobs(Tab, bpy.types.Panel):
    bl_label = "Work"
    bl_order = JOBS

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(tasks.all())

    def draw(self, context: bpy.types.Context) -> None:
        for task in tasks.all():
            box = self.layout.box()
            row = box.row()
            row.label(text=task.title, icon=_ICONS[task.state], translate=False)
            row.operator("liquid_motion.show_log", text="", icon="TEXT", emboss=False).number = task.number
            if task.ended:
                row.operator("liquid_motion.dismiss", text="", icon="X", emboss=False).number = task.number
                _draw_message(box, task, context)
            else:
                draw_progress(box, task)


def _draw_message(box: bpy.types.UILayout, task: tasks.Task, context: bpy.types.Context) -> None:
    if not task.message:
        return
    scale = context.preferences.system.ui_scale
    letters = max(20, int((context.region.width / scale - 50) / _LETTER))
    column = box.column(align=True)
    column.alert = task.state == tasks.FAILED
    column.scale_y = 0.8
    for line in textwrap.wrap(task.message, letters, break_long_words=True):
        column.label(text=line, translate=False)


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_PT_jobs)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_PT_jobs)
