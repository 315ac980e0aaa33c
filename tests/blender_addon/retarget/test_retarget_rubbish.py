"""Rigs that are no body: a clear message, and the file as it was. And undo, which gives everything back."""

import bpy
import pytest
import rigs
from mathutils import Matrix
from moving import degrees_apart, evaluated, sine_clip
from test_retarget_apply import state

from blender_addon.errors import AddonError
from blender_addon.retarget.apply import Job, retarget

SOLVABLE = {"upside_down", "loop", "same_names", "tiny_bones"}
"""Odd, but bodies, told by their build: solved as Blender shows it, or refused with a message."""


@pytest.mark.parametrize("name", rigs.RUBBISH)
def test_rubbish(name):
    rig = rigs.RUBBISH[name]()
    bpy.context.view_layer.update()
    before, actions = state(rig), len(bpy.data.actions)
    try:
        [applied] = retarget([Job(rig, sine_clip(4))])
    except AddonError as error:
        assert "\n" not in str(error) and len(str(error)) > 20
        assert len(bpy.data.actions) == actions and rig.animation_data is None
    else:
        assert name in SOLVABLE
        shown = evaluated(rig, 1, applied.solution.bones)
        assert degrees_apart(shown[:, :3, :3], applied.solution.axes[0]).max() < 0.01
        rig.animation_data_clear()
        for bone in rig.pose.bones:
            bone.matrix_basis = Matrix()
    assert state(rig) == before


def test_not_an_armature():
    cube = bpy.data.objects.new("cube", bpy.data.meshes.new("cube"))
    with pytest.raises(AddonError, match="not an armature"):
        retarget([Job(cube, sine_clip(4))])


def test_bones_that_constraints_hold(shared):
    """A rig under somebody else's control: refused by name, unless the held bone can be done without."""
    rig = rigs.build("anny_mixamo", shared)
    other = rigs.build("anny_mixamo", shared)
    for bone in ("mixamorig:LeftUpLeg", "mixamorig:LeftHand"):
        constraint = rig.pose.bones[bone].constraints.new("COPY_ROTATION")
        constraint.target, constraint.subtarget = other, bone
    before = state(rig)
    with pytest.raises(AddonError, match="LeftUpLeg"):
        retarget([Job(rig, sine_clip(4))])
    assert state(rig) == before
    rig.pose.bones["mixamorig:LeftUpLeg"].constraints[0].mute = True
    [applied] = retarget([Job(rig, sine_clip(4))])
    assert "mixamorig:LeftHand" not in applied.solution.bones
    assert applied.solution.left_out == ("mixamorig:LeftHand",)
    assert "mixamorig:LeftUpLeg" in applied.solution.bones


def test_undo_gives_everything_back(shared):
    name = rigs.build("anny_mixamo", shared).name
    rig = bpy.data.objects[name]
    rig.pose.bones[3].constraints.new("LIMIT_LOCATION")
    rig.pose.bones[5]["mine"] = 3.0
    rig.pose.bones[7].rotation_mode = "ZXY"
    bpy.ops.ed.undo_push(message="before")
    before = state(rig)
    matrices = [tuple(map(tuple, bone.matrix)) for bone in rig.pose.bones]
    retarget([Job(rig, sine_clip(6))])
    bpy.context.scene.frame_set(4)
    bpy.ops.ed.undo_push(message="retarget")
    assert [tuple(map(tuple, bone.matrix)) for bone in bpy.data.objects[name].pose.bones] != matrices
    bpy.ops.ed.undo()
    rig = bpy.data.objects[name]
    assert state(rig) == before
    assert rig.animation_data is None or rig.animation_data.action is None
    assert not bpy.data.actions
    bpy.context.view_layer.update()
    assert [tuple(map(tuple, bone.matrix)) for bone in rig.pose.bones] == matrices
