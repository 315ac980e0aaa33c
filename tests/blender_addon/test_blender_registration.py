"""Enabling and disabling leaves Blender as it was."""

import pytest

bpy = pytest.importorskip("bpy")


def traces():
    """Whatever an extension may leave behind."""
    ours = {name for name in dir(bpy.types) if "LIQUID_MOTION" in name or "LiquidMotion" in name}
    properties = {
        (kind.__name__, p.identifier)
        for kind in (bpy.types.Object, bpy.types.Scene, bpy.types.WindowManager)
        for p in kind.bl_rna.properties
    }
    handlers = {
        name: len(value)
        for name in dir(bpy.app.handlers)
        if isinstance(value := getattr(bpy.app.handlers, name), list)
    }
    engines = {
        cls.__name__
        for cls in bpy.types.RenderEngine.__subclasses__()
        if getattr(cls, "is_registered", False)
    }
    operators = set(dir(bpy.ops.liquid_motion))
    return ours, properties, handlers, engines, operators


def test_nothing_is_left():
    import blender_addon

    before = traces()
    for _ in range(2):
        blender_addon.register()
        assert "liquid_motion" in bpy.types.Object.bl_rna.properties
        assert "import_motion" in dir(bpy.ops.liquid_motion)
        blender_addon.unregister()
        assert traces() == before


def test_every_class_says_what_it_is(addon):
    """Names by Blender's rules, and every property with a description."""
    from blender_addon.operators.import_motion import LIQUID_MOTION_OT_import_motion as Import
    from blender_addon.properties import LIQUID_MOTION_ObjectSettings, LIQUID_MOTION_SceneSettings

    assert Import.bl_idname == "liquid_motion.import_motion"
    for cls in (LIQUID_MOTION_ObjectSettings, LIQUID_MOTION_SceneSettings):
        for prop in cls.bl_rna.properties:
            if prop.identifier not in ("rna_type", "name"):
                assert prop.description, prop.identifier
