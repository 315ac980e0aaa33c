"""Rendered frames on a plane, in the sequencer and behind the camera, looked at pixel by pixel."""

import numpy as np
import pytest
from engine_studio import pixels

bpy = pytest.importorskip("bpy")
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.operators.into import frames_at  # noqa: E402
from blender_addon.scene import build, plane, sequencer  # noqa: E402

HEIGHT, WIDTH = 60, 40


def picture(frame):
    """A different noise for every frame; the left third is clear."""
    rng = np.random.default_rng(frame)
    values = np.repeat(np.repeat(rng.integers(20, 236, (HEIGHT // 4, WIDTH // 4, 4)), 4, 0), 4, 1)
    values[..., 3] = 255
    values[:, : WIDTH // 3] = 0
    return values.astype(np.uint8)


@pytest.fixture
def frames(tmp_path):
    """Frames 2 to 5 as Blender numbers them."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for frame in range(2, 6):
        image = bpy.data.images.new("frame", WIDTH, HEIGHT, alpha=True)
        image.pixels.foreach_set((picture(frame)[::-1] / 255).astype(np.float32).ravel())
        image.filepath_raw, image.file_format = str(folder / f"{frame:04d}.png"), "PNG"
        image.save()
        bpy.data.images.remove(image)
    return folder


@pytest.fixture
def built(addon, person):
    """A person that walks away from a camera that turns, zooms and is shifted."""
    motion = dict(np.load(person["motion"]))
    t = np.arange(6)
    motion["trans"] = np.stack([0.1 * t, 0.5 * t, 0 * t], -1)
    angle = 0.02 * t
    zero, one = 0 * angle, 0 * angle + 1
    c, s = np.cos(angle), np.sin(angle)
    motion["camera_R"] = np.array([[c, s, zero], [zero, zero, -one], [-s, c, zero]]).transpose(2, 0, 1)
    motion["image_size"] = np.array([HEIGHT, WIDTH])
    motion["camera_K"] = np.stack([np.diag([60.0 + 3 * k, 60 + 3 * k, 1]) for k in t])
    motion["camera_K"][:, :2, 2] = (18, 33)
    np.savez(person["motion"], **motion)
    spec = build.SceneSpec(person["motion"], person["body"])
    made = build.build_scene(bpy.context.scene, spec)
    bpy.context.view_layer.objects.active = made.rig
    return made


def render(path):
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.device = 8, False, "CPU"
    scene.cycles.pixel_filter_type = "BOX"
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return pixels(path).astype(int)


@pytest.mark.slow
def test_plane_covers_the_picture_at_the_persons_depth(built, frames, tmp_path):
    scene = bpy.context.scene
    assert bpy.ops.liquid_motion.frames_plane(filepath=str(frames / "0002.png")) == {"FINISHED"}
    assert built.mesh.hide_render
    made = scene.objects["Person Frames"]
    for frame in (2, 5):
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        eye = scene.camera.evaluated_get(graph).matrix_world.inverted()
        root = eye @ built.rig.evaluated_get(graph).pose.bones["pelvis"].head
        corners = [eye @ made.evaluated_get(graph).matrix_world @ v.co for v in made.data.vertices]
        assert all(abs(corner.z - root.z) < 1e-4 for corner in corners)
        found = render(tmp_path / f"out{frame}.png")
        inside = np.s_[2:-2, WIDTH // 3 + 2 : -2]
        blocks = picture(frame)[inside].astype(int)
        flat = np.ones((HEIGHT, WIDTH), bool)  # away from the borders of the blocks, which are interpolated
        flat[:, ::4] = flat[:, 3::4] = flat[::4] = flat[3::4] = False
        assert np.abs(found[inside] - blocks)[flat[inside]].max() <= 2
        assert (found[:, : WIDTH // 3 - 2, 3] == 0).all()


def test_strip_shows_each_frame_at_its_time(built, frames, tmp_path):
    scene = bpy.context.scene
    assert bpy.ops.liquid_motion.frames_strip(filepath=str(frames / "0004.png")) == {"FINISHED"}
    editor = scene.sequence_editor
    (strip,) = getattr(editor, "strips", None) or editor.sequences
    assert (strip.frame_final_start, strip.frame_final_end) == (2, 6)
    assert [element.filename for element in strip.elements] == [f"{k:04d}.png" for k in range(2, 6)]
    scene.frame_set(4)
    found = render(tmp_path / "strip.png")
    expected = picture(4).astype(int)
    assert np.abs(found - expected)[expected[..., 3] > 0].max() <= 2
    second = sequencer.add_frames_strip(scene, frames)
    assert second.channel == 2


def test_camera_background(built, frames):
    scene = bpy.context.scene
    before = len(scene.camera.data.background_images)
    bpy.ops.liquid_motion.camera_background(filepath=str(frames / "0002.png"), depth="FRONT")
    shown = scene.camera.data.background_images[before]
    assert shown.display_depth == "FRONT" and shown.image.source == "SEQUENCE"
    assert (shown.image_user.frame_start, shown.image_user.frame_duration) == (2, 4)


def test_plane_without_a_person_and_refusals(addon, frames, tmp_path):
    scene = bpy.context.scene
    with pytest.raises(AddonError, match="no camera"):
        plane.add_frames_plane(scene, frames, None)
    assert not bpy.ops.liquid_motion.frames_plane.poll()
    assert not bpy.ops.liquid_motion.camera_background.poll()
    assert not bpy.ops.liquid_motion.textured_body.poll()
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.data.dof.focus_distance = 3.0
    made = plane.add_frames_plane(scene, frames, None)
    assert made.location.z == pytest.approx(-3.0)
    assert made.animation_data is None
    meshes = len(bpy.data.meshes)
    with pytest.raises(AddonError, match="no such footage"):
        plane.add_frames_plane(scene, tmp_path / "none.png", None)
    (tmp_path / "bad_1.png").write_bytes(b"no picture")
    with pytest.raises(AddonError, match="decode"):
        plane.add_frames_plane(scene, tmp_path / "bad_1.png", None)
    assert len(bpy.data.meshes) == meshes


def test_the_frames_of_a_chosen_one(tmp_path):
    assert frames_at(tmp_path / "shot_0012.png").name == "shot_####.png"
    assert frames_at(tmp_path / "still.png").name == "still.png"
    assert frames_at(tmp_path / "clip12.mp4").name == "clip12.mp4"
