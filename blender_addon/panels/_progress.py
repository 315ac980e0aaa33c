"""Progress of work, drawn where its button is."""

from __future__ import annotations

import bpy

from .. import tasks


def draw_button(layout: bpy.types.UILayout, operator: str, icon: str, scale: float = 1.4) -> None:
    """The button of an operator that queues work; while that work waits or runs, its progress instead."""
    task = next((task for task in tasks.running() if task.owner == operator), None)
    row = layout.row(align=True)
    row.scale_y = scale
    if task is None:
        row.operator(operator, icon=icon)
    else:
        draw_progress(row, task)


def draw_progress(layout: bpy.types.UILayout, task: tasks.Task) -> None:
    """A bar with stage, share and time left, and Cancel."""
    row = layout.row(align=True)
    if task.state == tasks.QUEUED:
        row.label(text="Waits for the work before it", icon="TIME")
    else:
        row.progress(factor=task.fraction, type="BAR", text=progress_text(task))
    row.operator("liquid_motion.cancel", text="", icon="CANCEL").number = task.number


def progress_text(task: tasks.Task) -> str:
    """Stage, share and time left: ``Finding the person  40%  0:25``."""
    parts = [task.stage or "Starting", f"{task.fraction:.0%}"]
    if task.eta_s is not None:
        minutes, seconds = divmod(round(task.eta_s), 60)
        parts.append(f"{minutes}:{seconds:02d}")
    return "  ".join(parts)
