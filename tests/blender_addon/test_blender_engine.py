"""The render engine through the command line, each time in a process of its own (bpy may hang or crash at exit)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import resuming
import small_person

bpy = pytest.importorskip("bpy")

REPO = Path(__file__).parents[2]
HEIGHT, WIDTH = 80, 48


@pytest.fixture
def studio(tmp_path, person):
    """A built scene whose engine talks to the worker with the known picture."""
    return Studio(tmp_path, person)


class Studio:
    def __init__(self, folder, person):
        self.folder, self.person = folder, person
        motion = person["motion_arrays"] | {"image_size": np.array([HEIGHT, WIDTH])}
        motion["camera_K"] = motion["camera_K"] * [[0.1], [0.1], [1]]
        self.motion = motion
        small_person.write(person["motion"], motion)
        self.subject = folder / "project" / "subject"
        self.subject.mkdir(parents=True)
        (self.subject / "subject.json").write_text("{}")
        shutil.copy(person["body"], self.subject / "body.npz")
        python = folder / "worker_python"
        script = Path(__file__).with_name("picture_worker.py")
        python.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{script}' '{folder}' \"$@\"\n")
        python.chmod(0o755)
        self.environment = os.environ | {"LIQUID_MOTION_PYTHON": str(python), "PYTHONPATH": str(REPO)}

    def show(self, rgba, depth=None, provenance=None):
        depth = np.full(rgba.shape[:2], 5.0) if depth is None else depth
        provenance = np.ones(rgba.shape[:2]) if provenance is None else provenance
        np.savez(
            self.folder / "picture.npz",
            rgba=rgba.astype(np.float32),
            depth=depth.astype(np.float32),
            provenance=provenance.astype(np.uint8),
        )

    def run(self, *words, code=0):
        command = [sys.executable, *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def build(self, *words):
        self.blend = self.folder / "project" / "scene.blend"
        files = ["--motion", self.person["motion"], "--subject", self.subject, "--out", self.blend]
        return self.run("-m", "blender_addon", "build-scene", *map(str, files), *map(str, words))

    def render(self, *words, out="####.png", code=0):
        pattern = self.folder / "frames" / out
        start = ["--blend", self.blend, "--engine", "LIQUID_MOTION", "--out", pattern]
        return self.run("-m", "blender_addon", "render", *map(str, start), *words, code=code)

    def script(self, source):
        """Run Python with the extension registered and the scene open; returns what it prints as JSON."""
        head = f"""
import json, sys
import bpy, numpy as np, blender_addon
blender_addon.register()
bpy.ops.wm.open_mainfile(filepath={str(self.blend)!r})
scene = bpy.context.scene
scene.render.engine = 'LIQUID_MOTION'
"""
        tail = "\nscene.render.engine = 'CYCLES'\nblender_addon.unregister()\n"
        path = self.folder / "script.py"
        path.write_text(head + source + tail)
        said = self.run(str(path)).splitlines()
        return json.loads(next(line for line in said if line.startswith("JSON"))[4:])

    def requests(self):
        return [json.loads(line) for line in (self.folder / "requests.jsonl").read_text().splitlines()]

    def frame(self, number):
        return pixels(self.folder / "frames" / f"{number:04d}.png")


def pixels(path):
    """Bytes (H, W, 4) of an 8-bit PNG, top row first, as they are in the file."""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"
    values = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(values)
    width, height = image.size
    bpy.data.images.remove(image)
    return np.round(values.reshape(height, width, 4)[::-1] * 255).astype(np.uint8)


def known_picture(alpha=None):
    """Every byte value in every channel, at places that tell up from down and left from right."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (HEIGHT, WIDTH, 3))
    colours[:8, :32] = np.arange(256).reshape(8, 32, 1)
    alpha = np.full((HEIGHT, WIDTH, 1), 255) if alpha is None else alpha
    return np.concatenate([colours, alpha], -1).astype(np.uint8)


def test_known_picture_comes_back_unchanged(studio):
    picture = known_picture()
    studio.show(picture / 255)
    studio.build()
    said = studio.render("--frames", "1-2")
    for frame in (1, 2):
        assert np.array_equal(studio.frame(frame), picture)
        assert f"Saved: '{studio.folder}/frames/{frame:04d}.png'" in said
    assert said.count("Saved:") == 2


