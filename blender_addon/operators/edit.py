"""Editing a fit: a range of frames fitted again, smoothed, its feet held; corrections on a layer; another shape."""

from __future__ import annotations

import bpy

from ..errors import AddonError
from ..scene import fit_keys, layers, shape
from ..scene.person import selected_rig


class LIQUID_MOTION_EditSettings(bpy.types.PropertyGroup):
    """On the scene: which frames are edited, and how gently."""

    first: bpy.props.IntProperty(name="First Frame", description="First frame that is edited", default=1)
    last: bpy.props.IntProperty(name="Last", description="Last frame that is edited", default=20)
    blend: bpy.props.IntProperty(
        name="Blend",
        description="Frames inside the range over which the new motion is led in and out",
        default=4,
        min=0,
        soft_max=30,
    )
    strength: bpy.props.FloatProperty(
        name="Strength",
        description="Frames over which the motion is averaged (standard deviation)",
        default=1.5,
        min=0.1,
        soft_max=10.0,
    )
    falloff: bpy.props.IntProperty(
        name="Falloff",
        description="Frames before and after a correction over which it fades out",
        default=8,
        min=1,
        soft_max=60,
    )


class EditOperator:
    """Base of an operator that edits the person of the selected rig or body."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def obstacle(cls, rig: bpy.types.Object) -> str:
        """Why this cannot be done with the rig now; '' where it can."""
        return ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        rig = selected_rig(context)
        if rig is None:
            reason = "Select the rig or the body of a person"
        elif context.mode not in ("OBJECT", "POSE"):
            reason = "Leave the current mode first: Object or Pose Mode is needed"
        else:
            reason = cls.obstacle(rig)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            said = self.edit(context, selected_rig(context))
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, said)
        return {"FINISHED"}

    def edit(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        """Do it, and say what was done. Raises AddonError."""
        raise NotImplementedError


def edited_range(scene: bpy.types.Scene, whole: fit_keys.FitKeys) -> fit_keys.FitKeys:
    """The chosen frames of a fit.

    Raises:
        AddonError: the fit has none of them.
    """
    settings = scene.liquid_motion_edit
    first, last = max(settings.first, whole.first), min(settings.last, whole.last)
    if last < first:
        raise AddonError(
            f"frames {settings.first} to {settings.last} are none of the fit's, which has {whole.first} to "
            f"{whole.last}; choose some of those"
        )
    return whole.rows(first, last)


class LIQUID_MOTION_OT_smooth(EditOperator, bpy.types.Operator):
    """Take the jitter out of the chosen frames of the fit"""

    bl_idname = "liquid_motion.smooth"
    bl_label = "Smooth"

    root: bpy.props.BoolProperty(name="Root Too", description="Smooth the way of the body too", default=True)

    def edit(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        whole, settings = fit_keys.read_fit(rig), context.scene.liquid_motion_edit
        old = edited_range(context.scene, whole)
        new = fit_keys.smooth(whole, old.first, old.last, settings.strength, root=self.root)
        fit_keys.write_fit(rig, fit_keys.blend(old, new, settings.blend, whole))
        return f"Smoothed frames {old.first} to {old.last} of {rig.name}"


class LIQUID_MOTION_OT_use_preview_range(bpy.types.Operator):
    """Edit the frames of the preview range (drawn in the timeline with P), or all of the scene's"""

    bl_idname = "liquid_motion.use_preview_range"
    bl_label = "Use Preview Range"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, settings = context.scene, context.scene.liquid_motion_edit
        preview = scene.use_preview_range
        settings.first = scene.frame_preview_start if preview else scene.frame_start
        settings.last = scene.frame_preview_end if preview else scene.frame_end
        return {"FINISHED"}


class LIQUID_MOTION_OT_add_layer(EditOperator, bpy.types.Operator):
    """Put a layer for corrections above the fit: pose bones on a few frames, and the fit itself stays as it is"""

    bl_idname = "liquid_motion.add_layer"
    bl_label = "Add Layer"

    @classmethod
    def obstacle(cls, rig: bpy.types.Object) -> str:
        return "There is a layer already: pose and key on it" if layers.has_layer(rig) else ""

    def edit(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        return f"{layers.add_layer(rig).name} lies above the fit; pose bones and press Key Correction"


class LayerOperator(EditOperator):
    @classmethod
    def obstacle(cls, rig: bpy.types.Object) -> str:
        return "" if layers.has_layer(rig) else "There is no layer of corrections: add one first"


class LIQUID_MOTION_OT_key_correction(LayerOperator, bpy.types.Operator):
    """Key the bones that were posed on this frame on the layer of corrections; it fades out on both sides"""

    bl_idname = "liquid_motion.key_correction"
    bl_label = "Key Correction"

    falloff: bpy.props.IntProperty(
        name="Falloff", description="Frames over which it fades out; 0: as set in the panel", min=0
    )

    def edit(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        scene = context.scene
        falloff = self.falloff or scene.liquid_motion_edit.falloff
        bones = layers.key_correction(rig, scene.frame_current, falloff)
        return f"Keyed {', '.join(bones)} at frame {scene.frame_current}"


class LIQUID_MOTION_OT_merge_layer(LayerOperator, bpy.types.Operator):
    """Write the corrections into the fit and take their layer away"""

    bl_idname = "liquid_motion.merge_layer"
    bl_label = "Merge"

    def edit(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        layers.merge_layer(rig)
        context.scene.frame_set(context.scene.frame_current)
        return f"The corrections are in {rig.animation_data.action.name}"


class LIQUID_MOTION_OT_remove_layer(LayerOperator, bpy.types.Operator):
    """Throw the corrections away; the fit is as it was"""

    bl_idname = "liquid_motion.remove_layer"
    bl_label = "Remove"

    def edit(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        layers.remove_layer(rig)
        context.scene.frame_set(context.scene.frame_current)
        return f"{rig.name} does the fit again"


class LIQUID_MOTION_OT_apply_shape(EditOperator, bpy.types.Operator):
    """Move the bones to the joints of the shape that the sliders say, so that elbows bend at elbows"""

    bl_idname = "liquid_motion.apply_shape"
    bl_label = "Apply Shape"

    keep_feet: bpy.props.BoolProperty(
        name="Keep Feet on the Ground",
        description="Lift or lower the body as the legs grow or shrink, instead of keeping the hips' path",
        default=True,
    )

    def edit(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        shape.apply_shape(rig, keep_feet=self.keep_feet)
        return f"The bones of {rig.name} follow its shape"


class LIQUID_MOTION_OT_reset_shape(EditOperator, bpy.types.Operator):
    """Set the sliders back to the shape that was fitted, and the bones with them"""

    bl_idname = "liquid_motion.reset_shape"
    bl_label = "Fitted Shape"

    def edit(self, context: bpy.types.Context, rig: bpy.types.Object) -> str:
        shape.reset_shape(rig)
        return f"{rig.name} has the shape of its fit"


_CLASSES = (
    LIQUID_MOTION_EditSettings,
    LIQUID_MOTION_OT_smooth,
    LIQUID_MOTION_OT_use_preview_range,
    LIQUID_MOTION_OT_add_layer,
    LIQUID_MOTION_OT_key_correction,
    LIQUID_MOTION_OT_merge_layer,
    LIQUID_MOTION_OT_remove_layer,
    LIQUID_MOTION_OT_apply_shape,
    LIQUID_MOTION_OT_reset_shape,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.liquid_motion_edit = bpy.props.PointerProperty(type=LIQUID_MOTION_EditSettings)


def unregister() -> None:
    del bpy.types.Scene.liquid_motion_edit
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
