from dataclasses import replace

import pytest
import torch
from painted import Painted, body_pose, level_camera

from neural.diffusion import landmark
from neural.hands import HANDS
from neural.painting import REFINED_VERTICES
from neural.subject import body_surface
from neural.surface import build_atlas, refine
from neural.texture import INVENTED, MIRRORED, TexelReading, fuse, read_view
from neural.texture_fill import _scalp, complete
from smpl_fitting.body.names import PART_NAMES

RED, BLUE, SKIN = (torch.tensor(c) for c in ([0.8, 0.1, 0.1], [0.1, 0.15, 0.4], [0.85, 0.6, 0.5]))
HAIR, WHITE = torch.tensor([0.25, 0.15, 0.1]), torch.tensor([0.95, 0.95, 0.95])


class Dressed:
    """Red jacket over a white shirt in front, blue trousers with a hem at each shin's middle, hair, bare hands."""

    def __init__(self, body):
        self.body = body
        self.refined = refine(body_surface(body, torch.zeros(10)), REFINED_VERTICES)
        self.atlas = build_atlas(self.refined.surface, 512)
        fine = self.refined.surface
        self.points = self.atlas.points(fine.rest, fine.faces)
        self.part = fine.part_labels[self.atlas.face].long()
        scalp = _scalp(body, self.refined).float()[:, None]
        self.scalp = self.atlas.points(scalp, fine.faces)[:, 0] > 0.5
        ankle, knee = (body.J_template[body.joint_names.index(f"left_{n}"), 1] for n in ("ankle", "knee"))
        self.hem = float(ankle + knee) / 2
        self.painted = Painted(body, self.paint)
        self.truth = self.paint(self.points, self.part)
        self.truth[self.scalp] = HAIR

    def paint(self, rest, part):
        colour = SKIN.expand(len(rest), 3).clone()
        name = {n: PART_NAMES.index(n) for n in PART_NAMES}
        dressed = [
            name[n] for n in ("torso", "left_upper_arm", "right_upper_arm", "left_forearm", "right_forearm")
        ]
        colour[torch.isin(part, torch.tensor(dressed))] = RED
        colour[(part == name["torso"]) & (rest[:, 0].abs() < 0.05) & (rest[:, 2] > 0)] = WHITE
        legs = torch.isin(part, torch.tensor([i for n, i in name.items() if n.endswith(("thigh", "shin"))]))
        colour[legs & (rest[:, 1] > self.hem)] = BLUE
        nose = landmark(self.body, self.body.v_template, "nose")
        eye = landmark(self.body, self.body.v_template, "left_eye")
        colour[(part == name["head"]) & (rest[:, 1] > eye[1] + 0.045)] = HAIR
        colour[(part == name["head"]) & (rest[:, 2] < nose[2] - 0.14) & (rest[:, 1] > nose[1] - 0.03)] = HAIR
        return colour

    def complete(self, *yaws, skin=None, distrust=(), shading=None):
        whole = self.whole(*yaws, skin=skin, distrust=distrust, shading=shading)
        return whole.colour, whole.provenance

    def whole(self, *yaws, skin=None, distrust=(), shading=None):
        reads = [
            read_view(self.refined, self.atlas, self.painted.view(body_pose(yaw), level_camera((960, 640))))
            for yaw in yaws
        ]
        believed = ~torch.isin(self.part, torch.tensor(distrust, dtype=torch.int64))
        reads = [replace(one, trust=one.trust * believed) for one in reads]
        fused = fuse(
            self.atlas, reads, [torch.ones(len(self.part)) if shading is None else shading] * len(reads)
        )
        return complete(self.body, self.refined, self.atlas, fused, skin)


@pytest.fixture(scope="module")
def dressed(open_body):
    return Dressed(open_body)


@pytest.fixture(scope="module")
def from_front(dressed):
    return dressed.complete(0.0)


def error(colour, truth, where):
    return (colour - truth).abs().mean(1)[where]


