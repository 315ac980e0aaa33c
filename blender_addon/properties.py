"""What Liquid Motion stores in the file: on a body which subject it shows, on a scene what is behind it, on a view
layer which passes there are."""

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
RENDERERS = (
    ("warp", "Warp", "The source's own pixels, carried along the body's surface"),
    (
        "liquid",
        "Liquid",
        "The warp, repaired by a network: outlines, what no source shows, steadiness over time",
    ),
)


class LIQUID_MOTION_ObjectSettings(bpy.types.PropertyGroup):
    """On the body's mesh object."""

    subject: bpy.props.StringProperty(
        name="Subject",
        description="Folder with the look of this person, as made by Liquid Motion. A mesh that has one is "
        "drawn by the Liquid Motion render engine",
        subtype="DIR_PATH",
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

    person_scene: bpy.props.PointerProperty(
        name="Person Scene",
        description="The scene that Combine with Scene has made: it draws the person into this one",
        type=bpy.types.Scene,
    )
    renderer: bpy.props.EnumProperty(name="Renderer", description="How a person is drawn", items=RENDERERS)
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


_MOST_PEOPLE = 50
_PEOPLE = [(str(n), str(n), f"The person with the number {n} in the picture") for n in range(_MOST_PEOPLE)]


def _people(footage: LIQUID_MOTION_Footage, _context: bpy.types.Context) -> list[tuple[str, str, str]]:
    return _PEOPLE[: max(1, footage.people)]  # parts of one list: Blender keeps no reference to the strings


def _forget_people(footage: LIQUID_MOTION_Footage, _context: bpy.types.Context) -> None:
    """Another file shows other people."""
    footage.people, footage.people_picture = -1, ""
    footage.property_unset("person")
    footage.name = bpy.path.basename(footage.path)


class LIQUID_MOTION_Footage(bpy.types.PropertyGroup):
    """A photo or clip, and whom it shows."""

    path: bpy.props.StringProperty(
        name="File",
        description="Photo or clip. It is read, never moved or changed",
        subtype="FILE_PATH",
        update=_forget_people,
        **_RELATIVE,
    )
    people: bpy.props.IntProperty(
        name="People", description="How many people were found; -1: nobody has looked yet", default=-1
    )
    people_picture: bpy.props.StringProperty(
        name="Picture", description="Everybody who was found, numbered", subtype="FILE_PATH", **_RELATIVE
    )
    person: bpy.props.EnumProperty(
        name="Person", description="Who is meant, by the number in the picture", items=_people
    )


DRIVING_KINDS = (
    ("CLIP", "Clip", "A clip of somebody who moves, to be fitted", "FILE_MOVIE", 0),
    ("FILE", "Motion", "A motion file (.npz) or recording (.bvh)", "ANIM_DATA", 1),
    ("ARMATURE", "Armature", "An animated armature of this scene", "ARMATURE_DATA", 2),
)
BODIES = (
    ("open", "Open Body", "The body that comes with Liquid Motion; hands are held still"),
    ("open_h", "Open Body with Fingers", "The body that comes with Liquid Motion, with hands that move"),
    ("file", "SMPL File", "An SMPL, SMPL-H or SMPL-X file of your own"),
)
VIEWS = (
    ("smooth", "Source", "The camera of the source; the person moves through its place"),
    ("source", "Source, on the Spot", "The camera of the source; the person stays where the source stands"),
    ("copy", "Driving Clip", "The camera of the driving clip; the person takes its actor's place"),
    ("follow", "Following", "A camera that goes along with the person"),
)


def _is_armature(_settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


class LIQUID_MOTION_WorkSettings(bpy.types.PropertyGroup):
    """On the scene: from footage to a person, step by step."""

    sources: bpy.props.CollectionProperty(
        name="Sources", description="Photos and clips of one person", type=LIQUID_MOTION_Footage
    )
    active_source: bpy.props.IntProperty(name="Active Source", description="Selected line of the list")
    driving_kind: bpy.props.EnumProperty(
        name="Driving", description="Where the motion comes from", items=DRIVING_KINDS
    )
    driving: bpy.props.PointerProperty(
        name="Driving Clip", description="Clip of somebody who moves", type=LIQUID_MOTION_Footage
    )
    driving_motion: bpy.props.StringProperty(
        name="Motion",
        description="Motion file (.npz, also of AMASS, GVHMR, WHAM …) or recording (.bvh)",
        subtype="FILE_PATH",
        **_RELATIVE,
    )
    driving_armature: bpy.props.PointerProperty(
        name="Armature",
        description="Animated armature to take the motion from",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    body: bpy.props.EnumProperty(name="Body", description="The body that is fitted", items=BODIES)
    body_file: bpy.props.StringProperty(
        name="SMPL File",
        description="SMPL, SMPL-H or SMPL-X model (.npz, .pkl)",
        subtype="FILE_PATH",
        **_RELATIVE,
    )
    use_stature: bpy.props.BoolProperty(
        name="Known Height", description="Say how tall the driving person is", default=False
    )
    stature: bpy.props.FloatProperty(
        name="Height",
        description="How tall the driving person is; this sets the scale of the scene",
        subtype="DISTANCE",
        default=1.75,
        min=0.5,
        max=2.5,
    )
    foot_lock: bpy.props.BoolProperty(name="Foot Lock", description="Hold planted feet still", default=True)
    use_range: bpy.props.BoolProperty(
        name="Frame Range", description="Fit a part of the clip only", default=False
    )
    first_frame: bpy.props.IntProperty(
        name="First Frame", description="Of the clip, whose frames count from 1", default=1, min=1
    )
    last_frame: bpy.props.IntProperty(
        name="Last Frame", description="Of the clip, whose frames count from 1", default=100, min=1
    )
    start: bpy.props.StringProperty(
        name="Start From",
        description="Motion of this clip by another tool (GVHMR, WHAM, 4D-Humans, SAM 3D Body), to be refined",
        subtype="FILE_PATH",
        **_RELATIVE,
    )
    motion: bpy.props.StringProperty(
        name="Motion File", description="What the fit wrote", subtype="FILE_PATH", **_RELATIVE
    )
    subject: bpy.props.StringProperty(
        name="Subject", description="Folder with the look of the person", subtype="DIR_PATH", **_RELATIVE
    )
    view: bpy.props.EnumProperty(name="Camera", description="From where the person is seen", items=VIEWS)
    stand_in: bpy.props.PointerProperty(
        name="Fitted Body", description="Rig of the body that the fit put in the scene", type=bpy.types.Object
    )
    person: bpy.props.PointerProperty(
        name="Person", description="Rig of the person that was put in the scene", type=bpy.types.Object
    )


_CLASSES = (
    LIQUID_MOTION_ObjectSettings,
    LIQUID_MOTION_SceneSettings,
    LIQUID_MOTION_Footage,
    LIQUID_MOTION_WorkSettings,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.liquid_motion = bpy.props.PointerProperty(type=LIQUID_MOTION_ObjectSettings)
    bpy.types.Scene.liquid_motion = bpy.props.PointerProperty(type=LIQUID_MOTION_SceneSettings)
    bpy.types.ViewLayer.liquid_motion = bpy.props.PointerProperty(type=LIQUID_MOTION_ViewLayerSettings)
    bpy.types.Scene.liquid_motion_work = bpy.props.PointerProperty(type=LIQUID_MOTION_WorkSettings)


def unregister() -> None:
    del bpy.types.Scene.liquid_motion_work
    del bpy.types.ViewLayer.liquid_motion
    del bpy.types.Scene.liquid_motion
    del bpy.types.Object.liquid_motion
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
