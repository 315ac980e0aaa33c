"""Numbers <-> Blender data: body, action, camera, footage, and the scene they make together."""

from __future__ import annotations

from . import combine, paths, versions

_MODULES = (paths, versions, combine)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
