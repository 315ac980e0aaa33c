"""The passes of a render result: what is registered, and how a picture fills them."""

from __future__ import annotations

import bpy
import numpy as np

from ..colour import Picture, from_fixed, to_depth, to_linear

# name -> channel id; the property of the view layer's settings that asks for it
EXTRA_PASSES = {"Provenance": "use_pass_provenance", "Mask": "use_pass_mask"}


def extra_passes(view_layer: bpy.types.ViewLayer) -> list[str]:
    """Our own passes that a view layer asks for."""
    settings = view_layer.liquid_motion
    return [name for name, asked in EXTRA_PASSES.items() if getattr(settings, asked)]


def register_passes(
    engine: bpy.types.RenderEngine, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer
) -> None:
    """Tell Blender which passes there will be: the compositor's sockets, the layers of an EXR."""
    engine.register_pass(scene, view_layer, "Combined", 4, "RGBA", "COLOR")
    if view_layer.use_pass_z:
        engine.register_pass(scene, view_layer, "Depth", 1, "Z", "VALUE")
    for name in extra_passes(view_layer):
        engine.register_pass(scene, view_layer, name, 1, "X", "VALUE")


def write_result(
    engine: bpy.types.RenderEngine,
    view_layer: bpy.types.ViewLayer,
    rgba: np.ndarray,
    picture: Picture,
) -> None:
    """Hand a frame to Blender.

    Args:
        rgba: (H, W, 4) uint16, with what is behind the person.
        picture: the person alone: depth, provenance, and the mask, which is its alpha.
    """
    height, width = picture.depth.shape
    for name in extra_passes(view_layer):
        engine.add_pass(name, 1, "X", layer=view_layer.name)
    result = engine.begin_result(0, 0, width, height, layer=view_layer.name)
    passes = result.layers[0].passes
    _fill(passes["Combined"], to_linear(rgba[::-1]))
    if "Depth" in passes:
        _fill(passes["Depth"], to_depth(picture.depth[::-1]))
    if "Provenance" in passes:
        _fill(passes["Provenance"], picture.provenance[::-1])
    if "Mask" in passes:
        _fill(passes["Mask"], from_fixed(picture.rgba[::-1, :, 3]))
    engine.end_result(result)


def _fill(render_pass: bpy.types.RenderPass, values: np.ndarray) -> None:
    """Values (H, W) or (H, W, C), bottom row first, into a pass."""
    render_pass.rect.foreach_set(np.ascontiguousarray(values, np.float32).ravel())
