"""Liquid Motion in Blender: the person as a rigged, textured body and a render engine that draws it.

Works as an installed extension (``bl_ext.….liquid_motion``) and, with pip's bpy, as ``blender_addon``. It holds bpy
and numpy only; everything heavy happens in the worker process (``jobs``).
"""

from __future__ import annotations

from . import cli, engine, handlers, jobs, operators, panels, preferences, properties, scene, tasks

_MODULES = (properties, preferences, scene, jobs, tasks, engine, handlers, operators, panels, cli)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
