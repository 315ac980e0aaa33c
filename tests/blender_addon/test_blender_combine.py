"""A person among CG objects, rendered by Cycles and the engine in one run: who hides whom, pixel by pixel."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
from engine_studio import HEIGHT, WIDTH, pixels  # noqa: E402

# A camera at the origin that looks along +Y, and flat coloured cards at known distances: the picture is known.
CARDS = """
import math
from blender_addon.scene import combine as combining
camera = scene.camera
camera.animation_data_clear(); camera.data.animation_data_clear()
camera.location, camera.rotation_mode, camera.rotation_euler = (0, 0, 0), 'XYZ', (math.pi / 2, 0, 0)
camera.data.shift_x = camera.data.shift_y = 0
bpy.data.objects['Person rig'].location = (0, 50, 0)
def card(name, x0, x1, distance, colour):
    # columns x0 to x1 of the picture, all rows
    half = camera.data.sensor_width / 2 / camera.data.lens * distance
    x0, x1 = (2 * np.array([x0, x1]) / WIDTH - 1) * half * WIDTH / HEIGHT
    data = bpy.data.meshes.new(name)
    data.from_pydata([(x0, distance, -9), (x1, distance, -9), (x1, distance, 9), (x0, distance, 9)], [], [(0, 1, 2, 3)])
    look = bpy.data.materials.new(name)
    if look.node_tree is None: look.use_nodes = True
    look.node_tree.nodes.clear()
    light = look.node_tree.nodes.new('ShaderNodeEmission')
    light.inputs['Color'].default_value = (*colour, 1)
    output = look.node_tree.nodes.new('ShaderNodeOutputMaterial')
    look.node_tree.links.new(light.outputs[0], output.inputs[0])
    data.materials.append(look)
    made = bpy.data.objects.new(name, data)
    scene.collection.objects.link(made)
card('front', 0, 20.5, 3.0, (1, 0, 0))
card('behind', 25, 40, 7.0, (0, 0, 1))
scene.render.engine = 'CYCLES'
scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.device = 64, False, 'CPU'
scene.cycles.pixel_filter_type = 'BOX'
scene.render.image_settings.file_format = 'PNG'
scene.render.image_settings.color_mode = 'RGBA'
scene.render.filepath = OUT
"""


def render(studio, source):
    out = studio.folder / "combined.png"
    head = f"HEIGHT, WIDTH, OUT = {HEIGHT}, {WIDTH}, {str(out)!r}\n"
    said = studio.script(head + CARDS + source)
    return pixels(out)[HEIGHT // 2].astype(int), said


def green(alpha_column=None):
    """A green person in columns 5 to 30 at 5 m; one column of its right edge is half clear and has no depth."""
    picture, depth = np.zeros((HEIGHT, WIDTH, 4)), np.full((HEIGHT, WIDTH), np.inf)
    picture[:, 5:30] = 0, 1, 0, 1
    depth[:, 5:30] = 5.0
    picture[:, 30] = 0, 1, 0, 0.5
    return picture, depth


def srgb(value):
    return round(255 * (1.055 * value ** (1 / 2.4) - 0.055)) if value else 0


@pytest.mark.slow
def test_nearer_things_hide_farther_ones(studio):
    studio.show(*green())
    studio.build()
    row, said = render(
        studio,
        """
assert bpy.ops.liquid_motion.combine() == {'FINISHED'}
bpy.ops.render.render(write_still=True)
person = scene.liquid_motion.person_scene
shadows = [c for c in scene.view_layers[0].layer_collection.children if c.indirect_only]
bodies = [o.name for o in shadows[0].collection.objects]
print('JSON' + json.dumps([person.render.engine, [c.name for c in shadows], bodies, scene.render.engine]))
""",
    )
    assert said == ["LIQUID_MOTION", ["Liquid Motion Shadows"], ["Person"], "CYCLES"]
    assert (row[:20] == (255, 0, 0, 255)).all()  # the card in front hides person and background
    assert np.abs(row[20] - (srgb(0.5), srgb(0.5), 0, 255)).max() <= 4  # its edge is half over the person
    assert (row[21:30] == (0, 255, 0, 255)).all()  # the person hides the card behind
    assert np.abs(row[30] - (0, srgb(0.5), srgb(0.5), 255)).max() <= 2  # soft edge over the card
    assert (row[31:40] == (0, 0, 255, 255)).all()
    assert (row[41:, 3] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["colour", "plate"])
def test_backdrop(studio, kind):
    """A colour or a picture of another size is behind everything that is clear, and moves nothing."""
    studio.show(*green())
    plate = studio.folder / "plate.png"
    image = bpy.data.images.new("plate", 61, 93)
    image.pixels.foreach_set(np.tile(np.array([1, 1, 0, 1], np.float32), 61 * 93))
    image.filepath_raw, image.file_format = str(plate), "PNG"
    image.save()
    bpy.data.images.remove(image)
    words = ("--background", "#ffff00") if kind == "colour" else ("--background", "plate", "--plate", plate)
    studio.build(*words)
    row, _ = render(
        studio,
        """
