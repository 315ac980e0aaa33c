from itertools import pairwise

import numpy as np
import pytest
from painted import SIZE, body_pose, level_camera

from neural.frame_pool import MOST_WORKERS, in_order
from neural.render import WarpRenderer
from neural.renderers import LIQUID, LIT, VISIBLE, WARP, frames_at_once, make_renderer, renderer_names
from neural.texture import INVENTED, MIRRORED
from smpl_fitting.errors import LiquidMotionError


def test_names():
    assert renderer_names() == [WARP, LIQUID, LIT, VISIBLE]
    assert isinstance(make_renderer(WARP), WarpRenderer)
    for name in ("cubist", "warp:weights.safetensors", ":", "liquid:no_such_file.safetensors"):
        with pytest.raises(LiquidMotionError):
            make_renderer(name)


@pytest.mark.parametrize("name", renderer_names())
def test_several_threads_draw_what_one_does(subject, checked, name):
    poses = [checked.vertices(body_pose(yaw)) for yaw in (0.0, 30.0, 60.0, 90.0)]

    def frames(workers):
        renderer, camera = make_renderer(name), level_camera()
        moments = [(now, (before, camera)) for before, now in pairwise(poses)]
        draw = lambda one: renderer.render(subject, one[0], camera, SIZE, previous=one[1]).rgba  # noqa: E731
        return list(in_order(draw, moments, workers))

    for alone, together in zip(frames(1), frames(3), strict=True):
        np.testing.assert_allclose(alone, together, atol=2e-5)  # convolutions add up in another order
    assert 1 <= frames_at_once() <= MOST_WORKERS


def test_visible_is_the_warp_without_its_guesses(subject, checked):
    vertices, camera = checked.vertices(body_pose(70.0)), level_camera()
    whole = make_renderer(WARP).render(subject, vertices, camera, SIZE)
    seen = make_renderer(VISIBLE).render(subject, vertices, camera, SIZE)
    shown = (whole.provenance != INVENTED) & (whole.provenance != MIRRORED)
    assert 0.2 < shown[whole.rgba[..., 3] == 1].mean() < 0.98
    np.testing.assert_array_equal(seen.rgba[shown], whole.rgba[shown])
    assert (seen.rgba[~shown] == 0).all() and (seen.provenance[~shown] == INVENTED).all()
    np.testing.assert_array_equal(seen.depth, whole.depth)
