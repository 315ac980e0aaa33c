"""The rendered viewport: what the view sees, against Blender's own projection, and which picture comes next."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
from bpy_extras.object_utils import world_to_camera_view  # noqa: E402
from mathutils import Matrix, Vector  # noqa: E402
from test_blender_camera import looking, pinhole  # noqa: E402

from blender_addon import viewport  # noqa: E402
from blender_addon.scene import camera as cam  # noqa: E402

SIZE = (300, 500)


@pytest.fixture
def camera(addon):
    """A shifted camera, and points that it sees."""
    scene = bpy.context.scene
    scene.render.resolution_y, scene.render.resolution_x = SIZE
    data = bpy.data.cameras.new("C")
    data.shift_x, data.shift_y = 0.12, -0.2
    camera = bpy.data.objects.new("C", data)
    scene.collection.objects.link(camera)
    camera.matrix_world = cam.opencv_to_blender(*(a[0] for a in looking(seed=5))).T
    return camera


def blender_pixels(camera, points):
    bpy.context.view_layer.update()
    view = np.array([world_to_camera_view(bpy.context.scene, camera, Vector(p)) for p in points])
    return np.stack([view[:, 0] * SIZE[1], (1 - view[:, 1]) * SIZE[0]], 1)


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_view_of_a_region(camera, kind):
    """From the matrices that a region has, here Blender's for the camera."""
    camera.data.type, camera.data.ortho_scale = kind, 3.0
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (40, 3))
    expected = blender_pixels(camera, points)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    window = camera.calc_matrix_camera(depsgraph, x=SIZE[1], y=SIZE[0])
    view = viewport.region_view(np.array(window), np.array(camera.matrix_world.inverted()), SIZE)
    assert view.orthographic == (kind == "ORTHO")
    if view.orthographic:
        in_camera = points @ view.R.T + view.t
        found = in_camera[:, :2] * np.diag(view.K)[:2] + view.K[:2, 2]
    else:
        found = pinhole(view.K, view.R, view.t, points)
    assert np.abs(found - expected).max() < 0.01


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
def test_camera_view_zoomed_and_moved(camera, kind):
    """A camera view that is zoomed and panned moves the picture's points alike: two projections agree."""
    camera.data.type, camera.data.ortho_scale = kind, 3.0
    bpy.context.view_layer.update()
    window = np.array(camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=SIZE[1], y=SIZE[0]))
    zoom = np.array(Matrix.Translation((0.3, -0.1, 0)) @ Matrix.Diagonal((1.7, 1.7, 1, 1)))
    matrix = np.array(camera.matrix_world.inverted())
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (40, 3))
    clip = np.concatenate([points, np.ones((40, 1))], 1) @ (zoom @ window @ matrix).T
    ndc = clip[:, :2] / clip[:, 3:]
    expected = (ndc * [1, -1] + 1) / 2 * [SIZE[1], SIZE[0]]
    view = viewport.region_view(zoom @ window, matrix, SIZE)
    in_camera = points @ view.R.T + view.t
    seen = in_camera[:, :2] / (1 if view.orthographic else in_camera[:, 2:])
    assert np.abs(seen * np.diag(view.K)[:2] + view.K[:2, 2] - expected).max() < 0.01


def test_coarser_view_sees_the_same():
    view = cam.whole_view(
        np.array([[900.0, 0, 500], [0, 900, 300], [0, 0, 1]]), np.eye(3), np.zeros(3), (600, 1000)
    )
    coarse = viewport.coarser(view, 250)
    assert coarse.size == (150, 250)
    points = np.random.default_rng(0).normal(0, 1, (20, 3)) + [0, 0, 5]
    assert np.allclose(
        pinhole(coarse.K, coarse.R, coarse.t, points) * 4, pinhole(view.K, view.R, view.t, points)
    )
    assert viewport.coarser(view, 2000).size == (600, 1000)


def test_pace():
    """Coarse at once for all that is new, fine when it rests, and then nothing until something changes."""
    pace = viewport.Pace()
    assert pace.next("a", 0.0) == viewport.COARSE
    assert pace.next("a", 0.01) is None and not pace.settled
    assert pace.next("b", 0.1) == viewport.COARSE
    assert pace.next("b", 0.11 + viewport.REST_S) == viewport.FINE
    assert pace.settled and pace.is_current("b")
    assert pace.next("b", 100.0) is None
    assert pace.next("c", 100.1) == viewport.COARSE
    assert not pace.is_current("b") and not pace.settled
