import numpy as np
import pytest
from painted import SIZE, body_pose, level_camera

from neural.provenance import GROUND, INVENTED_TINT, NOBODY, legend, picture, trace, write_evidence
from neural.render import WarpRenderer
from neural.texture import INVENTED, MIRRORED
from smpl_fitting.video import read_image


@pytest.mark.parametrize(("yaw", "source"), [(0.0, 1), (180.0, 2)])
def test_front_and_back_are_told_apart(subject, checked, yaw, source):
    vertices, camera = checked.vertices(body_pose(yaw)), level_camera()
    evidence = trace(subject, vertices, camera)
    body = evidence.source != NOBODY
    assert (evidence.source[body] == source).mean() > 0.8
    # what faces the camera faced the source's, whose camera stood there
    seen = np.where(evidence.source == source, evidence.trust, 0)
    assert seen.max() > 240 and (evidence.trust[evidence.source == INVENTED] == 0).all()
    assert (evidence.trust[~body] == 0).all()


def test_it_agrees_with_the_renderers_own(subject, checked):
    vertices, camera = checked.vertices(body_pose(70.0)), level_camera()
    evidence = trace(subject, vertices, camera)
    drawn = WarpRenderer().render(subject, vertices, camera, SIZE)
    full = drawn.rgba[..., 3] == 1
    assert (evidence.source[full] == drawn.provenance[full]).mean() > 0.96  # one sample against four
    assert set(np.unique(evidence.source)) <= {NOBODY, INVENTED, 1, 2, MIRRORED}


def test_oblique_is_darker(subject, checked):
    evidence = trace(subject, checked.vertices(body_pose()), level_camera())
    image = picture(evidence, 2).astype(float).sum(-1)
    first = evidence.source == 1
    assert image[first & (evidence.trust > 200)].min() > image[first & (evidence.trust < 60)].max()
    assert (picture(evidence, 2)[evidence.source == NOBODY] == GROUND).all()
    assert (picture(evidence, 2)[evidence.source == INVENTED] == INVENTED_TINT).all()


def test_files(subject, checked, tmp_path):
    evidence = trace(subject, checked.vertices(body_pose()), level_camera())
    write_evidence(tmp_path / "provenance", 7, evidence, 2)
    image = read_image(tmp_path / "provenance" / "0007.png")
    assert image.shape[0] == SIZE[0] and image.shape[1] > SIZE[1]
    with np.load(tmp_path / "provenance" / "0007.npz") as stored:
        np.testing.assert_array_equal(stored["source"], evidence.source)
        np.testing.assert_array_equal(stored["trust"], evidence.trust)


@pytest.mark.parametrize(("sources", "height"), [(1, 480), (60, 480), (4, 30), (2, 1)])
def test_legend_fits(sources, height):
    assert legend(sources, height).shape[0] == height
