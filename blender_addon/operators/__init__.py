"""What the artist presses, one file per step."""

from __future__ import annotations

from . import import_motion

_MODULES = (import_motion,)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
