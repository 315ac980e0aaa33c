"""Actions: the same keys in every Blender."""

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from mathutils import Quaternion  # noqa: E402

from blender_addon.scene import action, build, files  # noqa: E402


def curves_played_back(owner, path, index, frames):
    values = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        value = owner.path_resolve(path)
        values.append(value[index] if index is not None else value)
    return values


def test_keys_are_played_and_read_back(addon):
    thing = bpy.data.objects.new("Thing", None)
    bpy.context.scene.collection.objects.link(thing)
    values = np.random.default_rng(0).normal(size=(4, 3))
    made = action.add_action(thing, "Walk", [action.Curve("location", values, "Place")], frame_start=-1)
    assert np.allclose([list(thing.animation_data.action.frame_range)], [-1, 2])
    for index in range(3):
        assert np.allclose(curves_played_back(thing, "location", index, range(-1, 3)), values[:, index])
        keys = action.read_action(made)["location", index]
        assert np.allclose(keys, np.stack([np.arange(-1, 3), values[:, index]], 1))


def test_between_keys_values_are_linear(addon):
    data = bpy.data.cameras.new("C")
    thing = bpy.data.objects.new("C", data)
    bpy.context.scene.collection.objects.link(thing)
    action.add_action(
        data, "Zoom", [action.Curve("lens", np.array([[20.0], [40], [90]]), "Lens", scalar=True)]
    )
    bpy.context.scene.frame_set(2, subframe=0.5)
    bpy.context.view_layer.update()
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert abs(evaluated.data.lens - 65) < 1e-4


def test_bones_are_grouped_and_turn_the_short_way(addon, person):
    made = build.add_person(
        bpy.context.scene, files.read_motion(person["motion"]), files.read_body(person["body"])
    )
    keys = action.read_action(made.rig.animation_data.action)
    assert len(keys) == 3 + 4 * len(small_person.NAMES)
    for name in small_person.NAMES:
        path = f'pose.bones["{name}"].rotation_quaternion'
        q = np.stack([keys[path, i][:, 1] for i in range(4)], 1)
        assert np.allclose(np.linalg.norm(q, axis=1), 1, atol=1e-6)
        assert (np.sum(q[1:] * q[:-1], 1) >= 0).all()
        assert made.rig.pose.bones[name].rotation_mode == "QUATERNION"


def test_child_rotation_is_smpls_in_the_bones_axes(addon, person):
    """One joint by hand: the pose bone's rotation, taken to armature space, is SMPL's rotation in Z-up axes."""
    made = build.add_person(
        bpy.context.scene, files.read_motion(person["motion"]), files.read_body(person["body"])
    )
    bpy.context.scene.frame_set(3)
    bone = made.rig.pose.bones["spine1"]
    rest = np.array(bone.bone.matrix_local.to_3x3())
    turned = rest @ np.array(Quaternion(bone.rotation_quaternion).to_matrix()) @ rest.T
    C = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    expected = C @ small_person.rotation(person["motion_arrays"]["poses"][2, 9:12]) @ C.T
    assert np.abs(turned - expected).max() < 1e-6


@pytest.mark.parametrize("fps", [24, 25.0, 29.97, 23.976, 59.94, 0.5, 119.88])
def test_rate_survives(addon, person, tmp_path, fps):
    arrays = person["motion_arrays"] | {"mocap_frame_rate": np.array(fps)}
    motion = files.read_motion(small_person.write(tmp_path / "m.npz", arrays))
    scene = bpy.context.scene
    build.set_timing(scene, motion, frame_start=3)
    assert abs(scene.render.fps / scene.render.fps_base - fps) < 1e-4 * fps
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (3, 8, 3)
