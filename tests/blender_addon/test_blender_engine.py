"""The render engine through the command line, each time in a process of its own (bpy may hang or crash at exit)."""

import shutil
import sys

import numpy as np
import pytest
import small_person
from engine_studio import HEIGHT, REPO, WIDTH, known_picture, pixels


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


def test_the_scenes_light_is_told_where_it_is_asked_for(studio):
    """By default the photo's counts; a lamp straight above the body comes from straight above."""
    studio.show(known_picture() / 255)
    studio.build()
    found = studio.script(
        f"""
arrays, said = {str(studio.folder / "arrays.npz")!r}, []
data = bpy.data.lights.new('Lamp', 'POINT'); data.energy, data.color = 500, (1, 0.5, 0)
lamp = bpy.data.objects.new('Lamp', data); scene.collection.objects.link(lamp)
for asked in ('photo', 'scene'):
    scene.liquid_motion.light = asked
    middle = np.load(arrays)['vertices'].mean(0) if said else np.zeros(3)
    lamp.location = middle + [0, 0, 3]
    bpy.ops.render.render()
    sent = np.load(arrays)
    said.append({{name: sent[name].tolist() for name in sent.files if name.startswith('light_')}})
print('JSON' + json.dumps(said))
"""
    )
    assert found[0] == {}
    np.testing.assert_allclose(found[1]["light_directions"], [[0, 0, 1]], atol=1e-4)
    strength = 500 / (4 * np.pi**2 * 9)
    np.testing.assert_allclose(found[1]["light_intensities"], [[strength, strength / 2, 0]], rtol=1e-3)
    assert len(found[1]["light_ambient"]) == 3


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
