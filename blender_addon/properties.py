"""What Liquid Motion stores in the file: on a body which subject it shows, on a scene what is behind it, on a view
layer which passes there are."""

from __future__ import annotations

import bpy

from . import work_settings

BACKGROUNDS = (
    ("transparent", "Transparent", "Only the person, with alpha, to be combined with anything"),
    ("plate", "Source Plate", "The still background of the source, with the person taken out"),
    ("driving", "Driving Footage", "The frame of the driving footage"),
    ("colour", "Colour", "One colour"),
)
# from 4.5, Blender warns about // paths in properties that do not declare them
_RELATIVE = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}} if bpy.app.version >= (4, 5, 0) else {}
LIGHTS = (
    (
        "photo",
        "Photo's",
        "As bright as in the photo; with Liquid the photo's lamp stays where it is when the person turns",
    ),
    ("scene", "Scene's", "The lamps and the world of the scene"),
)
RENDERERS = (
    ("warp", "Warp", "The source's own pixels, carried along the body's surface"),
    (
        "liquid",
        "Liquid",
        "The warp, repaired by a network: outlines, what no source shows, steadiness over time",
    ),
)


def _look_again(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """Blender does not see by itself that a viewport depends on a property of ours."""
    settings.id_data.update_tag()


class LIQUID_MOTION_ObjectSettings(bpy.types.PropertyGroup):
    """On the body's mesh object."""

    subject: bpy.props.StringProperty(
        name="Subject",
        description="Folder with the look of this person, as made by Liquid Motion. A mesh that has one is "
        "drawn by the Liquid Motion render engine",
        subtype="DIR_PATH",
        update=_look_again,
        **_RELATIVE,
    )
    motion: bpy.props.StringProperty(
        name="Motion",
        description="Motion file that the rig was keyed from; re-fitting goes back to its footage",
        subtype="FILE_PATH",
        **_RELATIVE,
    )
    version: bpy.props.IntProperty(
        name="Version",
        description="Version of what Liquid Motion stores on this body; 0 in files older than versions",
        options={"HIDDEN"},
    )


class LIQUID_MOTION_SceneSettings(bpy.types.PropertyGroup):
    """On the scene."""

    work: bpy.props.PointerProperty(
        name="Work",
        description="From footage to a person, step by step",
        type=work_settings.LIQUID_MOTION_WorkSettings,
    )
    person_scene: bpy.props.PointerProperty(
        name="Person Scene",
        description="The scene that Combine with Scene has made: it draws the person into this one",
        type=bpy.types.Scene,
    )
    renderer: bpy.props.EnumProperty(
        name="Renderer", description="How a person is drawn", items=RENDERERS, update=_look_again
    )
    light: bpy.props.EnumProperty(
        name="Light", description="What light the person stands in", items=LIGHTS, update=_look_again
    )
    motion_blur_samples: bpy.props.IntProperty(
        name="Samples",
        description="Moments that a frame with motion blur is the average of. Each takes as long as a frame",
        default=8,
        min=2,
        max=64,
    )
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


class LIQUID_MOTION_ViewLayerSettings(bpy.types.PropertyGroup):
    """On a view layer."""

    use_pass_provenance: bpy.props.BoolProperty(
        name="Provenance", description="Deliver where each pixel comes from as a pass", default=False
    )
    use_pass_mask: bpy.props.BoolProperty(
        name="Mask", description="Deliver which person covers each pixel as a pass", default=False
    )


_CLASSES = (
    LIQUID_MOTION_ViewLayerSettings,
    LIQUID_MOTION_ObjectSettings,
    *work_settings.CLASSES,
    LIQUID_MOTION_SceneSettings,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.liquid_motion = bpy.props.PointerProperty(type=LIQUID_MOTION_ObjectSettings)
    bpy.types.Scene.liquid_motion = bpy.props.PointerProperty(type=LIQUID_MOTION_SceneSettings)
    bpy.types.ViewLayer.liquid_motion = bpy.props.PointerProperty(type=LIQUID_MOTION_ViewLayerSettings)


def unregister() -> None:
    del bpy.types.ViewLayer.liquid_motion
    del bpy.types.Scene.liquid_motion
    del bpy.types.Object.liquid_motion
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
