"""The operator gives what the function gives, can be undone, and says why it cannot run."""

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from blender_addon.scene.action import read_action  # noqa: E402
from blender_addon.scene.build import SceneSpec, build_scene  # noqa: E402


def arrays(rig, mesh):
    """All numbers of one person."""
    found = read_action(rig.animation_data.action)
    for key in mesh.data.shape_keys.key_blocks:
        points = np.empty(len(key.data) * 3, np.float32)
        key.data.foreach_get("co", points)
        found["key", key.name] = points
        found["value", key.name] = np.array(key.value)
    for bone in rig.data.bones:
        found["bone", bone.name] = np.array(bone.matrix_local)
    weights = np.zeros((len(mesh.data.vertices), len(mesh.vertex_groups)))
    for vertex in mesh.data.vertices:
        for group in vertex.groups:
            weights[vertex.index, group.group] = group.weight
    found["weights", 0] = weights
    return found


def by_name():
    """Rig and mesh in the file."""
    return bpy.data.objects["Person rig"], bpy.data.objects["Person"]


def test_operator_equals_function(addon, person):
    built = build_scene(bpy.context.scene, SceneSpec(person["motion"], person["body"], frame_start=7))
    expected = arrays(built.rig, built.mesh)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    result = bpy.ops.liquid_motion.import_motion(
        filepath=str(person["motion"]), body=str(person["body"]), frame_start=7
    )
    assert result == {"FINISHED"}
    found = arrays(*by_name())
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in found)
    assert bpy.context.object == by_name()[0]


def test_undo(addon, person):
    bpy.ops.ed.undo_push(message="before")
    before = set(bpy.data.objects.keys())
    bpy.ops.liquid_motion.import_motion(
        "EXEC_DEFAULT", True, filepath=str(person["motion"]), body=str(person["body"])
    )
    assert set(bpy.data.objects.keys()) > before
    bpy.ops.ed.undo()
    assert set(bpy.data.objects.keys()) == before


def test_refusals(addon, person, tmp_path):
    """A message, and a file as it was."""
    before = len(bpy.data.objects)
    with pytest.raises(RuntimeError, match="Choose the subject's folder or a body file"):
        bpy.ops.liquid_motion.import_motion(filepath=str(person["motion"]))
    with pytest.raises(RuntimeError, match="no such motion file"):
        bpy.ops.liquid_motion.import_motion(filepath=str(tmp_path / "none.npz"), body=str(person["body"]))
    with pytest.raises(RuntimeError, match="no subject there"):
        bpy.ops.liquid_motion.import_motion(
            filepath=str(person["motion"]), body=str(person["body"]), subject=str(tmp_path)
        )
    assert len(bpy.data.objects) == before


def test_poll(addon, person):
    bpy.ops.liquid_motion.import_motion(filepath=str(person["motion"]), body=str(person["body"]))
    bpy.ops.object.mode_set(mode="POSE")
    with pytest.raises(RuntimeError, match="Object Mode"):
        bpy.ops.liquid_motion.import_motion(filepath=str(person["motion"]), body=str(person["body"]))
    bpy.ops.object.mode_set(mode="OBJECT")


def test_two_people_live_in_one_scene(addon, person, evaluated):
    for _ in range(2):
        bpy.ops.liquid_motion.import_motion(filepath=str(person["motion"]), body=str(person["body"]))
    expected = small_person.skinned(person["body_arrays"], person["motion_arrays"], 2)
    for name in ("Person", "Person.001"):
        assert np.abs(evaluated(bpy.data.objects[name], 3) - expected).max() < 1e-5
