from dataclasses import replace

import numpy as np
import pytest
import torch
from painted import Painted, body_pose, level_camera

from neural.light import Light
from neural.source_view import pixel_trust, view_fragments
from neural.subject import body_surface
from neural.surface import build_atlas, refine
from neural.texture import fuse, read_view


@pytest.fixture(scope="module")
def refined(open_body):
    return refine(body_surface(open_body, torch.zeros(10)), 40_000)


@pytest.fixture(scope="module")
def atlas(refined):
    return build_atlas(refined.surface, 512)


def evenly_lit(readings):
    return [torch.ones_like(one.trust) for one in readings]


def paint_of(checked, refined, atlas):
    """The true colour of every texel."""
    points = atlas.points(refined.surface.rest, refined.surface.faces)
    return checked.paint(points, refined.surface.part_labels[atlas.face].long())


def test_texels_take_their_true_colour(checked, refined, atlas):
    shown = read_view(refined, atlas, checked.view(body_pose()))
    seen = shown.trust > 0.3
    assert 0.2 < seen.float().mean() < 0.5  # one side of the body
    error = (shown.colour - paint_of(checked, refined, atlas)).abs().mean(1)[seen]
    assert error.median() < 0.01 and error.mean() < 0.05  # the edges of the checks are blurred by the picture


def test_nothing_is_taken_from_outside_the_mask(checked, refined, atlas):
    """Where the fit overhangs the person the background must not be painted on the body."""
    view = checked.view(body_pose())
    thin = view.mask.copy()
    rows = np.flatnonzero((thin > 0.5).any(1))
    for row in rows:  # the detector says that the person is a third thinner on their right
        columns = np.flatnonzero(thin[row] > 0.5)
        thin[row, columns[0] : columns[0] + len(columns) // 3] = 0.0
    fragments, _ = view_fragments(view, checked.body.faces)
    trust = pixel_trust(thin, fragments)
    assert (trust.numpy()[thin < 0.5] == 0).all()
    assert (trust.numpy()[thin > 0.5] > 0.9).mean() > 0.5


def test_trust_falls_beside_a_limb_that_hides_another(checked):
    """The forearm held before the trunk: neither its edge nor the trunk beside it is believed."""
    pose = body_pose(arms=1.2)
    pose[0, 18 * 3 + 1] = -2.0  # the left elbow bends across the belly
    view = checked.view(pose, level_camera((960, 640)))
    fragments, _ = view_fragments(view, checked.body.faces)
    trust = pixel_trust(view.mask, fragments).numpy()
    depth = fragments.depth.numpy()
    jump = np.abs(np.diff(np.nan_to_num(depth, posinf=99.0), axis=1)) > 0.05
    jump &= np.isfinite(depth[:, 1:]) & np.isfinite(depth[:, :-1])
    assert jump.sum() > 50
    row, column = np.nonzero(jump)
    assert trust[row, column].max() < 0.05 and trust[row, column + 1].max() < 0.05


def test_two_sources_stay_sharp_and_show_no_seam(checked, refined, atlas):
    truth = paint_of(checked, refined, atlas)
    reads = [read_view(refined, atlas, checked.view(body_pose(yaw))) for yaw in (0.0, 40.0)]
    fused = fuse(atlas, reads, evenly_lit(reads))
    seen = fused.trust > 0.3
    assert seen.float().mean() > max(float((one.trust > 0.3).float().mean()) for one in reads)
    assert (fused.colour - truth).abs().mean(1)[seen].mean() < 0.05
    for one in reads:  # an average of two sources a little apart would lose contrast
        alone = one.trust > 0.3
        assert fused.colour[alone].std() > 0.98 * one.colour[alone].std()
    assert set(fused.source[seen].tolist()) == {0, 1}


def test_exposures_are_brought_together(checked, refined, atlas):
    first, second = (read_view(refined, atlas, checked.view(body_pose(yaw))) for yaw in (0.0, 15.0))
    tint = torch.tensor([0.8, 0.9, 0.85])
    fused = fuse(atlas, [first, replace(second, colour=second.colour * tint)], evenly_lit([first, second]))
    np.testing.assert_allclose(fused.gains[1], 1 / tint, rtol=0.04)
    np.testing.assert_array_equal(fused.gains[0], 1)


def test_shade_goes_with_the_colours(open_body, refined, atlas):
    """Two sides in one light: what is left of the colours without it is the same all over, seams included."""
    gray = Painted(
        open_body, lambda rest, part: torch.full((len(rest), 3), 0.6), torch.tensor([1.5, 0, 1, 0.2])
    )
    reads = [read_view(refined, atlas, gray.view(body_pose(yaw))) for yaw in (0.0, 60.0)]
    fused = fuse(atlas, reads, [Light.of_photo(gray.light).brightness(one.normal)[:, 0] for one in reads])
    np.testing.assert_allclose(fused.gains, 1, atol=0.02)  # it is the light that differs, not the exposure
    seen = fused.trust > 0.3
    plain = fused.colour[seen].mean(1) / fused.shading[seen]
    assert (
        float(plain.std() / plain.mean()) < 0.05 < float(fused.colour[seen].std() / fused.colour[seen].mean())
    )


def test_no_sources_are_refused(atlas):
    with pytest.raises(ValueError, match="0 sources"):
        fuse(atlas, [], [])
