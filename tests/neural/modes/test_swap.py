import dataclasses

import numpy as np
import pytest
import torch
from painted import SIZE, Painted, body_pose, level_camera

from neural.modes.swap import GROUPS, parts_named, swap
from neural.render import WarpRenderer
from neural.subject import build_subject
from smpl_fitting.body.names import PART_NAMES
from smpl_fitting.errors import LiquidMotionError, SubjectError
from smpl_fitting.geometry import rasterize

DONOR_COLOUR = torch.tensor([0.1, 0.2, 0.9])


@pytest.fixture(scope="module")
def donor(open_body, tmp_path_factory):
    """One blue person, seen from the front."""
    blue = Painted(open_body, lambda rest, _: DONOR_COLOUR.expand(len(rest), 3))
    folder = tmp_path_factory.mktemp("donors") / "blue"
    return build_subject([blue.view(body_pose())], blue.body, folder, atlas_size=512)


def drawn(subject, checked, yaw=0.0):
    return WarpRenderer().render(subject, checked.vertices(body_pose(yaw)), level_camera(), SIZE)


def part_pixels(checked, names, yaw=0.0):
    """(H, W) bool: pixels well inside of these parts."""
    fragments = rasterize(checked.vertices(body_pose(yaw)), checked.body.faces, level_camera())
    label = checked.body.part_labels.long()[fragments.pix_to_face.clamp(min=0)]
    inside = torch.isin(label, torch.tensor(sorted(parts_named(names)))) & fragments.mask
    shrunk = -torch.nn.functional.max_pool2d(-inside[None].float(), 7, stride=1, padding=3)[0]
    return (shrunk > 0).numpy()


def test_parts_change_and_others_stay(subject, donor, checked, tmp_path):
    given = ["upper", "head"]
    made = swap(subject, [(donor, parts_named(given))], checked.body, tmp_path / "swapped")
    before, after = drawn(subject, checked), drawn(made, checked)
    taken, kept = part_pixels(checked, given), part_pixels(checked, ["lower", "hands", "feet"])
    assert taken.sum() > 3000 and kept.sum() > 3000
    assert np.abs(after.rgba[taken][:, :3] - DONOR_COLOUR.numpy()).mean() < 0.02
    # how fine a level of a picture is read is decided for all that is read of it
    np.testing.assert_allclose(after.rgba[kept], before.rgba[kept], atol=0.03)
    # the donor's picture is the third, after the base's two
    assert (after.provenance[taken] == 3).mean() > 0.7 and (after.provenance[kept] <= 2).all()
    assert len(made.images) == 3 and made.motion.frame_count == 3
    np.testing.assert_array_equal(made.background, subject.background)
    assert torch.equal(made.surface.rest, subject.surface.rest)  # neither wears anything thick


def test_clothes_come_along_and_borders_have_no_step(subject, donor, checked, tmp_path):
    thick = dataclasses.replace(donor, clothing=torch.full_like(donor.clothing, 0.02))
    made = swap(subject, [(thick, parts_named(["torso"]))], checked.body, tmp_path / "thick")
    change = made.clothing - subject.clothing
    part = torch.zeros(len(change), dtype=torch.int64)
    part[made.surface.faces.flatten()] = made.surface.part_labels.long().repeat_interleave(3)
    torso, shins = part == PART_NAMES.index("torso"), part == PART_NAMES.index("left_shin")
    assert (change[torso] > 0.0199).all(1).float().mean() > 0.5 and change[shins].abs().max() < 1e-6
    edges = made.surface.faces[:, [0, 1]]
    assert (change[edges[:, 0]] - change[edges[:, 1]]).abs().max() < 0.006  # of the 0.02 between both


def test_each_part_keeps_the_light_it_was_photographed_in(subject, beside_a_lamp, checked, tmp_path):
    """The donor's shading goes where its colours go; drawn in a light, both stand in the base's."""
    _, lit = beside_a_lamp
    made = swap(subject, [(lit, parts_named(["upper"]))], checked.body, tmp_path / "lit")
    theirs = made.source == 3
    np.testing.assert_array_equal(made.shading[theirs], lit.shading[theirs])
    ours = (made.source == 1) | (made.source == 2)
    np.testing.assert_array_equal(made.shading[ours], subject.shading[ours])
    np.testing.assert_array_equal(made.lights, torch.cat([subject.lights, lit.lights]))


def test_the_later_donor_wins(subject, donor, checked, tmp_path):
    gifts = [(donor, parts_named(["legs"])), (subject, parts_named(["left_thigh"]))]
    made = swap(subject, gifts, checked.body, tmp_path / "two")
    before, after = drawn(subject, checked), drawn(made, checked)
    thigh, shin = part_pixels(checked, ["left_thigh"]), part_pixels(checked, ["left_shin"])
    np.testing.assert_allclose(after.rgba[thigh], before.rgba[thigh], atol=0.03)
    assert np.abs(after.rgba[shin][:, :3] - DONOR_COLOUR.numpy()).mean() < 0.02


def test_names():
    assert parts_named(["head"]) == {PART_NAMES.index("head")}
    covered = parts_named(["head", "upper", "lower", "hands", "feet"])
    assert covered == set(range(len(PART_NAMES)))
    assert all(set(names) <= set(PART_NAMES) for names in GROUPS.values())
    with pytest.raises(LiquidMotionError, match="part 'tail' is unknown; choose among head"):
        parts_named(["tail"])


def test_what_does_not_fit_is_refused(subject, donor, checked, tmp_path):
    other = dataclasses.replace(donor, model="smpl")
    with pytest.raises(SubjectError, match="body model"):
        swap(subject, [(other, frozenset({0}))], checked.body, tmp_path / "a")
    small = dataclasses.replace(donor, source=donor.source[:256, :256])
    with pytest.raises(SubjectError, match="256 pixels wide"):
        swap(subject, [(small, frozenset({0}))], checked.body, tmp_path / "b")
    with pytest.raises(SubjectError, match="there already"):
        swap(subject, [(donor, frozenset({0}))], checked.body, tmp_path)
    assert list(tmp_path.iterdir()) == []
