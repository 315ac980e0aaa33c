"""What Liquid Motion stores in the file: on a body which subject it shows, on a scene what is behind it."""

from __future__ import annotations

import bpy

BACKGROUNDS = (
    ("transparent", "Transparent", "Only the person, with alpha, to be combined with anything"),
    ("plate", "Source Plate", "The still background of the source, with the person taken out"),
    ("driving", "Driving Footage", "The frame of the driving footage"),
    ("colour", "Colour", "One colour"),
)
# from 4.5, Blender warns about // paths in properties that do not declare them
_RELATIVE = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}} if bpy.app.version >= (4, 5, 0) else {}
RENDERERS = (("warp", "Warp", "The source's own pixels, carried along the body's surface"),)


class LIQUID_MOTION_ObjectSettings(bpy.types.PropertyGroup):
    """On the body's mesh object."""

    subject: bpy.props.StringProperty(
        name="Subject",
        description="Folder with the look of this person, as made by Liquid Motion. A mesh that has one is "
        "drawn by the Liquid Motion render engine",
        subtype="DIR_PATH",
        **_RELATIVE,
    )


class LIQUID_MOTION_SceneSettings(bpy.types.PropertyGroup):
    """On the scene."""

    renderer: bpy.props.EnumProperty(name="Renderer", description="How a person is drawn", items=RENDERERS)
    background: bpy.props.EnumProperty(
        name="Background", description="What the render engine puts behind the person", items=BACKGROUNDS
    )
    plate: bpy.props.StringProperty(
        name="Plate", description="Picture for the background Source Plate", subtype="FILE_PATH", **_RELATIVE
    )
    footage: bpy.props.StringProperty(
        name="Footage",
        description="Clip, picture sequence or picture for the background Driving Footage",
        subtype="FILE_PATH",
        **_RELATIVE,
    )
    footage_start: bpy.props.IntProperty(
        name="First Frame", description="Scene frame at which the driving footage starts", default=1
    )
    colour: bpy.props.FloatVectorProperty(
        name="Colour",
        description="Colour for the background Colour",
        subtype="COLOR",
        size=3,
        min=0.0,
        soft_max=1.0,
        default=(0.0, 0.0, 0.0),
    )


_CLASSES = (LIQUID_MOTION_ObjectSettings, LIQUID_MOTION_SceneSettings)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.liquid_motion = bpy.props.PointerProperty(type=LIQUID_MOTION_ObjectSettings)
    bpy.types.Scene.liquid_motion = bpy.props.PointerProperty(type=LIQUID_MOTION_SceneSettings)


def unregister() -> None:
    del bpy.types.Scene.liquid_motion
    del bpy.types.Object.liquid_motion
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