def test_alpha_comes_back_straight(studio):
    rng = np.random.default_rng(1)
    alpha = rng.integers(8, 256, (HEIGHT, WIDTH, 1))
    alpha[:, : WIDTH // 2] = 0
    picture = known_picture(alpha)
    studio.show(picture / 255)
    studio.build()
    studio.render("--frames", "1")
    found = studio.frame(1)
    assert np.array_equal(found[..., 3], picture[..., 3])
    seen = picture[..., 3] > 0
    assert np.abs(found[seen].astype(int) - picture[seen]).max() <= 1


def test_depth_and_linear_light_in_exr(studio):
    OpenEXR = pytest.importorskip("OpenEXR")
    picture = known_picture()
    depth = np.linspace(1, 9, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    depth[0, :5] = np.inf
    studio.show(picture / 255, depth)
    studio.build()
    studio.render("--frames", "3", out="####.exr")
    channels = OpenEXR.File(str(studio.folder / "frames/0003.exr"), separate_channels=True).parts[-1].channels
    found = {name.split(".", 1)[-1]: channel.pixels for name, channel in channels.items()}
    seen = np.isfinite(depth)
    assert np.allclose(found["Depth.Z"][seen], depth[seen], rtol=1e-6)
    assert (found["Depth.Z"][~seen] > 1e9).all()
    linear = ((picture[..., 0] / 255 + 0.055) / 1.055) ** 2.4
    bright = picture[..., 0] > 20
    assert np.allclose(found["Combined.R"][bright], linear[bright], rtol=2e-3)


def test_worker_gets_the_posed_body_and_the_camera(studio):
    studio.show(known_picture() / 255)
    studio.build("--frame-start", "11")
    studio.render("--frames", "14")
    with np.load(studio.folder / "arrays.npz") as sent:
        expected = small_person.skinned(studio.person["body_arrays"], studio.motion, 3)
        assert np.abs(sent["vertices"] - expected).max() < 1e-5
        assert np.allclose(sent["K"], studio.motion["camera_K"][3], rtol=1e-5)
        assert np.allclose(sent["R"], studio.motion["camera_R"][3], atol=1e-6)
        assert np.allclose(sent["t"], studio.motion["camera_t"][3], atol=1e-5)
    (kind, params), *others = studio.requests()
    assert (kind, params["size"], params["renderer"]) == ("render_frame", [HEIGHT, WIDTH], "warp")
    assert params["subject"] == str(studio.subject)
    assert not others


DEFORMATIONS = {
    "hand-set bone and moved object": """
rig.location, rig.scale = (1, 2, 3), (1, 1.5, 1)
rig.animation_data_clear(); rig.pose.bones['head'].rotation_quaternion = (0.6, 0.8, 0, 0)""",
    "hand key on top of the motion": """
scene.frame_set(4)
bone = rig.pose.bones['spine1']
bone.rotation_quaternion = (0.5, 0.5, 0.5, 0.5); bone.keyframe_insert('rotation_quaternion', frame=4)""",
    "modifier": "cast = mesh.modifiers.new('Cast', 'CAST'); cast.factor = 0.6",
    "lattice": """
data = bpy.data.lattices.new('L'); lattice = bpy.data.objects.new('L', data); scene.collection.objects.link(lattice)
lattice.scale = (3, 3, 3); data.points[0].co_deform = (-2, -2, -2); data.points[5].co_deform = (1, 1, 0.2)
mesh.modifiers.new('L', 'LATTICE').object = lattice""",
    "constraint": """
empty = bpy.data.objects.new('E', None); scene.collection.objects.link(empty); empty.location = (0.4, -0.3, 1.2)
constraint = rig.pose.bones['head'].constraints.new('DAMPED_TRACK'); constraint.target = empty""",
    "NLA": """
data = rig.animation_data
action, data.action = data.action, None
strip = data.nla_tracks.new().strips.new('S', 3, action); strip.scale = 2.0""",
    "shape key by hand": """
mesh.data.shape_keys.key_blocks['beta_1'].value = 3.0""",
}


def test_any_deformation_counts(studio):
    """Whatever Blender evaluates, by hand, constraint, NLA or modifier, is what the worker gets."""
    studio.show(known_picture() / 255)
    studio.build()
    found = studio.script(
        f"""
deformations = {DEFORMATIONS!r}
said, before = dict(), None
for name, code in (('none', ''), *deformations.items()):
    bpy.ops.wm.open_mainfile(filepath={str(studio.blend)!r})
    scene = bpy.context.scene
    scene.render.engine = 'LIQUID_MOTION'
    mesh, rig = bpy.data.objects['Person'], bpy.data.objects['Person rig']
    exec(code)
    if name != 'hand-set bone and moved object' and name != 'constraint': scene.frame_set(4)
    bpy.ops.render.render()
    instance = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.array([instance.matrix_world @ v.co for v in instance.data.vertices])
    sent = np.load({str(studio.folder / "arrays.npz")!r})['vertices']
    before = points if before is None else before
    said[name] = [float(abs(points - sent).max()), float(abs(points - before).max())]
print('JSON' + json.dumps(said))
"""
    )
    for name, (error, moved) in found.items():
        assert error < 1e-5, name
        assert (moved > 0.01) == (name != "none"), name


def test_agx_recolours_and_standard_does_not(studio):
    """As stated: the engine hands over scene-linear light, and the view transform does with it as with any."""
    picture = known_picture()
    studio.show(picture / 255)
    studio.build()
    studio.script(
        f"""
for view in ('AgX', 'Standard'):
    scene.view_settings.view_transform = view
    bpy.ops.render.render()
    bpy.data.images['Render Result'].save_render({str(studio.folder)!r} + f'/{{view}}.png')
print('JSON0')
"""
    )
    assert np.array_equal(pixels(studio.folder / "Standard.png"), picture)
    recoloured = pixels(studio.folder / "AgX.png").astype(int)
    assert np.abs(recoloured - picture).mean() > 5
    grey = recoloured[:8, :32].reshape(256, 4)
    assert (grey[:, :3].max(1) - grey[:, :3].min(1) <= 2).all() and (np.diff(grey[:, 0]) >= 0).all()


def test_changed_vertex_count_is_refused(studio):
    studio.show(known_picture() / 255)
    studio.build()
    found = studio.script(
        """
bpy.data.objects['Person'].modifiers.new('S', 'SUBSURF').render_levels = 1
try: said = str(bpy.ops.render.render())
except RuntimeError as error: said = str(error)
print('JSON' + json.dumps(said))
"""
    )
    assert "switch off for rendering" in found


def test_cameras(studio):
    """Panoramic ones and none are refused; an orthographic one is a pinhole far away, its depths counted back."""
    studio.show(known_picture() / 255, np.full((HEIGHT, WIDTH), 3000.0))
    studio.build()
    found = studio.script(
        f"""
def render():
    try: return str(bpy.ops.render.render())
    except RuntimeError as error: return str(error)
camera = scene.camera.data
camera.type = 'PANO'
said = [render()]
camera.type, camera.ortho_scale = 'ORTHO', 2.0
scene.view_layers[0].use_pass_z = True
settings = scene.render.image_settings
if hasattr(settings, 'media_type'): settings.media_type = 'MULTI_LAYER_IMAGE'
settings.file_format = 'OPEN_EXR_MULTILAYER'
render()
bpy.data.images['Render Result'].save_render({str(studio.folder / "o.exr")!r})
scene.camera = None
print('JSON' + json.dumps(said + [render()]))
"""
    )
    assert "set its Lens Type to one of them" in found[0]
    assert "no camera" in found[1]  # Blender itself says so
    with np.load(studio.folder / "arrays.npz") as sent:
        depth = sent["vertices"] @ sent["R"][2] + sent["t"][2]
        assert abs(depth.min() + depth.max() - 6000) < 0.01
        assert np.allclose(sent["K"][0, 0], 3000 * HEIGHT / 2.0)
    OpenEXR = pytest.importorskip("OpenEXR")
    channels = OpenEXR.File(str(studio.folder / "o.exr"), separate_channels=True).parts[-1].channels
    (found,) = (c.pixels for name, c in channels.items() if name.endswith("Depth.Z"))
    vertices = small_person.skinned(studio.person["body_arrays"], studio.motion, 0)
    depth = vertices @ studio.motion["camera_R"][0, 2] + studio.motion["camera_t"][0, 2]
    assert np.allclose(found, (depth.min() + depth.max()) / 2, atol=2e-3)


def test_hidden_person_is_not_drawn(studio):
    """Hidden at a frame: a clear picture. In a scene without anybody: an error."""
    studio.show(known_picture() / 255)
    studio.build()
    found = studio.script(
        f"""
person = bpy.data.objects['Person']
person.hide_render = True
bpy.ops.render.render()
bpy.data.images['Render Result'].save_render({str(studio.folder / "o.png")!r})
person.liquid_motion.subject = ''
try: said = str(bpy.ops.render.render())
except RuntimeError as error: said = str(error)
print('JSON' + json.dumps(said))
"""
    )
    assert "no mesh of the scene has a subject" in found
    assert not pixels(studio.folder / "o.png").any()
    assert not (studio.folder / "requests.jsonl").exists()


def test_missing_subject_says_what_to_relink(studio):
    studio.show(known_picture() / 255)
    studio.build()
    shutil.move(studio.subject, studio.folder / "away")
    said = studio.render("--frames", "1", code=1)
    assert f"Person: its subject {studio.subject} is not there; choose the folder" in said
    assert "Traceback" not in said


def test_passes(studio):
    """Depth, provenance and the mask, which is the people's alpha without the background."""
    OpenEXR = pytest.importorskip("OpenEXR")
    alpha = np.linspace(0, 255, HEIGHT * WIDTH).astype(int).reshape(HEIGHT, WIDTH, 1)
    provenance = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 256
    studio.show(known_picture(alpha) / 255, provenance=provenance)
    studio.build("--background", "#336699")
    studio.script(
        f"""
layer = scene.view_layers[0]
layer.use_pass_z = layer.liquid_motion.use_pass_provenance = layer.liquid_motion.use_pass_mask = True
settings = scene.render.image_settings
if hasattr(settings, 'media_type'): settings.media_type = 'MULTI_LAYER_IMAGE'
settings.file_format, settings.color_depth = 'OPEN_EXR_MULTILAYER', '32'
bpy.ops.render.render()
bpy.data.images['Render Result'].save_render({str(studio.folder / "o.exr")!r})
print('JSON0')
"""
    )
    channels = OpenEXR.File(str(studio.folder / "o.exr"), separate_channels=True).parts[-1].channels
    found = {name.split(".", 1)[-1]: channel.pixels for name, channel in channels.items()}
    assert np.array_equal(found["Provenance.X"], provenance)
    assert np.allclose(found["Mask.X"], alpha[..., 0] / 255, atol=1e-5)
    assert (found["Depth.Z"] == 5).all()
    assert (found["Combined.A"] > 0.999).all()


@pytest.mark.parametrize("crop", [True, False])
def test_render_region(studio, crop):
    """Only the region is asked for, of the size that Blender has made room for, whatever the rounding."""
    picture = known_picture()
    studio.show(picture / 255)
    studio.build()
    sizes = studio.script(
        f"""
from blender_addon.scene.camera import border_box, picture_size
render = scene.render
render.use_border, render.use_crop_to_border = True, {crop}
render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.1, 0.7, 0.3, 0.95
sizes = []
for percentage in (100, 58, 29):
    render.resolution_percentage = percentage
    bpy.ops.render.render()
    path = {str(studio.folder)!r} + f'/{{percentage}}.png'
    bpy.data.images['Render Result'].save_render(path)
    sizes.append([border_box(render), picture_size(render)])
print('JSON' + json.dumps(sizes))
"""
    )
    asked = [params["size"] for _, params in studio.requests()]
    for (box, whole), size, percentage in zip(sizes, asked, (100, 58, 29), strict=True):
        x0, y0, x1, y1 = box
        height, width = y1 - y0, x1 - x0
        assert size == [height, width]
        found = pixels(studio.folder / f"{percentage}.png")
        part = found if crop else found[y0:y1, x0:x1]
        assert found.shape[:2] == ((height, width) if crop else tuple(whole))
        assert np.array_equal(part, picture[:height, :width])
        if not crop:
            assert found[..., 3].sum() == part[..., 3].sum()


def test_motion_blur_is_an_average_in_linear_light(studio):
    """Each moment's red is where the body is then; the scene is left at its frame, and handlers see each moment."""
    studio.show(np.ones((HEIGHT, WIDTH, 4)))
    (studio.folder / "moving").write_text("")
    studio.build()
    found = studio.script(
        f"""
rig = bpy.data.objects['Person rig']
rig.animation_data_clear()
bpy.data.objects['Person'].modifiers.clear()
mesh = bpy.data.objects['Person']
mesh.parent = None
mesh.data.shape_keys.animation_data_clear()
mesh.shape_key_clear()
mesh.data.vertices[0].co = (0, 0, 0)
mesh.matrix_world.identity()
for frame, x in ((0, 0.1), (10, 0.9)):
    mesh.location.x = x; mesh.keyframe_insert('location', frame=frame)
action = mesh.animation_data.action
for curve in action.fcurves if hasattr(action, 'fcurves') else action.layers[0].strips[0].channelbags[0].fcurves:
    for key in curve.keyframe_points: key.interpolation = 'LINEAR'
scene.render.use_motion_blur, scene.render.motion_blur_shutter = True, 0.5
scene.render.motion_blur_position = 'START'
scene.liquid_motion.motion_blur_samples = 4
scene.frame_set(3)
seen = []
def handler(scene, *_): seen.append(scene.frame_float if hasattr(scene, 'frame_float') else scene.frame_current_final)
bpy.app.handlers.frame_change_post.append(handler)
bpy.ops.render.render()
blurred = list(seen)
bpy.data.images['Render Result'].save_render({str(studio.folder / "o.png")!r})
place = [scene.frame_current, scene.frame_subframe, mesh.location.x]
scene.render.use_motion_blur = False
seen.clear()
bpy.ops.render.render()
bpy.app.handlers.frame_change_post.remove(handler)
print('JSON' + json.dumps([*place, blurred, seen]))
"""
    )
    frame, subframe, x, blurred, sharp = found
    assert (frame, subframe) == (3, 0.0)
    times = 3 + (np.arange(4) + 0.5) / 8
    assert set(sharp) == {3.0}  # Blender's own
    assert np.allclose([time for time in blurred if time != 3.0], times, atol=1e-5)
    assert blurred[-1] == 3.0 and len(blurred) == 4 + len(sharp) + 1
    assert abs(x - 0.34) < 1e-6
    reds = 0.1 + 0.08 * times
    sent = [np.load(path)["vertices"][0, 0] for path in sorted(studio.folder.glob("arrays0*.npz"))[:4]]
    assert np.allclose(sorted(sent), reds, atol=1e-5)
    linear = (((reds + 0.055) / 1.055) ** 2.4).mean()
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.abs(pixels(studio.folder / "o.png")[..., 0] - expected).max() <= 0.51


def test_the_liquid_renderer_gets_the_frame_before(studio):
    """At any frame, in any order: the body and camera of t - 1; the scene and its pose stay as they were."""
    studio.show(known_picture() / 255)
    studio.build()
    found = studio.script(
        """
scene.liquid_motion.renderer = 'liquid'
scene.frame_set(4)
bpy.data.objects['Person rig'].pose.bones['head'].scale = (1, 1, 1)
count = []
def handler(scene, *_): count.append(scene.frame_current)
bpy.app.handlers.frame_change_post.append(handler)
bpy.ops.render.render()
bpy.app.handlers.frame_change_post.remove(handler)
print('JSON' + json.dumps([scene.frame_current, [frame for frame in count if frame != 4], count[-1]]))
"""
    )
    assert found == [4, [3], 4]
    with np.load(studio.folder / "arrays.npz") as sent:
        for prefix, frame in (("", 3), ("previous_", 2)):
            expected = small_person.skinned(studio.person["body_arrays"], studio.motion, frame)
            assert np.abs(sent[f"{prefix}vertices"] - expected).max() < 1e-5
            assert np.allclose(sent[f"{prefix}K"], studio.motion["camera_K"][frame], rtol=1e-5)
    studio.render("--frames", "5")  # the warp needs no past
    with np.load(studio.folder / "arrays.npz") as sent:
        assert "previous_vertices" not in sent


@pytest.mark.parametrize(
    ("background", "expected"), [("#336699", (0x33, 0x66, 0x99)), ("driving", (10, 20, 30))]
)
def test_backgrounds(studio, background, expected):
    """Half the picture is clear: there the background's bytes are exact. The footage's frame follows the scene's."""
    picture = known_picture()
    picture[:, :24, 3] = 0
    studio.show(picture / 255)
    footage = studio.folder / "project" / "driving.png"
    image = bpy.data.images.new("made", 8, 6)
    image.filepath_raw, image.file_format = str(footage), "PNG"
    image.save()
    studio.build("--background", background, "--footage", footage, "--frame-start", "5")
    studio.render("--frames", "7")
    found = studio.frame(7)
    assert (found[:, :24] == (*expected, 255)).all()
    assert np.array_equal(found[:, 24:], picture[:, 24:])
    if background == "driving":
        kind, params = studio.requests()[-1]
        assert (kind, params["index"], params["path"]) == ("footage_frame", 2, str(footage))


def test_moved_project_still_renders(studio):
    """Paths in the file are relative to it."""
    studio.show(known_picture() / 255)
    studio.build()
    shutil.move(studio.folder / "project", studio.folder / "elsewhere")
    studio.blend = studio.folder / "elsewhere" / "scene.blend"
    studio.render("--frames", "1")
    assert studio.requests()[0][1]["subject"] == str(studio.folder / "elsewhere" / "subject")


def test_dead_worker_is_reported_and_replaced(studio):
    """Killed in the middle of a range: one line, exit code 1, no half frame; the second run does the rest."""
    studio.show(known_picture() / 255)
    studio.build()
    studio.render("--frames", "1")
    (studio.folder / "die").write_text("")
    said = studio.render("--frames", "1-3", code=1)
    assert "0002.png: frame 2: the worker" in said
    assert "its last line: out of luck" in said
    assert "Traceback" not in said
    assert sorted(p.name for p in (studio.folder / "frames").iterdir()) == ["0001.png"]
    said = studio.render("--frames", "1-3")
    assert said.count("Saved:") == 2
    assert said.count("Skipped:") == 1


def test_worker_serves_again_after_its_death_in_one_process(studio):
    studio.show(known_picture() / 255)
    studio.build()
    found = studio.script(
        f"""
from pathlib import Path
said = []
for die in (False, True, False):
    if die: Path({str(studio.folder / "die")!r}).write_text('')
    try: said.append(sorted(bpy.ops.render.render())[0])
    except RuntimeError as error: said.append(str(error))
print('JSON' + json.dumps(said))
"""
    )
    assert found[0] == found[2] == "FINISHED"
    assert "was killed" in found[1]


def test_animation_operator(studio):
    """What stock ``-a`` runs."""
    picture = known_picture()
    studio.show(picture / 255)
    studio.build()
    studio.script(
        f"""
scene.frame_end = 2
scene.render.image_settings.file_format = 'PNG'
scene.render.image_settings.color_mode = 'RGBA'
scene.render.filepath = {str(studio.folder / "frames") + "/"!r}
bpy.ops.render.render(animation=True)
print('JSON0')
"""
    )
    assert np.array_equal(studio.frame(1), picture)
    assert np.array_equal(studio.frame(2), picture)


def test_command_line_says_what_is_wrong(studio):
    studio.show(known_picture() / 255)
    studio.build()
    assert "Error: " in studio.render("--frames", "3-1", code=1)
    assert "several frames need a place" in studio.render("--frames", "1-2", out="x.png", code=1)
    assert "usage" in studio.run("-m", "blender_addon", "render", code=2)
    assert "usage" in studio.run("-m", "blender_addon", "--help")
    missing = ["render", "--blend", str(studio.folder / "no.blend"), "--out", "x.png"]
    assert "no.blend: no such file" in studio.run("-m", "blender_addon", *missing, code=1)
    build = ["build-scene", "--motion", str(studio.folder / "no.npz"), "--subject", str(studio.subject)]
    said = studio.run("-m", "blender_addon", *build, "--out", str(studio.folder / "new.blend"), code=1)
    assert said.strip().splitlines()[-1].startswith("Error: ")
    assert "no such motion file" in said
    assert not list(studio.folder.glob("*.blend"))
    said = studio.run("-m", "blender_addon", *build, "--background", "mauve", "--out", "x.blend", code=1)
    assert "'mauve' is not understood" in said


@pytest.mark.slow
def test_killed_and_taken_up_again(studio):
    """The ``render`` command."""
    studio.build()

    def render(folder, frames):
        command = [sys.executable, "-m", "blender_addon", "render", "--blend", studio.blend]
        command += ["--engine", "LIQUID_MOTION", "--frames", ",".join(map(str, frames))]
        return resuming.start([*command, "--out", folder / "####.png"], studio.environment)

    truth = resuming.unbroken(render, studio, pixels)
    resuming.check_orders(render, studio, pixels, truth)
    resuming.check_killed(render, studio, pixels, truth)


@pytest.mark.slow
def test_stock_animation_killed_and_taken_up_again(studio):
    """Blender's own animation render, which skips what is there: the handler removes what is broken."""
    studio.build()
    script = studio.folder / "animation.py"
    script.write_text(
        f"""
import sys
import bpy, blender_addon
blender_addon.register()
bpy.ops.wm.open_mainfile(filepath={str(studio.blend)!r})
scene = bpy.context.scene
scene.render.engine, scene.render.use_overwrite = 'LIQUID_MOTION', False
scene.render.filepath = sys.argv[1] + '/####'
scene.render.image_settings.color_mode = 'RGBA'
scene.frame_start, scene.frame_end = int(sys.argv[2]), int(sys.argv[3])
bpy.ops.render.render(animation=True)
scene.render.engine = 'CYCLES'
blender_addon.unregister()
"""
    )

    def render(folder, frames):
        command = [sys.executable, script, folder, min(frames), max(frames)]
        return resuming.start(command, studio.environment)

    truth = resuming.unbroken(render, studio, pixels)
    resuming.check_killed(render, studio, pixels, truth)


@pytest.mark.slow
def test_real_worker_draws_what_the_renderer_draws(studio, tmp_path):
    """The whole way, against the renderer called directly with the body model's vertices."""
    torch = pytest.importorskip("torch")
    sys.path.insert(0, str(REPO / "tests" / "neural"))
    from painted import Painted, body_pose, checks, level_camera

    from neural.render import WarpRenderer
    from neural.subject import build_subject
    from smpl_fitting.body import load_body
    from smpl_fitting.motion import Motion

    checked = Painted(load_body("open"), checks)
    subject = build_subject(
        [checked.view(body_pose(yaw)) for yaw in (0.0, 180.0)],
        checked.body,
        tmp_path / "checked",
        atlas_size=512,
    )
    camera = level_camera((200, 160))
    pose = body_pose(30.0, 0.4)
    Motion(
        poses=pose.numpy(),
        trans=np.zeros((1, 3)),
        betas=np.zeros(10),
        fps=30.0,
        camera_K=camera.K[None].numpy(),
        camera_R=camera.R[None].numpy(),
        camera_t=camera.t[None].numpy(),
        image_size=camera.image_size,
    ).save(studio.person["motion"])
    studio.subject = tmp_path / "checked"
    studio.environment["LIQUID_MOTION_PYTHON"] = sys.executable
    studio.build("--background", "#000000")
    studio.render("--frames", "1")
    result = WarpRenderer().render(subject, checked.vertices(pose), camera, (200, 160))
    rgba = torch.as_tensor(result.rgba).numpy()
    assert rgba[..., 3].mean() > 0.05
    expected = rgba[..., :3] * rgba[..., 3:] * 255
    assert np.abs(studio.frame(1)[..., :3] - expected).mean() < 0.5
