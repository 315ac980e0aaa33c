"""Which texels of the hands really show a hand.

The body has no fingers to fit: where the person makes a fist, the model's fingers lie over whatever is beside it,
and a hand in a pocket shows cloth. Hands have the colour of the face unless they are gloved, so that colour is
the judge.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smpl_fitting.body.names import PART_NAMES

HANDS = tuple(PART_NAMES.index(name) for name in ("left_hand", "right_hand"))
_DRESSED = tuple(
    PART_NAMES.index(name) for name in ("torso", "left_forearm", "right_forearm", "left_thigh", "right_thigh")
)
FACE_RADIUS = 0.05  # metres around the nose in the rest pose: cheeks and nose, no hair
_SCALE = (0.13, 0.2, 0.6)  # what the two log colour ratios and the log brightness of one skin differ by
_ALIKE = (
    1.6,
    2.6,
)  # distances in those units up to which, and from which no longer, a colour is that of skin
_GLOVE = 0.6  # share of a hand's texels that must agree with each other for it to be a glove
_BARE = 0.3  # share of a hand's texels in the skin's colour for it to be bare
_FEW = 50  # texels


def skin_colour(colour: Tensor, trust: Tensor, from_nose: Tensor) -> Tensor | None:
    """(C,) the face's median colour, or None where the face is not seen.

    Args:
        colour: (N, C), whatever stands beside it included. trust: (N,). from_nose: (N,) metres from the nose's tip in
            the rest pose.
    """
    face = (from_nose < FACE_RADIUS) & (trust > 0.2)
    if int(face.sum()) < _FEW:
        return None
    return colour[face].median(0).values


def hand_trust(colour: Tensor, trust: Tensor, part: Tensor, skin: Tensor) -> Tensor:
    """The trust (N,) with that of hand texels taken away where they do not show a hand.

    Args:
        part: (N,) of each texel, indexing ``PART_NAMES``. skin: (3,), see :func:`skin_colour`.
    """
    trust = trust.clone()
    seen = [((part == hand) & (trust > 0)).nonzero()[:, 0] for hand in HANDS]
    # gloves come in pairs: beside a bare hand, a uniform other one holds something
    bare = any(len(at) >= _FEW and _share_alike(colour[at], skin) > _BARE for at in seen)
    for at in seen:
        if len(at) < _FEW or (not bare and _is_glove(colour, trust, part, at, skin)):
            continue
        low, high = _ALIKE
        strange = ((colour_distance(colour[at], skin) - low) / (high - low)).clamp(0, 1)
        trust[at] *= 1 - strange
    return trust


def _share_alike(colours: Tensor, reference: Tensor) -> float:
    return float((colour_distance(colours, reference) < _ALIKE[0]).float().mean())


def _is_glove(colour: Tensor, trust: Tensor, part: Tensor, at: Tensor, skin: Tensor) -> bool:
    """A hand of one colour that is neither skin's nor that of the clothes beside it."""
    own = colour[at].median(0).values
    if float(colour_distance(own[None], skin)) < _ALIKE[1]:
        return False
    if float((colour_distance(colour[at], own) < 1).float().mean()) < _GLOVE:
        return False
    for other in _DRESSED:
        seen = (part == other) & (trust > 0.2)
        if int(seen.sum()) >= _FEW and _share_alike(colour[seen], own) > 0.1:
            return False
    return True


def colour_distance(colours: Tensor, reference: Tensor) -> Tensor:
    """(N,) distance of colours (N, 3) to one, in units of what one skin varies by under one light."""
    a, b = (torch.log(one.clamp(0, 1) + 0.04) for one in (colours, reference))
    ratios = torch.stack([a[..., 0] - a[..., 1], a[..., 1] - a[..., 2], a.mean(-1)], dim=-1)
    wanted = torch.stack([b[0] - b[1], b[1] - b[2], b.mean()])
    return ((ratios - wanted) / ratios.new_tensor(_SCALE)).norm(dim=-1)
