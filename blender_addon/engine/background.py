"""What the settings put behind the person."""

from __future__ import annotations

import os

import bpy
import numpy as np

from ..colour import linear_to_srgb, to_fixed
from ..errors import AddonError
from ..scene.camera import View
from .drawing import Drawing


def background_picture(drawing: Drawing, scene: bpy.types.Scene, view: View) -> np.ndarray | None:
    """(H, W, 4) uint16, display-referred, of the part of the picture that is rendered; None for nothing.

    Raises:
        AddonError: the plate or footage that is asked for is not set, not there, or not readable.
    """
    settings = scene.liquid_motion
    kind = settings.background
    if kind == "transparent":
        return None
    if kind == "colour":
        colour = np.append(linear_to_srgb(settings.colour), 1.0)
        return np.broadcast_to(to_fixed(colour), (*view.size, 4))
    path = bpy.path.abspath(settings.plate if kind == "plate" else settings.footage)
    what = "Plate" if kind == "plate" else "Footage"
    if not path:
        raise AddonError(f"the background is {what} and no file is set for it; set one or choose another")
    if "#" not in path and not os.path.exists(path):
        raise AddonError(f"{path}: no such file; choose it again under Liquid Motion > Render > {what}")
    index = scene.frame_current - settings.footage_start if kind == "driving" else 0
    rgb = drawing.footage(path, index, view)
    opaque = np.full((*view.size, 4), 65535, np.uint16)
    np.multiply(rgb, 257, out=opaque[..., :3], dtype=np.uint16)
    return opaque
