"""What the artist has chosen for retargeting, stored on the scene: source, character, bone table, options."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..retarget.matcher import EXPECTED, REQUIRED
from ..retarget.options import Options
from ..retarget.skeleton import LIMBS, ROLES, BoneMap, LimbControl, Switch

STATES = (
    ("NAMED", "By Name", "Named as in a known convention"),
    ("BUILT", "By Build", "Found by its place in the rig"),
    ("CHOSEN", "Chosen", "Chosen by hand or read from a file"),
    ("DOUBTFUL", "Doubtful", "Found, but something is odd: look at the reason"),
    ("OPTIONAL", "Not There", "No bone; the motion does without"),
    ("MISSING", "Missing", "No bone, and the motion needs one"),
)
_RELATIVE = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}} if bpy.app.version >= (4, 5, 0) else {}


def _is_armature(_settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


def _chosen_by_hand(pair: LIQUID_MOTION_BonePair, _context: bpy.types.Context) -> None:
    """A pair that was edited forgets how it was found."""
    needed = pair.role in REQUIRED or pair.role in EXPECTED
    if pair.bone:
        pair.state, pair.reason = "CHOSEN", "chosen by hand"
    else:
        pair.state, pair.reason = ("MISSING" if needed else "OPTIONAL"), "left empty by hand"


class LIQUID_MOTION_BonePair(bpy.types.PropertyGroup):
    """One line of the table: a link of a role's chain."""

    role: bpy.props.StringProperty(name="Role", description="Part of the body")
    link: bpy.props.IntProperty(name="Link", description="Place in the role's chain, from 0")
    source: bpy.props.StringProperty(name="Source", description="Bones of the source that move this part")
    bone: bpy.props.StringProperty(
        name="Bone",
        description="Bone of the character. Empty: this part is left alone",
        update=_chosen_by_hand,
    )
    state: bpy.props.EnumProperty(name="State", description="How sure this pair is", items=STATES)
    reason: bpy.props.StringProperty(name="Reason", description="How the bone was found, or why none was")


class LIQUID_MOTION_SwitchValue(bpy.types.PropertyGroup):
    """A property of a control rig that the map needs at a value."""

    limb: bpy.props.StringProperty(
        name="Limb", description="Limb whose inverse kinematics it turns on; empty: always"
    )
    bone: bpy.props.StringProperty(name="Bone", description="Bone that has the property")
    property: bpy.props.StringProperty(name="Property", description="Name of the custom property")
    value: bpy.props.FloatProperty(name="Value", description="What it must be")


class LIQUID_MOTION_LimbTarget(bpy.types.PropertyGroup):
    """The inverse-kinematics controls of a limb."""

    limb: bpy.props.StringProperty(name="Limb", description="Arm or leg, and which")
    target: bpy.props.StringProperty(name="Target", description="Bone that the hand or foot follows")
    pole: bpy.props.StringProperty(name="Pole", description="Bone that the elbow or knee points at")


class LIQUID_MOTION_BonePose(bpy.types.PropertyGroup):
    """A pose bone's matrix; the name of the bone is the group's."""

    matrix: bpy.props.FloatVectorProperty(
        name="Matrix", description="Row by row", size=16, default=np.eye(4).ravel().tolist()
    )


