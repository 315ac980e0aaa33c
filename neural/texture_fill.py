"""What the parts of the body look like that no source shows: colours carried along the body's surface.

Clothes are cut round the body: hems, cuffs and belts go round limbs and trunk. So the colours at the rim of what
is seen are carried round the limb freely and along it hardly at all - steady-state diffusion with an anisotropic
tensor, solved on the surface itself (linear finite elements), where texture seams do not exist. A front view of
an open jacket over a striped shirt thus gets a plain jacket on its back, since the jacket is what is seen at the
sides, and shorts end at the same height behind. The head is the exception: hair, not the cheeks' skin, goes round
it, so the scalp is cut off from the face and takes its colour from the hair that is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from neural.diffusion import gradients, landmark, limb_axes, solve, stiffness
from neural.hands import HANDS
from neural.surface import Atlas, Refined, Surface
from neural.texture import INVENTED, MIRRORED, FusedTexels
from smpl_fitting.body import BodyModel
from smpl_fitting.body.names import PART_NAMES

ALONG = 0.004
"""Conductance along a limb, where round it is 1. A hem seen at both sides of a leg stays within 1 cm behind it."""
ALONG_PLAIN = 0.3
"""The same where the first solution shows no hem: there shading at the rim must not become stripes."""
HEM = 3.0
"""Change of colour per metre along a limb, from which it is a hem rather than shading (2 cm: a twentieth)."""
SCALP_EDGE = 1e-4
"""Conductance between scalp and face."""
SEEN = 0.05
"""Trust from which a texel counts as seen."""
MIRROR_REACH = 0.004  # metres between a texel's mirror image and the seen texel it copies
MIRROR_TRUST = 0.3  # of what the mirrored texel had: a guess, but better than none
MIRROR_WORTH = 0.5  # a part seen less than this share of what is seen of its partner is taken from it

_DATA = 0.02  # weight of a seen texel of a 1024 atlas against the conductance between neighbours, about 1:
# the rim, little trusted and in the shading, then follows what is seen well 2-3 cm inside of it
_ANCHOR = 1e-6  # pulls what nothing reaches (inside of the mouth) to the mean of its part
_HAND_ANCHOR = 3e-3  # pulls hands to the face's skin: only a hand of which nothing is seen gives way


@dataclass(frozen=True)
class CompleteTexels:
    """The whole body's texels.

    Attributes:
        colour: (N, 3) in [0, 1]. shading: (N,) by how much the light it was taken in brightened it.
        provenance: (N,) uint8 as in :mod:`neural.texture`. trust: (N,).
    """

    colour: Tensor
    shading: Tensor
    provenance: Tensor
    trust: Tensor


def complete(
    body: BodyModel, refined: Refined, atlas: Atlas, fused: FusedTexels, skin: Tensor | None = None
) -> CompleteTexels:
    """Fill the texels that no source shows; their shading is that of where their colour comes from.

    Args:
        skin: (4,) the face's colour and shading, which hands take that are not seen themselves.
    """
    planes, trust, mirrored = _mirror(refined.surface, refined.lift(body.v_template), atlas, fused)
    spread = _spread(body, refined, atlas, planes, trust, skin)
    share = _smoothstep(trust / (2.5 * SEEN))[:, None]
    provenance = torch.where(trust >= SEEN, fused.source + 1, torch.full_like(fused.source, INVENTED))
    provenance = torch.where(mirrored & (trust >= SEEN), torch.full_like(provenance, MIRRORED), provenance)
    filled = share * planes + (1 - share) * spread
    return CompleteTexels(filled[:, :3].clamp(0, 1), filled[:, 3], provenance.to(torch.uint8), trust)


def _smoothstep(x: Tensor) -> Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def _mirror(
    surface: Surface, rest: Tensor, atlas: Atlas, fused: FusedTexels
) -> tuple[Tensor, Tensor, Tensor]:
    """Colours and shading (N, 4), trust, and what was mirrored: parts hidden on one side are taken from the other.

    Whole parts only: where most of a part is seen, its hidden rim goes better with the rest of it than with the
    other side, which stands in another light. Partners are found by the rest pose's symmetry (x to -x), texel by
    texel: faces need not be cut alike on both sides.
    """
    places = atlas.points(rest, surface.faces)  # of the bare body, which is the same on both sides
    planes, trust = torch.cat([fused.colour, fused.shading[:, None]], dim=1), fused.trust.clone()
    mirrored = torch.zeros(len(places), dtype=torch.bool)
    wanted = _poorly_seen(surface, atlas, places, trust) & (trust < SEEN)
    giving = trust >= 3 * SEEN
    if not bool(giving.any()) or not bool(wanted.any()):
        return planes, trust, mirrored
    numbers, hidden = giving.nonzero()[:, 0], wanted.nonzero()[:, 0]
    other_side = places[hidden] * places.new_tensor([-1.0, 1.0, 1.0])
    tree = cKDTree(places[giving].numpy())
    distance, nearest = tree.query(other_side.numpy(), distance_upper_bound=MIRROR_REACH)
    found = np.isfinite(distance)
    at, partner = hidden[torch.from_numpy(found)], numbers[torch.from_numpy(nearest[found])]
    planes[at] = planes[partner]
    trust[at] = fused.trust[partner] * MIRROR_TRUST
    mirrored[at] = True
    return planes, trust, mirrored


def _poorly_seen(surface: Surface, atlas: Atlas, places: Tensor, trust: Tensor) -> Tensor:
    """(N,) bool: texels of parts (those of head and trunk halved) of whose partner much more is seen."""
    part = surface.part_labels[atlas.face].long()
    left = (places[:, 0] > 0).long()
    count = int(part.max()) + 1
    half = part * 2 + left
    area = torch.zeros(2 * count).index_add_(0, half, torch.ones(len(part)))
    seen = torch.zeros(2 * count).index_add_(0, half, (trust >= SEEN).float()) / area.clamp(min=1)
    # the partner of a part is the one whose mean place is nearest to its mirror image
    mean = torch.zeros(2 * count, 3).index_add_(0, half, places) / area.clamp(min=1)[:, None]
    mean[area == 0] = torch.inf
    image = torch.where(area[:, None] > 0, mean * mean.new_tensor([-1.0, 1.0, 1.0]), 0.0)
    partner = torch.cdist(image, mean.nan_to_num(posinf=1e6)).argmin(1)
    return (seen < MIRROR_WORTH * seen[partner])[half]


def _spread(
    body: BodyModel, refined: Refined, atlas: Atlas, planes: Tensor, trust: Tensor, skin: Tensor | None
) -> Tensor:
    """(N, 4) colours and shading of the diffusion at every texel."""
    surface = refined.surface
    weight, mean = _to_vertices(atlas, surface, planes, trust)
    weight = _DATA * weight * (1024 / atlas.size) ** 2
    axes, along = limb_axes(body, refined, ALONG)
    strength = _strength(_scalp(body, refined), surface.faces, weight)
    anchor, pull = _anchors(surface, weight, mean, skin)
    first = solve(stiffness(surface, axes, along, strength), weight, mean, pull, anchor)
    # edge-preserving (Perona and Malik 1990): along the limb only hems stay sharp
    change = _change_along(surface, axes, first[:, :3])
    plain = along + (ALONG_PLAIN - along).clamp(min=0) * torch.exp(-((change / HEM) ** 2))
    second = solve(stiffness(surface, axes, plain, strength), weight, mean, pull, anchor)
    return atlas.points(second, surface.faces)


def _strength(scalp: Tensor, faces: Tensor, weight: Tensor) -> Tensor:
    """(F,) the conductance of faces: nearly none across the scalp's edge."""
    zone = scalp[faces]
    border = zone.any(1) & ~zone.all(1)
    if not bool((weight[scalp] > 0).any()):
        border[:] = False  # no hair is seen: skin is the better guess
    return torch.where(border, SCALP_EDGE, 1.0)


