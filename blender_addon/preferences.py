"""The extension's preferences: which Python the worker runs in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy

from .errors import AddonError

PYTHON_VARIABLE = "LIQUID_MOTION_PYTHON"


class LIQUID_MOTION_Preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    worker_python: bpy.props.StringProperty(
        name="Worker Python",
        description="Python 3.11 or 3.12 interpreter in whose environment liquid-motion is installed. "
        f"Empty: the environment variable {PYTHON_VARIABLE}",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "worker_python")
        try:
            text, icon = worker_python(), "CHECKMARK"
        except AddonError as error:
            text, icon = str(error), "ERROR"
        self.layout.label(text=text, icon=icon)


def worker_python() -> str:
    """The interpreter for the worker: the preferences', else the environment's, else, in pip's bpy, this one.

    Raises:
        AddonError: none is set, or the one that is set is not there.
    """
    addon = bpy.context.preferences.addons.get(__package__)
    chosen = bpy.path.abspath(addon.preferences.worker_python) if addon and addon.preferences else ""
    where = "the preferences' Worker Python"
    if not chosen:
        chosen, where = os.environ.get(PYTHON_VARIABLE, ""), PYTHON_VARIABLE
    if not chosen and not bpy.app.binary_path:  # pip's bpy has no binary
        return sys.executable
    if not chosen:
        raise AddonError(
            "no Python for the worker is set; choose the one of your liquid-motion environment under "
            f"Preferences > Add-ons > Liquid Motion, or set {PYTHON_VARIABLE}"
        )
    if not Path(chosen).is_file():
        raise AddonError(
            f"{chosen}: no such interpreter ({where}); choose the Python of your liquid-motion environment"
        )
    return chosen


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_Preferences)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_Preferences)