class LIQUID_MOTION_RetargetSettings(bpy.types.PropertyGroup):
    """On the scene."""

    source_kind: bpy.props.EnumProperty(
        name="Source",
        description="Where the motion comes from",
        items=(
            ("FILE", "File", "A motion file of a fitted clip, or a BVH recording"),
            ("ARMATURE", "Armature", "An animated armature of this file"),
        ),
    )
    motion: bpy.props.StringProperty(
        name="Motion", description="Motion file (.npz) or recording (.bvh)", subtype="FILE_PATH", **_RELATIVE
    )
    body: bpy.props.StringProperty(
        name="Body",
        description="Body file of the motion (body.npz). Empty: the open body",
        subtype="FILE_PATH",
        **_RELATIVE,
    )
    source: bpy.props.PointerProperty(
        name="Armature",
        description="Animated armature to take the motion from",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    target: bpy.props.PointerProperty(
        name="Character",
        description="Armature of the character to move",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    convention: bpy.props.StringProperty(name="Convention", description="Kind of rig that was recognised")
    pairs: bpy.props.CollectionProperty(
        name="Bones", description="Which bone plays which part", type=LIQUID_MOTION_BonePair
    )
    active_pair: bpy.props.IntProperty(name="Active Pair", description="Selected line of the table")
    switches: bpy.props.CollectionProperty(
        name="Switches", description="Properties that the keys need", type=LIQUID_MOTION_SwitchValue
    )
    controls: bpy.props.CollectionProperty(
        name="Controls", description="Inverse-kinematics controls", type=LIQUID_MOTION_LimbTarget
    )
    alignment: bpy.props.CollectionProperty(
        name="Alignment Pose",
        description="Pose in which the character stands as the source does at rest. Empty: found from the map",
        type=LIQUID_MOTION_BonePose,
    )
    kept_pose: bpy.props.CollectionProperty(
        name="Kept Pose",
        description="Pose to return to after the alignment pose has been edited",
        type=LIQUID_MOTION_BonePose,
    )
    root: bpy.props.EnumProperty(
        name="Root",
        description="Which bone travels",
        items=(
            ("hips", "Hips", "The hips alone"),
            ("root", "Root", "The root bone; the hips only turn"),
            ("both", "Root and Hips", "The root over the ground, with the heading; the hips the rest"),
            ("in_place", "In Place", "Nobody: the character stays where it is"),
        ),
    )
    scale: bpy.props.EnumProperty(
        name="Scale of Steps",
        description="How far the character goes where the source goes a metre",
        items=(
            ("legs", "Legs", "By the lengths of the legs"),
            ("hips", "Hips", "By the heights of the hips"),
            ("number", "Number", "By a number"),
        ),
    )
    scale_number: bpy.props.FloatProperty(name="Scale", description="Of the steps", default=1.0, min=0.001)
    offset: bpy.props.FloatVectorProperty(
        name="Offset", description="Added to the path", subtype="TRANSLATION", size=3
    )
    turn: bpy.props.FloatProperty(name="Turn", description="Of the path, about the vertical", subtype="ANGLE")
    floor: bpy.props.FloatProperty(
        name="Floor", description="Height of the floor the character stands on", subtype="DISTANCE"
    )
    feet: bpy.props.BoolProperty(
        name="Plant Feet", description="Keep planted feet planted and all feet above the floor", default=True
    )
    fade: bpy.props.FloatProperty(
        name="Fade",
        description="Time before and after a contact in which its correction comes and goes",
        default=0.15,
        min=0.0,
        subtype="TIME_ABSOLUTE",
    )
    hands: bpy.props.BoolProperty(
        name="Hands on Body", description="Keep hands where they touch the body", default=False
    )
    fingers: bpy.props.BoolProperty(
        name="Fingers", description="Move fingers where both have them", default=True
    )
    flat: bpy.props.BoolProperty(
        name="Flat Character",
        description="The character is a drawing: it takes the angles of the picture, feet and hands are left alone",
        default=False,
    )
    limbs: bpy.props.EnumProperty(
        name="Limbs",
        description="Which controls get keys on rigs that have both",
        items=(("fk", "FK", "Forward kinematics"), ("ik", "IK", "Targets and poles of inverse kinematics")),
    )
    frame_start: bpy.props.IntProperty(name="First Frame", description="Frame of the first pose", default=1)
    use_sparse: bpy.props.BoolProperty(
        name="Fewer Keys", description="Leave out keys that are not needed", default=False
    )
    sparse: bpy.props.FloatProperty(
        name="Error",
        description="Angle by which bones may be off where keys are left out",
        default=np.radians(0.5),
        min=np.radians(0.001),
        subtype="ANGLE",
    )
    nla: bpy.props.BoolProperty(
        name="To NLA", description="Push the action to a track of its own", default=False
    )
    preview_frames: bpy.props.IntProperty(
        name="Frames", description="How many frames the preview shows", default=5, min=1, soft_max=20
    )


def options_of(settings: LIQUID_MOTION_RetargetSettings) -> Options:
    """The solver's options as chosen in the panel."""
    return Options(
        root=settings.root,
        scale=settings.scale_number if settings.scale == "number" else settings.scale,
        offset=tuple(settings.offset),
        turn=settings.turn,
        floor=settings.floor,
        feet=settings.feet,
        fade=settings.fade,
        hands=settings.hands,
        fingers=settings.fingers,
        flat=settings.flat,
        limbs=settings.limbs,
    )


def write_table(settings: LIQUID_MOTION_RetargetSettings, target_map: BoneMap, source_map: BoneMap) -> None:
    """Fill the table with a map: a line for each bone, and one for each role without."""
    settings.convention = target_map.convention
    settings.pairs.clear()
    for role in ROLES:
        bones = target_map.pairs.get(role, ())
        for link, bone in enumerate(bones or ("",)):
            pair = settings.pairs.add()
            pair.role, pair.link, pair.bone = role, link, bone
            pair.source = ", ".join(source_map.pairs.get(role, ())) if link == 0 else ""
            pair.reason = target_map.reasons.get(role, "")
            pair.state = _state(role, bone, pair.reason)
    settings.active_pair = min(settings.active_pair, len(settings.pairs) - 1)
    settings.switches.clear()
    settings.controls.clear()
    _write_switches(settings, "", target_map.switches)
    for limb, control in target_map.controls.items():
        item = settings.controls.add()
        item.limb, item.target, item.pole = limb, control.target, control.pole or ""
        _write_switches(settings, limb, control.switches)


def _write_switches(
    settings: LIQUID_MOTION_RetargetSettings, limb: str, switches: tuple[Switch, ...]
) -> None:
    for switch in switches:
        item = settings.switches.add()
        item.limb, item.bone, item.property, item.value = limb, switch.bone, switch.property, switch.value


def _state(role: str, bone: str, reason: str) -> str:
    if not bone:
        return "MISSING" if role in REQUIRED or role in EXPECTED else "OPTIONAL"
    if ", but " in reason:
        return "DOUBTFUL"
    if reason.startswith("named"):
        return "NAMED"
    return "BUILT" if reason.startswith("found") else "CHOSEN"


def read_table(settings: LIQUID_MOTION_RetargetSettings) -> BoneMap:
    """The map that the table holds."""
    pairs: dict[str, tuple[str, ...]] = {}
    reasons: dict[str, str] = {}
    for pair in sorted(settings.pairs, key=lambda pair: (ROLES.index(pair.role), pair.link)):
        reasons.setdefault(pair.role, pair.reason)
        if pair.bone:
            pairs[pair.role] = (*pairs.get(pair.role, ()), pair.bone)

    def switches(limb: str) -> tuple[Switch, ...]:
        return tuple(Switch(s.bone, s.property, s.value) for s in settings.switches if s.limb == limb)

    controls = {
        item.limb: LimbControl(item.target, item.pole or None, switches(item.limb))
        for item in settings.controls
    }
    return BoneMap(
        pairs,
        reasons,
        settings.convention,
        switches(""),
        {limb: controls[limb] for limb in LIMBS if limb in controls},
    )


@dataclass(frozen=True)
class Counts:
    """How the table stands."""

    found: int
    doubtful: int
    missing: int


def counts_of(settings: LIQUID_MOTION_RetargetSettings) -> Counts:
    states = [pair.state for pair in settings.pairs]
    return Counts(
        sum(bool(pair.bone) for pair in settings.pairs), states.count("DOUBTFUL"), states.count("MISSING")
    )


_CLASSES = (
    LIQUID_MOTION_BonePair,
    LIQUID_MOTION_SwitchValue,
    LIQUID_MOTION_LimbTarget,
    LIQUID_MOTION_BonePose,
    LIQUID_MOTION_RetargetSettings,
)


_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    _register()
    bpy.types.Scene.liquid_motion_retarget = bpy.props.PointerProperty(type=LIQUID_MOTION_RetargetSettings)


def unregister() -> None:
    del bpy.types.Scene.liquid_motion_retarget
    _unregister()
