"""Undo and redo of every operator that puts the person into the scene or edits it: back to what was, and forth."""

import pytest
import small_person

bpy = pytest.importorskip("bpy")
from blender_addon.scene import build, person  # noqa: E402
from blender_addon.scene.action import read_action  # noqa: E402


def state():
    scene, rig, mesh = bpy.context.scene, bpy.data.objects["Person rig"], bpy.data.objects["Person"]
    animation, editor = rig.animation_data, scene.sequence_editor
    strips = getattr(editor, "strips", None) or getattr(editor, "sequences", ())
    actions = {a.name: {k: v.round(4).tolist() for k, v in read_action(a).items()} for a in bpy.data.actions}
    return {
        "names": [
            sorted(data.name for data in kind)
            for kind in (bpy.data.objects, bpy.data.scenes, bpy.data.collections, bpy.data.node_groups)
        ],
        "actions": actions,
        "action": animation.action.name if animation.action else None,
        "blend": animation.action_blend_type,
        "tracks": [track.name for track in animation.nla_tracks],
        "heads": [[round(x, 5) for x in bone.head_local] for bone in rig.data.bones],
        "location": [round(x, 5) for x in mesh.location],
        "betas": [round(key.value, 4) for key in person.beta_keys(mesh)],
        "applied": [round(value, 4) for value in rig.data[person.RECORD]["applied"]],
        "seen": mesh.visible_camera,
        "depth": scene.view_layers[0].use_pass_z,
        "strips": len(strips),
        "backgrounds": len(scene.camera.data.background_images),
        "materials": [slot.name for slot in mesh.data.materials],
    }


def pose():
    bpy.context.scene.frame_set(3)
    bpy.data.objects["Person rig"].pose.bones["head"].rotation_quaternion = (0, 1, 0, 0)


def slide():
    bpy.data.objects["Person"].data.shape_keys.key_blocks["beta_0"].value += 1


def test_undo_and_redo(addon, person, tmp_path):
    folder = tmp_path / "subject"
    folder.mkdir()
    (folder / "subject.json").write_text("{}")
    image = bpy.data.images.new("frame", 16, 16)
    frames = [tmp_path / f"frame_{number:04d}.png" for number in (1, 2, 3)]
    for path in (folder / "texture.png", *frames):
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
    bpy.data.images.remove(image)
    body = small_person.write(folder / "body.npz", person["body_arrays"])
    spec = build.SceneSpec(person["motion"], body, subject=folder)
    made = build.build_scene(bpy.context.scene, spec)
    bpy.context.view_layer.objects.active = made.rig
    made.rig.select_set(True)
    bpy.ops.ed.undo_push(message="start")
    picture = {"filepath": str(frames[0])}
    steps = (
        ("smooth", {}, None),
        ("add_layer", {}, None),
        ("key_correction", {}, pose),
        ("merge_layer", {}, None),
        ("add_layer", {}, None),
        ("remove_layer", {}, None),
        ("apply_shape", {}, slide),
        ("reset_shape", {}, None),
        ("combine", {}, None),
        ("separate", {}, None),
        ("frames_plane", picture, None),
        ("frames_strip", picture, None),
        ("camera_background", picture, None),
        ("textured_body", {}, None),
    )
    for name, options, first in steps:
        if first is not None:
            first()
            bpy.ops.ed.undo_push(message="by hand")
        before = state()
        assert getattr(bpy.ops.liquid_motion, name)("EXEC_DEFAULT", True, **options) == {"FINISHED"}, name
        after = state()
        assert after != before, name
        bpy.ops.ed.undo()
        assert state() == before, name
        bpy.ops.ed.redo()
        assert state() == after, name