def test_what_is_seen_stays(dressed, from_front):
    view = dressed.painted.view(body_pose(), level_camera((960, 640)))
    shown = read_view(dressed.refined, dressed.atlas, view)
    colour, provenance = from_front
    seen = shown.trust > 0.2
    torch.testing.assert_close(colour[seen], shown.colour[seen], atol=1e-5, rtol=0)
    assert (provenance[seen] == 1).all()


def test_the_back_is_a_plain_jacket(dressed, from_front):
    colour, provenance = from_front
    torso = dressed.part == PART_NAMES.index("torso")
    chest = torso & (dressed.points[:, 1] > dressed.body.J_template[3, 1]) & (dressed.points[:, 2] < -0.05)
    chest &= dressed.points[:, 1] < dressed.body.J_template[9, 1] + 0.15  # below the collar
    assert (provenance[chest] == INVENTED).all()
    assert error(colour, RED, chest).mean() < 0.06  # neither the white of the shirt in front nor skin


def test_hems_go_round_the_legs(dressed, from_front):
    colour, _ = from_front
    legs = torch.isin(dressed.part, torch.tensor([PART_NAMES.index(f"{s}_shin") for s in ("left", "right")]))
    ankle = dressed.body.J_template[:, :][dressed.body.joint_names.index("left_ankle")]
    behind = legs & (dressed.points[:, 2] < ankle[2] - 0.01)
    height = dressed.points[:, 1] - dressed.hem
    assert error(colour, BLUE, behind & (height > 0.05)).mean() < 0.05
    assert error(colour, SKIN, behind & (height < -0.05)).mean() < 0.05


def test_hair_and_no_face_on_the_back_of_the_head(dressed, from_front):
    colour, _ = from_front
    nose = landmark(dressed.body, dressed.body.v_template, "nose")
    back = dressed.scalp & (dressed.points[:, 2] < nose[2] - 0.17)
    assert back.sum() > 500
    assert error(colour, HAIR, back).mean() < 0.08


def test_a_hidden_arm_is_taken_from_the_other(dressed):
    # the checks of the two arms differ, so use a side view in which the right arm cannot be seen
    colour, provenance = dressed.complete(90.0)
    arms = [PART_NAMES.index(f"{side}_forearm") for side in ("left", "right")]
    taken = [(provenance[dressed.part == arm] == MIRRORED).float().mean() for arm in arms]
    assert max(taken) > 0.2 and min(taken) == 0.0
    for arm in arms:
        assert error(colour, RED, dressed.part == arm).mean() < 0.08


def test_hands_that_are_not_seen_have_the_faces_skin(dressed):
    colour, provenance = dressed.complete(0.0, skin=torch.cat([SKIN, torch.ones(1)]), distrust=HANDS)
    hands = torch.isin(dressed.part, torch.tensor(HANDS))
    assert (provenance[hands] == INVENTED).all()
    assert error(colour, SKIN, hands).median() < 0.05


def test_colours_are_finite_even_if_hardly_anything_is_seen(dressed):
    few = torch.zeros(len(dressed.points))
    few[:20] = 1.0
    reading = TexelReading(dressed.truth, few, torch.zeros_like(dressed.points))
    fused = fuse(dressed.atlas, [reading], [torch.full_like(few, 1.5)])
    whole = complete(dressed.body, dressed.refined, dressed.atlas, fused)
    assert torch.isfinite(whole.colour).all() and whole.colour.min() >= 0 and whole.colour.max() <= 1
    torch.testing.assert_close(whole.shading, torch.full_like(few, 1.5), atol=1e-4, rtol=0)


def test_shade_is_that_of_where_the_colour_comes_from(dressed):
    """Seen from her left, where it is bright; the other arm takes colour and shading of this one."""
    bright = torch.where(dressed.points[:, 0] > 0, 2.0, 1.0)
    whole = dressed.whole(90.0, shading=bright)
    mirrored = whole.provenance == MIRRORED
    giver = 2.0 if float((dressed.points[mirrored, 0] > 0).float().mean()) < 0.5 else 1.0
    assert mirrored.sum() > 500 and float((whole.shading[mirrored] == giver).float().mean()) > 0.9
    assert float(whole.shading.min()) > 0.99 and float(whole.shading.max()) < 2.01
