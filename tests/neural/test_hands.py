import torch

from neural.hands import HANDS, colour_distance, hand_trust, skin_colour
from smpl_fitting.body.names import PART_NAMES

SKIN, NAVY, LEATHER = (torch.tensor(c) for c in ([0.8, 0.58, 0.48], [0.1, 0.11, 0.2], [0.35, 0.2, 0.08]))
THIGH = PART_NAMES.index("left_thigh")


def scene(hand, count=400):
    """A face, a thigh in navy, and a hand with the given colours; (colour, trust, part, from_nose)."""
    generator = torch.Generator().manual_seed(0)
    colour = torch.cat([SKIN.expand(count, 3), NAVY.expand(count, 3), hand])
    colour = (colour * (1 + 0.05 * torch.randn(len(colour), 1, generator=generator))).clamp(0, 1)
    part = torch.tensor([0] * count + [THIGH] * count + [HANDS[0]] * len(hand))
    from_nose = torch.where(part == 0, 0.02, 1.0)
    return colour, torch.ones(len(colour)), part, from_nose


def judged(hand):
    colour, trust, part, from_nose = scene(hand)
    skin = skin_colour(colour, trust, from_nose)
    torch.testing.assert_close(skin, SKIN, atol=0.02, rtol=0)
    return hand_trust(colour, trust, part, skin)[part == HANDS[0]]


def test_shorts_on_fingers_are_thrown_out_and_skin_kept():
    trust = judged(torch.cat([SKIN.expand(200, 3), NAVY.expand(100, 3)]))
    assert (trust[:200] == 1).all() and (trust[200:] == 0).all()


def test_skin_in_the_shade_is_still_skin():
    assert (judged((0.6 * SKIN).expand(200, 3)) > 0.9).all()


def test_a_hand_in_a_pocket_is_not_seen():
    assert (judged(NAVY.expand(200, 3)) == 0).all()


def test_a_glove_is_a_glove():
    assert (judged(LEATHER.expand(200, 3)) == 1).all()


def test_beside_a_bare_hand_a_ball_is_no_glove():
    colour, trust, part, _ = scene(torch.cat([LEATHER.expand(200, 3), SKIN.expand(200, 3)]))
    part[-200:] = HANDS[1]
    judged = hand_trust(colour, trust, part, SKIN)
    assert (judged[part == HANDS[0]] == 0).all() and (judged[part == HANDS[1]] == 1).all()


def test_other_parts_are_left_alone():
    colour, trust, part, from_nose = scene(NAVY.expand(200, 3))
    assert (hand_trust(colour, trust, part, SKIN)[part != HANDS[0]] == 1).all()


def test_no_face_no_verdict():
    colour, trust, _, from_nose = scene(NAVY.expand(200, 3))
    assert skin_colour(colour, trust * 0, from_nose) is None


def test_distance_is_nought_for_the_same_colour():
    assert colour_distance(SKIN[None], SKIN).item() < 1e-6
