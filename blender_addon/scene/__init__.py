"""Numbers <-> Blender data: body, action, camera, footage, and the scene they make together."""

from __future__ import annotations

from . import combine, missing, paths, versions

# versions before missing: both look at a file that was opened, and the first may give it paths
_MODULES = (paths, versions, missing, combine)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
