"""What the artist presses, one file per step."""

from __future__ import annotations

from . import (
    colours,
    combine,
    edit,
    edit_work,
    environment,
    export,
    fit,
    import_motion,
    into,
    jobs,
    person,
    relink,
    retarget,
    retarget_settings,
    source,
)

# one line each; property groups before the operators that use them
_MODULES = (
    relink,
    edit_work,
    edit,
    colours,
    export,
    into,
    combine,
    jobs,
    environment,
    source,
    fit,
    person,
    import_motion,
    retarget_settings,
    retarget,
)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    for module in reversed(_MODULES):
        module.unregister()
