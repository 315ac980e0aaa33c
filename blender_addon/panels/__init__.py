"""What the artist sees."""

from __future__ import annotations

from . import main, retarget

_MODULES = (main, retarget)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
