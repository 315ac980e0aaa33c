"""The scene's light by our formulas against Cycles: how bright a white matt plane at the origin is rendered."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.scene.lamps import lamps_at  # noqa: E402

SUN = {"type": "SUN", "energy": 2.5, "color": (1.0, 0.6, 0.3)}
LAMPS = {
    "sun, askew": (SUN, (0, 0, 5), (0.7, 0.3, 0)),
    "point": ({"type": "POINT", "energy": 300.0, "shadow_soft_size": 0.05}, (0.5, 1.0, 2.0), (0, 0, 0)),
    "spot, middle": ({"type": "SPOT", "energy": 400.0, "shadow_soft_size": 0.02}, (0, 0, 2.5), (0, 0, 0)),
    "spot, outside": ({"type": "SPOT", "energy": 400.0, "spot_size": 0.5}, (0, 0, 2.5), (0.9, 0, 0)),
    "area": ({"type": "AREA", "energy": 200.0, "size": 0.5}, (0, 0, 3), (0, 0, 0)),
    "area, scaled disk": (
        {"type": "AREA", "energy": 200.0, "shape": "DISK", "size": 0.4},
        (0, 1, 2),
        (-0.46, 0, 0),
    ),
}


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    material = bpy.data.materials.new("white")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    white, out = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    white.inputs["Color"].default_value = (1, 1, 1, 1)
    material.node_tree.links.new(white.outputs[0], out.inputs["Surface"])
    mesh = bpy.data.meshes.new("plane")
    mesh.from_pydata([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], [], [(0, 1, 2, 3)])
    mesh.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("plane", mesh))
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type, camera.data.ortho_scale, camera.location = "ORTHO", 0.02, (0, 0, 4)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.world = bpy.data.worlds.new("world")
    scene.world.color = (0, 0, 0)
    return scene


def rendered(scene, path):
    """(3,) radiance of the plane."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = 400, False, 0
    scene.render.resolution_x = scene.render.resolution_y = 4
    scene.render.image_settings.file_format = "HDR"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels[:]).reshape(4, 4, -1)[..., :3]
    bpy.data.images.remove(image)
    return pixels.mean((0, 1))


def by_formula(scene):
    scene.view_layers[0].update()
    lamps = lamps_at(bpy.context.evaluated_depsgraph_get(), np.zeros(3))
    return lamps.ambient + np.clip(lamps.directions[:, 2:], 0, None).T @ lamps.intensities


def add_lamp(scene, settings, place, turn):
    settings = dict(settings)
    data = bpy.data.lights.new("lamp", settings.pop("type"))
    for name, value in settings.items():
        setattr(data, name, value)
    lamp = bpy.data.objects.new("lamp", data)
    lamp.location, lamp.rotation_euler = place, turn
    scene.collection.objects.link(lamp)


def around(scene, image):
    """Put an environment picture around the scene."""
    scene.world.use_nodes = True
    tree = scene.world.node_tree
    background = next(node for node in tree.nodes if node.type == "BACKGROUND")
    sky = tree.nodes.new("ShaderNodeTexEnvironment")
    sky.image = image
    tree.links.new(sky.outputs["Color"], background.inputs["Color"])


@pytest.mark.parametrize("name", LAMPS)
def test_each_kind_of_lamp(scene, tmp_path, name):
    add_lamp(scene, *LAMPS[name])
    np.testing.assert_allclose(
        np.ravel(by_formula(scene)), rendered(scene, tmp_path / "a.hdr"), rtol=0.04, atol=2e-3
    )


def test_lamps_and_world_add_up_in_their_colours(scene, tmp_path):
    add_lamp(scene, *LAMPS["sun, askew"])
    add_lamp(scene, {"type": "POINT", "energy": 80.0, "color": (0.2, 0.4, 1.0)}, (-1, 0, 1.5), (0, 0, 0))
    scene.world.use_nodes = True
    background = next(node for node in scene.world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.3, 0.5, 0.2, 1)
    background.inputs["Strength"].default_value = 0.7
    np.testing.assert_allclose(np.ravel(by_formula(scene)), rendered(scene, tmp_path / "b.hdr"), rtol=0.04)


def test_a_picture_around_the_scene_counts_with_its_mean(scene):
    image = bpy.data.images.new("sky", 64, 32, float_buffer=True)
    pixels = np.zeros((32, 64, 4), np.float32)
    pixels[16:, :, 2] = 1.0  # blue above: half of the sphere
    pixels[0, 0, 0] = np.inf  # as broken pictures have it
    image.pixels.foreach_set(pixels.ravel())
    around(scene, image)
    np.testing.assert_allclose(np.ravel(by_formula(scene)), [0, 0, 0.5], atol=1e-3)


def test_a_picture_of_bytes_is_brought_to_linear_light(scene):
    image = bpy.data.images.new("photo", 8, 4)
    image.pixels.foreach_set(np.full(8 * 4 * 4, 0.5, np.float32))
    around(scene, image)
    np.testing.assert_allclose(np.ravel(by_formula(scene)), 0.2140411, atol=3e-3)


def test_other_nodes_of_the_world_are_refused(scene):
    scene.world.use_nodes = True
    tree = scene.world.node_tree
    background = next(node for node in tree.nodes if node.type == "BACKGROUND")
    tree.links.new(tree.nodes.new("ShaderNodeTexSky").outputs[0], background.inputs["Color"])
    with pytest.raises(AddonError, match="nodes of the world 'world' are not read"):
        by_formula(scene)
    tree.links.remove(background.outputs[0].links[0])
    assert not by_formula(scene).any()  # a world with nothing at its surface is black


def test_portals_and_lamps_without_diffuse_light_do_not_count(scene):
    add_lamp(scene, *LAMPS["area"])
    scene.objects["lamp"].data.cycles.is_portal = True
    assert not by_formula(scene).any()
    scene.objects["lamp"].data.cycles.is_portal = False
    scene.objects["lamp"].data.update_tag()  # as the interface does it
    assert by_formula(scene).any()
    scene.objects["lamp"].visible_diffuse = False
    assert not by_formula(scene).any()


def test_hidden_lamps_and_no_world(scene):
    add_lamp(scene, *LAMPS["point"])
    scene.objects["lamp"].hide_viewport = True
    scene.world = None
    assert not by_formula(scene).any()