bpy.ops.liquid_motion.combine()
bpy.ops.render.render(write_still=True)
print('JSON' + json.dumps(0))
""",
    )
    assert (row[:20] == (255, 0, 0, 255)).all()
    assert (row[21:30] == (0, 255, 0, 255)).all()
    assert (row[31:40] == (0, 0, 255, 255)).all()
    assert (row[41:] == (255, 255, 0, 255)).all()


@pytest.mark.slow
def test_separate_undoes_it(studio):
    """Scenes, collections, passes, engine and compositor are what they were, also around a compositor of the user's."""
    studio.show(*green())
    studio.build()
    found = studio.script(
        """
from blender_addon.scene.compositor import compositor_of
def state():
    tree = compositor_of(scene)
    links = [] if tree is None else [
        [l.from_node.name, l.from_socket.name, l.to_node.name, l.to_socket.name] for l in tree.links]
    return [sorted(s.name for s in bpy.data.scenes), sorted(c.name for c in bpy.data.collections), sorted(links),
        sorted(g.name for g in bpy.data.node_groups), scene.render.engine, scene.view_layers[0].use_pass_z,
        scene.use_nodes if bpy.app.version < (5, 0, 0) else True]
before = state()
bpy.ops.liquid_motion.combine(); during = state()
assert not bpy.ops.liquid_motion.combine.poll()
bpy.ops.liquid_motion.separate(); after = state()
# the user's own compositor
from blender_addon.scene import compositor
tree = compositor._new_compositor(scene)
del tree['liquid_motion']
layers, glare = tree.nodes.new('CompositorNodeRLayers'), tree.nodes.new('CompositorNodeBlur')
layers.scene = scene
tree.links.new(layers.outputs['Image'], glare.inputs[0])
tree.links.new(glare.outputs[0], compositor._output(tree))
own = state()
bpy.ops.liquid_motion.combine()
inside = [l.to_node.name for l in tree.links if l.from_node.type == 'GROUP']
bpy.ops.liquid_motion.separate()
print('JSON' + json.dumps([before, during, after, own, state(), inside, glare.name]))
"""
    )
    before, during, after, own, back, inside, blur = found
    assert before == after
    assert during != before
    assert own == back
    assert inside == [blur]


def test_refusals(addon, person):
    from blender_addon.errors import AddonError
    from blender_addon.scene import build, combine, files

    scene = bpy.context.scene
    with pytest.raises(AddonError, match="no camera"):
        combine.combine(scene)
    body, motion = files.read_body(person["body"]), files.read_motion(person["motion"])
    made = build.add_person(scene, motion, body)
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    assert not bpy.ops.liquid_motion.combine.poll()
    with pytest.raises(AddonError, match="shows no person"):
        combine.combine(scene)
    made.mesh.liquid_motion.subject = "/nowhere"
    scene.liquid_motion.background, scene.liquid_motion.plate = "plate", "/nowhere/plate.png"
    with pytest.raises(AddonError, match="plate.png: no such footage"):
        combine.combine(scene)
    assert len(bpy.data.scenes) == 1 and not bpy.data.node_groups and not combine.is_combined(scene)
    scene.liquid_motion.background = "transparent"
    combine.combine(scene)
    with pytest.raises(AddonError, match="combined already"):
        combine.combine(scene)
    combine.separate(scene)
    with pytest.raises(AddonError, match="not combined"):
        combine.separate(scene)


