"""The extension's preferences: which Python the worker runs in, and where the user's SMPL files are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy

from . import environment
from .errors import AddonError
from .interpreters import where_from
from .project import user_folder

PYTHON_VARIABLE = "LIQUID_MOTION_PYTHON"
SMPL_MODELS = (("smpl", "SMPL"), ("smplh", "SMPL-H"), ("smplx", "SMPL-X"))
_CPU = (environment.CPU, "CPU", "Smallest download; everything works, at the speed of the processor")
_CUDA = (environment.CUDA, "NVIDIA (CUDA)", "For an NVIDIA graphics card; several gigabytes more to download")
_APPLE = (environment.APPLE, "Apple", "For Apple's processors; macOS has this one build")
FLAVOURS = (_APPLE,) if sys.platform == "darwin" else (_CPU, _CUDA)


def _smpl_file(name: str):
    return bpy.props.StringProperty(
        name=name,
        description=f"Your licensed {name} model file (.npz or .pkl). It is read where it is, and never copied",
        subtype="FILE_PATH",
    )


class LIQUID_MOTION_Preferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    worker_python: bpy.props.StringProperty(
        name="Worker Python",
        description="Python 3.11 or 3.12 interpreter in whose environment liquid-motion is installed. "
        f"Empty: the environment variable {PYTHON_VARIABLE}, else the environment created here",
        subtype="FILE_PATH",
    )
    setup_flavour: bpy.props.EnumProperty(
        name="Compute On", description="Which build of PyTorch a new environment gets", items=FLAVOURS
    )
    setup_python: bpy.props.StringProperty(
        name="Build On",
        description="Python 3.11 or 3.12 to make the environment from. Empty: the first one found. "
        f"Where there is none, {where_from()}",
        subtype="FILE_PATH",
    )
    smpl: _smpl_file("SMPL")
    smplh: _smpl_file("SMPL-H")
    smplx: _smpl_file("SMPL-X")

    def draw(self, context: bpy.types.Context) -> None:
        from .panels import preferences  # after this module: panels import what imports it

        preferences.draw(self, context)


def preferences() -> LIQUID_MOTION_Preferences | None:
    """The settings; None where the modules are registered without being an add-on, as with pip's bpy."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def environment_folder() -> Path:
    """Where the worker's environment is made: the user's folder of the extension, which updates leave alone."""
    return user_folder() / "worker"


def worker_python() -> str:
    """The interpreter for the worker: :func:`find_worker`'s."""
    return find_worker()[0]


def find_worker() -> tuple[str, str]:
    """The interpreter for the worker, and who named it.

    The preferences come first, then the environment variable, the environment created here, and, in pip's bpy,
    this interpreter.

    Raises:
        AddonError: there is none, or the one that is set is not there.
    """
    own = preferences()
    for chosen, where in (
        (bpy.path.abspath(own.worker_python) if own else "", "Worker Python"),
        (os.environ.get(PYTHON_VARIABLE, ""), PYTHON_VARIABLE),
    ):
        if chosen and not Path(chosen).is_file():
            raise AddonError(
                f"{chosen}: no such interpreter ({where}); choose the Python of your liquid-motion environment"
            )
        if chosen:
            return chosen, where
    made = environment.ready_python(environment_folder())
    if made is not None:
        return str(made), "created here"
    if not bpy.app.binary_path:  # pip's bpy has no binary
        return sys.executable, "pip's bpy"
    raise AddonError(
        "no Python for the worker yet; press Create Environment under Preferences > Add-ons > Liquid Motion"
    )


def body_file(model: str) -> str:
    """The path of the user's ``smpl``, ``smplh`` or ``smplx`` file.

    Raises:
        AddonError: none is chosen, or it is not there.
    """
    own = preferences()
    path = bpy.path.abspath(getattr(own, model)) if own else ""
    if not path:
        raise AddonError(
            f"no {dict(SMPL_MODELS)[model]} file is chosen; choose yours under "
            "Preferences > Add-ons > Liquid Motion, or use the open body"
        )
    if not Path(path).is_file():
        raise AddonError(f"{path}: no such file; choose it again under Preferences > Add-ons > Liquid Motion")
    return path


def register() -> None:
    bpy.utils.register_class(LIQUID_MOTION_Preferences)


def unregister() -> None:
    bpy.utils.unregister_class(LIQUID_MOTION_Preferences)
