"""The engine's settings where Blender has those of every engine, and the button that keeps colours."""

import pytest

bpy = pytest.importorskip("bpy")
from blender_addon.operators.colours import keeps_colours  # noqa: E402
from blender_addon.panels import render as panels  # noqa: E402

SHOWN = (
    "RENDER_PT_format",
    "RENDER_PT_frame_range",
    "RENDER_PT_output",
    "DATA_PT_lens",
    "RENDER_PT_color_management",
)


def test_blenders_own_panels_are_shown(addon):
    found = {panel.__name__: panel for panel in bpy.types.Panel.__subclasses__()}
    for name in SHOWN:
        assert "LIQUID_MOTION" in found[name].COMPAT_ENGINES, name
    panels.unregister()
    assert not any(
        "LIQUID_MOTION" in getattr(p, "COMPAT_ENGINES", ())
        for p in found.values()
        if "LIQUID" not in p.__name__
    )
    panels.register()
    assert "LIQUID_MOTION" in found["RENDER_PT_format"].COMPAT_ENGINES


def test_button_keeps_the_photos_colours(addon):
    scene = bpy.context.scene
    assert scene.view_settings.view_transform == "AgX"
    assert not keeps_colours(scene)
    assert bpy.ops.liquid_motion.keep_colours() == {"FINISHED"}
    assert keeps_colours(scene)
    assert (scene.view_settings.view_transform, scene.render.dither_intensity) == ("Standard", 0.0)
    assert not bpy.ops.liquid_motion.keep_colours.poll()
    scene.render.dither_intensity = 1.0
    assert not keeps_colours(scene)