def test_person_scene_follows(addon, person):
    """A new size, camera and person reach the scene that draws the person before every frame."""
    from blender_addon.scene import build, combine, files

    scene = bpy.context.scene
    body, motion = files.read_body(person["body"]), files.read_motion(person["motion"])
    first = build.add_person(scene, motion, body)
    first.mesh.liquid_motion.subject = "/nowhere"
    cameras = [bpy.data.objects.new(name, bpy.data.cameras.new(name)) for name in ("One", "Two")]
    for camera in cameras:
        scene.collection.objects.link(camera)
    scene.camera = cameras[0]
    drawn = combine.combine(scene)
    assert set(drawn.collection.objects) == {first.mesh, cameras[0]}
    second = build.add_person(scene, motion, body, name="Other")
    second.mesh.liquid_motion.subject = "/nowhere"
    bpy.data.objects.remove(first.mesh)
    scene.camera, scene.render.resolution_x, scene.frame_end = cameras[1], 123, 7
    scene.render.use_border, scene.render.border_min_x = True, 0.25
    for handler in bpy.app.handlers.render_pre:
        handler(scene)
    assert set(drawn.collection.objects) == {second.mesh, cameras[1]}
    assert (drawn.render.resolution_x, drawn.frame_end, drawn.camera) == (123, 7, cameras[1])
    assert (drawn.render.use_border, drawn.render.border_min_x) == (True, 0.25)
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    scene.collection.objects.link(lamp)
    for asked, seen in (("photo", False), ("scene", True), ("photo", False)):
        scene.liquid_motion.light = asked
        for handler in bpy.app.handlers.render_pre:
            handler(scene)
        assert (lamp in set(drawn.collection.objects)) == seen and drawn.liquid_motion.light == asked
    assert drawn.world == scene.world
    spare = bpy.data.collections.new("another light rig")
    scene.collection.children.link(spare)
    other = bpy.data.objects.new("Other Lamp", bpy.data.lights.new("Lamp", "POINT"))
    spare.objects.link(other)
    scene.liquid_motion.light = "scene"
    for hidden in (True, False):
        spare.hide_render = hidden
        for handler in bpy.app.handlers.render_pre:
            handler(scene)
        assert (other in set(drawn.collection.objects)) != hidden
    scene.liquid_motion.light = "photo"
    bpy.data.scenes.remove(drawn)  # by hand: the scene is not combined any more
    assert not combine.is_combined(scene)
    for handler in bpy.app.handlers.render_pre:
        handler(scene)


def test_linked_body_and_override(addon, person, tmp_path):
    """A linked body is not touched; an override is hidden from the camera and seen again, also after a save."""
    from blender_addon.scene import build, combine, files

    body, motion = files.read_body(person["body"]), files.read_motion(person["motion"])
    made = build.add_person(bpy.context.scene, motion, body)
    made.mesh.liquid_motion.subject = "//subject"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "user.blend"))
    bpy.ops.wm.link(directory=f"{tmp_path / 'library.blend'}/Object/", filename="Person")
    scene, mesh = bpy.context.scene, bpy.data.objects["Person"]
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    drawn = combine.combine(scene)
    assert mesh in set(drawn.objects)
    assert mesh.visible_camera
    combine.separate(scene)
    mesh.override_create(remap_local_usages=True)
    combine.combine(scene)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "user.blend"))
    scene = bpy.data.scenes["Scene"]
    override = scene.objects["Person"]
    assert override.override_library is not None
    assert not override.visible_camera
    combine.separate(scene)
    assert override.visible_camera


@pytest.mark.slow
def test_animation_at_another_size(studio):
    """Every frame is drawn in the person's pose of that frame, at the size that the main scene has by then."""
    import small_person

    studio.show(*green())
    studio.build()
    studio.script(
        f"HEIGHT, WIDTH, OUT = {HEIGHT}, {WIDTH}, {str(studio.folder / 'half_')!r}\n"
        + CARDS
        + """
bpy.ops.liquid_motion.combine()
scene.cycles.samples = 1
scene.render.resolution_percentage = 50
scene.frame_start, scene.frame_end = 3, 5
bpy.ops.render.render(animation=True)
print('JSON' + json.dumps(0))
"""
    )
    assert [params["size"] for job, params in studio.requests() if job == "render_frame"] == [[40, 24]] * 3
    for path, row in zip(sorted(studio.folder.glob("arrays0*.npz")), (2, 3, 4), strict=True):
        with np.load(path) as sent:
            expected = small_person.skinned(studio.person["body_arrays"], studio.motion, row) + [0, 50, 0]
            assert np.abs(sent["vertices"] - expected).max() < 1e-4
    assert pixels(studio.folder / "half_0004.png").shape == (40, 24, 4)
