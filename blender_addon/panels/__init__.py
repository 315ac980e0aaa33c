"""What the artist sees: the sidebar tab *Liquid Motion* of the 3D viewport, one file per step of the work."""

from __future__ import annotations

from . import (
    _previews,
    combine,
    driving,
    edit,
    export,
    fit,
    jobs,
    missing,
    person,
    render,
    retarget,
    setup,
    source,
)

# one line each, in any order: ``bl_order`` (_common) sorts the tab
_MODULES = (
    missing,
    edit,
    export,
    combine,
    _previews,
    setup,
    jobs,
    source,
    driving,
    fit,
    person,
    render,
    retarget,
)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
