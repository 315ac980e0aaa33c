"""What the artist has chosen on the way from footage to a person, stored on the scene."""

from __future__ import annotations

from pathlib import Path

import bpy

# from 4.5, Blender warns about // paths in properties that do not declare them
_RELATIVE = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}} if bpy.app.version >= (4, 5, 0) else {}
_MOST_PEOPLE = 50
_PEOPLE = [(str(n), str(n), f"The person with the number {n} in the picture") for n in range(_MOST_PEOPLE)]


def _people(footage: LIQUID_MOTION_Footage, _context: bpy.types.Context) -> list[tuple[str, str, str]]:
    return _PEOPLE[: max(1, footage.people)]  # parts of one list: Blender keeps no reference to the strings


def _forget_people(footage: LIQUID_MOTION_Footage, _context: bpy.types.Context) -> None:
    """Another file shows other people. The same one, written relative to another folder, does not."""
    path = Path(bpy.path.abspath(footage.path))
    if path.name == footage.name and not (path.exists() and str(path) != footage.searched):
        return
    footage.name, footage.searched = path.name, ""
    footage.people, footage.people_picture = -1, ""
    footage.property_unset("person")


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
    searched: bpy.props.StringProperty(
        name="Searched", description="The file in which the people were found", options={"HIDDEN"}
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
    ("smpl", "SMPL", "Your own SMPL file, as chosen in the preferences"),
    ("smplh", "SMPL-H", "Your own SMPL-H file, as chosen in the preferences"),
    ("smplx", "SMPL-X", "Your own SMPL-X file, as chosen in the preferences"),
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


CLASSES = (LIQUID_MOTION_Footage, LIQUID_MOTION_WorkSettings)
