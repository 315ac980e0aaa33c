import numpy as np
import pytest
from painted import SIZE, body_pose, level_camera

from neural.render import WarpRenderer
from neural.renderers import LIQUID, VISIBLE, WARP, frames_at_once, make_renderer, renderer_names
from neural.texture import INVENTED, MIRRORED
from smpl_fitting.errors import LiquidMotionError


def test_names():
    assert renderer_names() == [WARP, LIQUID, VISIBLE]
    assert isinstance(make_renderer(WARP), WarpRenderer)
    for name in ("cubist", "warp:weights.safetensors", ":", "liquid:no_such_file.safetensors"):
        with pytest.raises(LiquidMotionError):
            make_renderer(name)


def test_several_frames_are_drawn_at_once_where_that_is_safe():
    assert frames_at_once(make_renderer(WARP)) >= 1
    assert frames_at_once(make_renderer(VISIBLE)) == 1


def test_visible_is_the_warp_without_its_guesses(subject, checked):
    vertices, camera = checked.vertices(body_pose(70.0)), level_camera()
    whole = make_renderer(WARP).render(subject, vertices, camera, SIZE)
    seen = make_renderer(VISIBLE).render(subject, vertices, camera, SIZE)
    shown = (whole.provenance != INVENTED) & (whole.provenance != MIRRORED)
    assert 0.2 < shown[whole.rgba[..., 3] == 1].mean() < 0.98
    np.testing.assert_array_equal(seen.rgba[shown], whole.rgba[shown])
    assert (seen.rgba[~shown] == 0).all() and (seen.provenance[~shown] == INVENTED).all()
    np.testing.assert_array_equal(seen.depth, whole.depth)
