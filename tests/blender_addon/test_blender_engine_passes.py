"""What the engine writes beside the person: passes, colours, regions, blur and backgrounds."""

import bpy
import numpy as np
import pytest
from engine_studio import HEIGHT, WIDTH, known_picture, pixels


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
