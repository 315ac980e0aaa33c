"""The matched camera: Blender's own projection against the pinhole's."""

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy")
from bpy_extras.object_utils import world_to_camera_view  # noqa: E402
from mathutils import Vector  # noqa: E402

from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.scene import camera as cam  # noqa: E402

SIZES = [(480, 800), (800, 480), (600, 600), (5, 300), (911, 622)]


def looking(frames=1, seed=0):
    """Cameras about 5 m from the origin, rolled and tilted at random, which see it."""
    rng = np.random.default_rng(seed)
    base = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    R = np.array([small_person.rotation(rng.normal(0, 0.3, 3)) @ base for _ in range(frames)])
    return R, rng.normal(0, 0.3, (frames, 3)) + [0, 0, 5.0]


def pinhole(K, R, t, points):
    x = points @ R.T + t
    return (x[:, :2] / x[:, 2:]) @ K[:2, :2].T + K[:2, 2]


def blender_pixels(camera, points):
    scene = bpy.context.scene
    bpy.context.view_layer.update()
    view = np.array([world_to_camera_view(scene, camera, Vector(p)) for p in points])
    size = np.array([scene.render.resolution_x, scene.render.resolution_y])
    return np.stack([view[:, 0], 1 - view[:, 1]], 1) * size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("aspect", [1.0, 1.25, 0.8])
def test_projection_equals_the_pinhole(addon, size, aspect):
    """Any format, principal point and pixel aspect, within a hundredth of a pixel."""
    height, width = size
    focal = 1.3 * max(size)
    K = np.array([[focal, 0, 0.44 * width], [0, focal / aspect, 0.57 * height], [0, 0, 1]])
    R, t = looking(seed=height)
    points = np.random.default_rng(1).normal(0, 0.8, (30, 3))
    camera = cam.add_camera(bpy.context.scene, K[None], R, t, size)
    assert np.abs(blender_pixels(camera, points) - pinhole(K, R[0], t[0], points)).max() < 0.01
    assert camera.animation_data is None
    assert camera.data.animation_data is None


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("size", SIZES[:3])
@pytest.mark.parametrize("aspect", [1.0, 1.5])
def test_any_camera_of_the_artist_is_read(addon, fit, size, aspect):
    """The engine's way back, from cameras we did not make."""
    scene = bpy.context.scene
    data = bpy.data.cameras.new("C")
    data.sensor_fit, data.sensor_width, data.sensor_height, data.lens = fit, 30.0, 20.0, 41.0
    data.shift_x, data.shift_y = 0.13, -0.21
    camera = bpy.data.objects.new("C", data)
    scene.collection.objects.link(camera)
    camera.matrix_world = cam.opencv_to_blender(*(a[0] for a in looking(seed=7))).T
    scene.render.resolution_y, scene.render.resolution_x = size
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = 1.0, aspect
    points = np.random.default_rng(2).normal(0, 0.8, (30, 3))
    pixels = blender_pixels(camera, points)
    view = cam.camera_view(data, camera.matrix_world, scene.render)
    assert view.size == size
    assert np.abs(pixels - pinhole(view.K, view.R, view.t, points)).max() < 0.01


def test_round_trip_of_the_intrinsics(addon):
    K = np.array([[900.0, 0, 300], [0, 850, 200], [0, 0, 1]])
    R, t = looking()
    camera = cam.add_camera(bpy.context.scene, K[None], R, t, (640, 480))
    view = cam.camera_view(camera.data, camera.matrix_world, bpy.context.scene.render)
    assert view.size == (640, 480)
    assert np.allclose(view.K, K, rtol=1e-5)


def test_border_and_percentage_move_the_principal_point(addon):
    scene = bpy.context.scene
    K = np.array([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]])
    R, t = looking()
    camera = cam.add_camera(scene, K[None], R, t, (480, 640))
    scene.render.resolution_percentage = 50
    scene.render.use_border = True
    scene.render.border_min_x, scene.render.border_max_x = 0.25, 0.75
    scene.render.border_min_y, scene.render.border_max_y = 0.5, 1.0
    view = cam.camera_view(camera.data, camera.matrix_world, scene.render)
    assert (view.size, view.full_size, view.box) == ((120, 160), (240, 320), (80, 0, 240, 120))
    assert np.allclose(view.K, [[450, 0, 160 - 80], [0, 450, 120], [0, 0, 1]])


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("aspect", [1.0, 1.5])
def test_orthographic(addon, fit, aspect):
    """The pinhole far away that stands in for it, against Blender's own projection."""
    scene = bpy.context.scene
    data = bpy.data.cameras.new("C")
    data.type, data.ortho_scale, data.sensor_fit = "ORTHO", 2.4, fit
    data.shift_x, data.shift_y = 0.1, -0.05
    camera = bpy.data.objects.new("C", data)
    scene.collection.objects.link(camera)
    camera.matrix_world = cam.opencv_to_blender(*(a[0] for a in looking(seed=3))).T
    scene.render.resolution_x, scene.render.resolution_y = 600, 1000
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = 1.0, aspect
    points = np.random.default_rng(2).uniform(-1, 1, (300, 3)) * [0.4, 0.4, 0.9]
    pixels = blender_pixels(camera, points)
    view = cam.camera_view(data, camera.matrix_world, scene.render)
    assert view.orthographic
    far, behind = cam.far_pinhole(view, points)
    single = [np.asarray(a, np.float32) for a in (far.K, far.R, far.t, points)]
    assert np.abs(pixels - pinhole(*single)).max() < 0.15
    depth = points @ view.R[2] + view.t[2]
    seen = points.astype(np.float32) @ single[1][2] + single[2][2] - np.float32(behind)
    assert np.abs(seen - depth).max() < 5e-4


def test_moving_camera_is_keyed(addon):
    scene = bpy.context.scene
    R, t = looking(5)
    K = np.tile([[700.0, 0, 250], [0, 700, 420], [0, 0, 1]], (5, 1, 1))
    K[:, 0, 0] = K[:, 1, 1] = np.linspace(700, 900, 5)
    camera = cam.add_camera(scene, K, R, t, (800, 480), frame_start=11)
    points = np.random.default_rng(3).normal(0, 0.8, (20, 3))
    for frame in range(5):
        scene.frame_set(11 + frame)
        assert (
            np.abs(blender_pixels(camera, points) - pinhole(K[frame], R[frame], t[frame], points)).max()
            < 0.01
        )


def test_other_cameras_are_refused(addon):
    data = bpy.data.cameras.new("C")
    data.type = "PANO"
    with pytest.raises(AddonError, match="pano; Liquid Motion renders perspective and orthographic"):
        cam.camera_view(data, np.eye(4), bpy.context.scene.render)
    K = np.tile([[700.0, 5, 250], [0, 700, 420], [0, 0, 1]], (1, 1, 1))
    with pytest.raises(AddonError, match="skewed"):
        cam.intrinsics_to_lens(K, (800, 480))