def _to_vertices(atlas: Atlas, surface: Surface, planes: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
    """Total trust (V,) and mean values (V, C) of the texels around each vertex."""
    share = atlas.bary * torch.where(trust >= SEEN, trust, torch.zeros_like(trust))[:, None]
    corners = surface.faces[atlas.face].reshape(-1)
    weight = torch.zeros(len(surface.rest)).index_add_(0, corners, share.reshape(-1))
    channels = planes.shape[1]
    total = torch.zeros(len(surface.rest), channels)
    total.index_add_(0, corners, (share[..., None] * planes[:, None]).reshape(-1, channels))
    return weight, total / weight.clamp(min=1e-8)[:, None]


def _scalp(body: BodyModel, refined: Refined) -> Tensor:
    """(V,) bool: where hair grows, told by the bare rest pose's ears, eyes and mouth.

    Behind the ears all above their lobes, else what is above a line from the top of the ear to the hairline, which
    lies above the eyes by 0.9 of the way from mouth to eyes (the classic thirds of a face). The ears are where the
    head is widest.
    """
    surface = refined.surface
    rest = refined.lift(body.v_template)
    head = torch.zeros(len(rest), dtype=torch.bool)
    head[surface.faces[surface.part_labels == PART_NAMES.index("head")].reshape(-1)] = True
    left_eye, mouth = (landmark(body, body.v_template, name) for name in ("left_eye", "mouth_left"))
    unit = left_eye[1] - mouth[1]
    # a neck or the collar's skin may be as wide as the ears, but not as high
    wide = head & (rest[:, 1] > mouth[1] - 0.2 * unit) & (rest[:, 1] < left_eye[1] + unit)
    ears = wide & (rest[:, 0].abs() > 0.9 * rest[wide, 0].abs().max())
    lobe, top = rest[ears, 1].min(), rest[ears, 1].max()
    front, back = rest[ears, 2].max(), rest[ears, 2].min()
    ahead = ((rest[:, 2] - front) / (left_eye[2] - front).clamp(min=1e-3)).clamp(0.0, 1.0)
    line = top + (left_eye[1] + 0.9 * unit - top) * ahead
    line = torch.where(rest[:, 2] < back, lobe, line)
    return head & (rest[:, 1] > line)


def _change_along(surface: Surface, axes: Tensor, colour: Tensor) -> Tensor:
    """(F,) change of the vertices' colour per metre along the axis."""
    _, on_axis, _ = gradients(surface, axes)
    return (on_axis[..., None].float() * colour[surface.faces]).sum(1).norm(dim=-1)


def _anchors(surface: Surface, weight: Tensor, mean: Tensor, skin: Tensor | None) -> tuple[Tensor, Tensor]:
    """What each vertex is pulled to (V, 4), and how strongly (V,).

    To the mean seen colour and shading of its part, or of the whole body where nothing of it is seen; hands to skin.
    """
    part = torch.zeros(len(surface.rest), dtype=torch.int64)
    part[surface.faces.reshape(-1)] = surface.part_labels.long().repeat_interleave(3)
    count = len(PART_NAMES)
    total = torch.zeros(count).index_add_(0, part, weight)
    summed = torch.zeros(count, mean.shape[1]).index_add_(0, part, mean * weight[:, None])
    everywhere = summed.sum(0) / total.sum().clamp(min=1e-8)
    means = torch.where((total > 0)[:, None], summed / total.clamp(min=1e-8)[:, None], everywhere)
    pull = torch.full((count,), _ANCHOR)
    if skin is not None:
        means[list(HANDS)] = skin
        pull[list(HANDS)] = _HAND_ANCHOR
    return means[part], pull[part]
