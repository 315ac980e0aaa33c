"""What was exported, imported again: joints and skin in the world, texture, scale, frames."""

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.scene import build, export  # noqa: E402

IMPORTERS = {
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path, anim_offset=0.0),
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".usdc": lambda path: bpy.ops.wm.usd_import(filepath=path),
}


@pytest.fixture
def subject(tmp_path, person):
    """A subject folder with a texture whose left half is red."""
    folder = tmp_path / "subject"
    folder.mkdir()
    (folder / "subject.json").write_text("{}")
    person["body"].rename(folder / "body.npz")
    image = bpy.data.images.new("texture", 8, 8)
    pixels = np.zeros((8, 8, 4), np.float32)
    pixels[..., 3], pixels[:, :4, 0] = 1, 1
    image.pixels.foreach_set(pixels.ravel())
    image.filepath_raw, image.file_format = str(folder / "texture.png"), "PNG"
    image.save()
    bpy.data.images.remove(image)
    return folder


def joints(rig, frame):
    bpy.context.scene.frame_set(frame)
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([evaluated.matrix_world @ evaluated.pose.bones[n].head for n in small_person.NAMES])


def state():
    kinds = ("objects", "meshes", "shape_keys", "scenes", "actions", "armatures")
    names = [sorted(data.name for data in getattr(bpy.data, kind)) for kind in kinds]
    return [*names, bpy.context.scene.frame_current]


@pytest.mark.parametrize("suffix", IMPORTERS)
def test_comes_back_the_same(addon, person, subject, evaluated, tmp_path, suffix):
    scene = bpy.context.scene
    spec = build.SceneSpec(person["motion"], subject / "body.npz", subject=subject, frame_start=5)
    made = build.build_scene(scene, spec)
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.frame_set(7)
    expected_joints = [joints(made.rig, frame) for frame in (5, 8, 10)]
    expected_skin = evaluated(made.mesh, 8)
    scene.frame_set(7)
    before = state()
    out = export.export_person(scene, made.rig, tmp_path / f"person{suffix}")
    assert state() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    scene.render.fps = 25
    IMPORTERS[suffix](str(out))
    rig = next(o for o in bpy.data.objects if o.type == "ARMATURE")
    mesh = next(o for o in bpy.data.objects if o.type == "MESH" and "Person" in o.name)
    first, last = rig.animation_data.action.frame_range
    assert last - first == 5
    assert first in (5, 0)  # an importer may count from its own start
    for expected, frame in zip(expected_joints, (5, 8, 10), strict=True):
        assert np.abs(joints(rig, int(first) + frame - 5) - expected).max() < 1e-5
    skin = evaluated(mesh, int(first) + 3)
    distances = np.linalg.norm(skin[:, None] - expected_skin[None], axis=-1)
    assert distances.min(1).max() < 1e-4
    assert distances.min(0)[np.unique(person["body_arrays"]["faces"])].max() < 1e-4
    assert np.allclose(rig.scale, 1) and np.allclose(mesh.scale, 1)
    images = [n.image for n in mesh.data.materials[0].node_tree.nodes if n.type == "TEX_IMAGE" and n.image]
    pixels = np.array(images[0].pixels[:]).reshape(8, 8, 4)
    assert np.allclose(pixels[:, :4, 0], 1, atol=0.01) and np.allclose(pixels[:, 4:, 0], 0, atol=0.01)


def test_layers_above_the_fit_are_exported(addon, person, subject, tmp_path):
    scene = bpy.context.scene
    spec = build.SceneSpec(person["motion"], subject / "body.npz", subject=subject)
    made = build.build_scene(scene, spec)
    from blender_addon.scene.action import push_action

    push_action(made.rig, made.rig.animation_data.action, 3)  # the fit, two frames later
    expected = joints(made.rig, 4)
    out = export.export_person(scene, made.rig, tmp_path / "person.glb")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 30, 30 / 29.97
    bpy.ops.import_scene.gltf(filepath=str(out))
    rig = next(o for o in bpy.data.objects if o.type == "ARMATURE")
    assert np.abs(joints(rig, 4) - expected).max() < 1e-3


def test_shape_is_baked(addon, person, evaluated):
    """The mesh of the export equals the evaluated one, correctives included, and has no shape keys but those."""
    from blender_addon.scene import files

    arrays = small_person.body_arrays(correctives=True)
    path = small_person.write(person["body"].with_name("c.npz"), arrays)
    made = build.add_person(bpy.context.scene, files.read_motion(person["motion"]), files.read_body(path))
    expected = evaluated(made.mesh, 3)
    copy = made.mesh.copy()
    copy.data = made.mesh.data.copy()
    bpy.context.scene.collection.objects.link(copy)
    export.bake_shape(copy)
    assert np.abs(evaluated(copy, 3) - expected).max() < 1e-5
    assert not [key.name for key in copy.data.shape_keys.key_blocks if key.name.startswith("beta")]


def test_refusals(addon, person, tmp_path):
    scene = bpy.context.scene
    made = build.build_scene(scene, build.SceneSpec(person["motion"], person["body"]))
    with pytest.raises(AddonError, match="choose such a name"):
        export.export_person(scene, made.rig, tmp_path / "x.obj")
    with pytest.raises(AddonError, match="another folder"):
        export.export_person(scene, made.rig, tmp_path / "none" / "x.glb")
    bpy.data.objects.remove(made.mesh)
    with pytest.raises(AddonError, match="carries no body"):
        export.export_person(scene, made.rig, tmp_path / "x.glb")
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.liquid_motion.export_person.poll()
