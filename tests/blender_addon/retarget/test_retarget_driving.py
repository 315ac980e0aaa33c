"""An armature of the scene drives a person: over the armature's own frames, limb by limb as it moves."""

import bpy
import numpy as np
from moving import armature_of, evaluated, sine_clip

from blender_addon.results import drive_by_armature
from blender_addon.retarget.apply import Job, retarget


def test_person_follows_the_armature(addon):
    clip = sine_clip(12)
    driver, person = armature_of(clip.skeleton, "driver"), armature_of(clip.skeleton, "person")
    retarget([Job(driver, clip)], frame_start=5)
    first, last = (int(frame) for frame in driver.animation_data.action.frame_range)
    drive_by_armature(bpy.context.scene, person, driver)
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == (first, last)
    assert [int(frame) for frame in person.animation_data.action.frame_range] == [first, last]
    limbs = ("left_elbow", "right_knee", "head")
    for frame in (first, last):
        turned, meant = (evaluated(rig, frame, limbs)[:, :3, :3] for rig in (person, driver))
        assert np.abs(turned - meant).max() < 0.02
