"""The page under Preferences > Add-ons > Liquid Motion. Drawn by the preferences; no panel of its own."""

from __future__ import annotations

import textwrap

import bpy

from .. import environment
from ..errors import AddonError
from ..operators import environment as operators
from ..preferences import SMPL_MODELS, environment_folder, find_worker
from ._progress import draw_progress

_ICONS = {"ok": "CHECKMARK", "missing": "INFO", "broken": "ERROR"}
_BUTTONS = {
    environment.NONE: "Create Environment",
    environment.UNFINISHED: "Go On with the Environment",
    environment.OLD: "Update Environment",
    environment.READY: "Install Again",
}
_LETTER = 6.2
"""Pixels of an average letter at the interface's normal scale, on the wide side."""


def draw(own: bpy.types.AddonPreferences, context: bpy.types.Context) -> None:
    _draw_worker(own.layout, own, context)
    _draw_bodies(own.layout, own, context)
    _draw_findings(own.layout, context)


def _draw_worker(layout: bpy.types.UILayout, own: bpy.types.AddonPreferences, context) -> None:
    box = layout.box()
    made = environment.state(environment_folder())
    wanted = made in (environment.UNFINISHED, environment.OLD)
    try:
        python, where = find_worker()
        _text(box, f"Worker: {python} ({where})", context, "CHECKMARK")
    except AddonError as error:
        missing = "Liquid Motion computes in a Python of its own. Create an environment for it, or choose one"
        _text(box, str(error) if own.worker_python else missing, context, "ERROR")
        wanted = True
    task = operators.task_under_way()
    if task is not None:
        draw_progress(box, task)
    else:
        _draw_buttons(box, made)
        _draw_last(box, context)
    if operators.may_go_online() and wanted:
        _text(box, operators.may_go_online(), context, "INTERNET_OFFLINE")
        if not bpy.app.online_access_override:
            box.prop(context.preferences.system, "use_online_access")
    column = box.column()
    column.use_property_split = True
    if wanted:
        column.prop(own, "setup_flavour")
        column.prop(own, "setup_python")
    column.prop(own, "worker_python")


def _draw_buttons(box: bpy.types.UILayout, made: str) -> None:
    row = box.row()
    row.operator("liquid_motion.environment_create", text=_BUTTONS[made], icon="IMPORT")
    row.operator("liquid_motion.environment_check", icon="VIEWZOOM")
    log = environment_folder() / environment.LOG
    if log.is_file():
        row.operator("wm.path_open", text="Log", icon="TEXT").filepath = str(log)
    row.operator("liquid_motion.environment_remove", text="", icon="TRASH")
    box.operator("liquid_motion.fetch_detector", icon="OUTLINER_OB_ARMATURE")


def _draw_last(box: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Why the last try failed."""
    task = operators.last_failure()
    if task is not None:
        _text(box, task.message, context, "ERROR")


def _draw_findings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if not operators.findings:
        return
    box = layout.box()
    for finding in operators.findings:
        _text(box, f"{finding['name']}: {finding['detail']}", context, _ICONS[finding["state"]])
        if finding["mend"]:
            _text(box, finding["mend"], context, "BLANK1")


def _draw_bodies(layout: bpy.types.UILayout, own: bpy.types.AddonPreferences, context) -> None:
    box = layout.box()
    box.label(text="Your own SMPL files, if you have a licence. They stay where they are")
    for model, _ in SMPL_MODELS:
        row = box.row()
        row.use_property_split = True
        row.prop(own, model)
        if not getattr(own, model):
            continue
        row.operator("liquid_motion.check_body", text="", icon="VIEWZOOM").model = model
        task = operators.body_checks.get(model)
        if model in operators.body_facts:
            _text(box, operators.body_facts[model], context, "CHECKMARK")
        elif task is not None and task.ended:
            _text(box, task.message, context, "ERROR")
        elif task is not None:
            _text(box, "Being read", context, "SORTTIME")


def _text(layout: bpy.types.UILayout, text: str, context: bpy.types.Context, icon: str = "NONE") -> None:
    """A text in as many lines as the width asks for."""
    scale = context.preferences.system.ui_scale
    letters = max(40, int((context.region.width / scale - 90) / _LETTER))
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in textwrap.wrap(text, letters, break_long_words=True):
        column.label(text=line, icon=icon, translate=False)
        icon = "BLANK1" if icon != "NONE" else icon
