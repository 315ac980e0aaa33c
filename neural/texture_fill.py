"""What the parts of the body look like that no source shows: colours carried along the body's surface.

Clothes are cut round the body: hems, cuffs and belts go round limbs and trunk. So the colours at the rim of what
is seen are carried round the limb freely and along it hardly at all - steady-state diffusion with an anisotropic
tensor, solved on the surface itself (linear finite elements), where texture seams do not exist. A front view of
an open jacket over a striped shirt thus gets a plain jacket on its back, since the jacket is what is seen at the
sides, and shorts end at the same height behind. The head is the exception: hair, not the cheeks' skin, goes round
it, so the scalp is cut off from the face and takes its colour from the hair that is seen.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.sparse import linalg
from scipy.spatial import cKDTree
from torch import Tensor

from neural.surface import Atlas, Refined, Surface
from neural.texture import INVENTED, MIRRORED, FusedTexels
from smpl_fitting.body import BodyModel

ALONG = 0.02
"""Conductance along a limb, where round it is 1. A hem seen at both sides of a leg stays within 2 cm behind it."""
SCALP_EDGE = 1e-4
"""Conductance between scalp and face."""
SEEN = 0.04
"""Trust from which a texel counts as seen."""
MIRROR_REACH = 0.004  # metres between a texel's mirror image and the seen texel it copies
MIRROR_TRUST = 0.3  # of what the mirrored texel had: a guess, but better than none

_DATA = 20.0  # weight of a seen texel against the conductance between neighbours, about 1
_ANCHOR = 1e-6  # pulls what nothing reaches (inside of the mouth) to the mean of its part


def complete(
    body: BodyModel, refined: Refined, atlas: Atlas, fused: FusedTexels
) -> tuple[Tensor, Tensor, Tensor]:
    """Fill the texels that no source shows.

    Returns:
        colour (N, 3) in [0, 1] of every texel, provenance (N,) uint8 as in :mod:`neural.texture`, and trust (N,).
    """
    surface = refined.surface
    places = atlas.points(surface.rest, surface.faces)
    colour, trust, mirrored = _mirror(places, fused)
    spread = _spread(body, refined, atlas, colour, trust)
    share = _smoothstep(trust / (2 * SEEN))[:, None]
    provenance = torch.where(trust >= SEEN, fused.source + 1, torch.full_like(fused.source, INVENTED))
    provenance = torch.where(mirrored & (trust >= SEEN), torch.full_like(provenance, MIRRORED), provenance)
    return share * colour + (1 - share) * spread, provenance.to(torch.uint8), trust


def _smoothstep(x: Tensor) -> Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def _mirror(places: Tensor, fused: FusedTexels) -> tuple[Tensor, Tensor, Tensor]:
    """Take what is hidden on one side of the body from the other side, where that is seen.

    Partners are found by the rest pose's symmetry (x to -x), texel by texel: a vertex's partner is known, but
    faces need not be cut alike on both sides.
    """
    seen, hidden = fused.trust >= SEEN, (fused.trust < SEEN).nonzero()[:, 0]
    colour, trust = fused.colour.clone(), fused.trust.clone()
    mirrored = torch.zeros(len(places), dtype=torch.bool)
    if not bool(seen.any()) or len(hidden) == 0:
        return colour, trust, mirrored
    numbers = seen.nonzero()[:, 0]
    tree = cKDTree(places[seen].numpy())
    other_side = places[hidden] * places.new_tensor([-1.0, 1.0, 1.0])
    distance, nearest = tree.query(other_side.numpy(), distance_upper_bound=MIRROR_REACH, workers=-1)
    found = torch.from_numpy(np.isfinite(distance))
    partner = numbers[torch.from_numpy(nearest[np.isfinite(distance)])]
    at = hidden[found]
    better = fused.trust[partner] * MIRROR_TRUST > trust[at]
    at, partner = at[better], partner[better]
    colour[at] = fused.colour[partner]
    trust[at] = fused.trust[partner] * MIRROR_TRUST
    mirrored[at] = True
    return colour, trust, mirrored


def _spread(body: BodyModel, refined: Refined, atlas: Atlas, colour: Tensor, trust: Tensor) -> Tensor:
    """(N, 3) colours of the diffusion at every texel."""
    surface = refined.surface
    weight, mean = _to_vertices(atlas, surface, colour, trust)
    axes, along = _limb_axes(body, refined)
    scalp = _scalp(body, refined)
    faces = surface.faces
    zone = scalp[faces]
    border = zone.any(1) & ~zone.all(1)
    strength = torch.where(border, SCALP_EDGE, 1.0)
    if not bool((weight[scalp] > 0).any()):
        strength = torch.ones_like(strength)  # no hair is seen: skin is the better guess
    stiffness = _stiffness(surface.rest, faces, axes, along, strength)
    solution = _solve(stiffness, weight, mean, _part_means(surface, weight, mean))
    return atlas.points(solution, faces).clamp(0, 1)


def _to_vertices(atlas: Atlas, surface: Surface, colour: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
    """Total trust (V,) and mean colour (V, 3) of the texels around each vertex."""
    share = atlas.bary * torch.where(trust >= SEEN, trust, torch.zeros_like(trust))[:, None]
    corners = surface.faces[atlas.face].reshape(-1)
    weight = torch.zeros(len(surface.rest)).index_add_(0, corners, share.reshape(-1))
    total = torch.zeros(len(surface.rest), 3)
    total.index_add_(0, corners, (share[..., None] * colour[:, None]).reshape(-1, 3))
    return weight, total / weight.clamp(min=1e-8)[:, None]


def _limb_axes(body: BodyModel, refined: Refined) -> tuple[Tensor, Tensor]:
    """The direction (F, 3) of the limb each face lies on, in the rest pose, and the conductance (F,) along it.

    Trunk: upwards. Arms and legs: from the joint to the next. Hands, feet and head have no one axis.
    """
    joints = body.J_template
    names = body.joint_names
    axis = torch.zeros(len(names), 3)
    axis[:, 1] = 1.0
    along = torch.full((len(names),), 1.0)
    chains = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}
    for index, name in enumerate(names):
        side, _, kind = name.partition("_")
        if kind in chains:
            axis[index] = joints[names.index(f"{side}_{chains[kind]}")] - joints[index]
            along[index] = ALONG
        elif name in ("pelvis", "spine1", "spine2", "spine3") or kind == "collar":
            along[index] = ALONG
    weights = refined.lift(body.weights)[refined.surface.faces].mean(1)
    owner = weights.argmax(1)
    return torch.nn.functional.normalize(axis[owner], dim=-1), along[owner]


def _scalp(body: BodyModel, refined: Refined) -> Tensor:
    """(V,) bool: where hair grows, told by the rest pose's ears and eyes.

    Behind the ears all above their lower edge; in front of them what is above a line from the ear to the
    hairline, which lies above the eyes by 0.9 of the way from mouth to eyes (the classic thirds of a face).
    """
    rest = refined.surface.rest
    marks = (body.v_template[body.landmark_vertices] * body.landmark_weights[..., None]).sum(1)
    ear = marks[[7, 8]].mean(0)
    eye = marks[[2, 5]].mean(0)
    mouth = marks[[9, 10]].mean(0)
    head = torch.zeros(len(rest), dtype=torch.bool)
    label = int(refined.surface.part_labels[_face_nearest(refined.surface, eye)])
    head[refined.surface.faces[refined.surface.part_labels == label].reshape(-1)] = True
    hairline = eye[1] + 0.9 * (eye[1] - mouth[1])
    ahead = ((rest[:, 2] - ear[2]) / (eye[2] - ear[2]).clamp(min=1e-3)).clamp(min=0.0)
    nape = ear[1] - 0.5 * (eye[1] - mouth[1])
    top_of_ear = ear[1] + 0.5 * (eye[1] - mouth[1])
    behind = rest[:, 2] < ear[2] - 0.2 * (eye[2] - ear[2])
    line = torch.where(behind, nape, top_of_ear + (hairline - top_of_ear) * ahead.clamp(max=1.0))
    return head & (rest[:, 1] > line)


def _face_nearest(surface: Surface, point: Tensor) -> int:
    return int((surface.rest[surface.faces].mean(1) - point).norm(dim=-1).argmin())


def _stiffness(
    rest: Tensor, faces: Tensor, axes: Tensor, along: Tensor, strength: Tensor
) -> sparse.csc_matrix:
    """The finite-element matrix of div(D grad c), D = 1 round the axis and ``along`` along it, per face."""
    p = rest.double()[faces]
    edges = p.roll(-2, 1) - p.roll(-1, 1)  # opposite to each corner
    normal = torch.linalg.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0], dim=-1)
    double_area = normal.norm(dim=-1).clamp(min=1e-12)
    unit = normal / double_area[:, None]
    gradient = torch.linalg.cross(unit[:, None].expand_as(edges), edges, dim=-1) / double_area[:, None, None]
    on_axis = (gradient * axes.double()[:, None]).sum(-1)
    dot = gradient @ gradient.transpose(1, 2)
    value = dot - (1 - along.double())[:, None, None] * on_axis[:, :, None] * on_axis[:, None, :]
    value = value * (0.5 * double_area * strength.double())[:, None, None]
    row = faces[:, :, None].expand(-1, 3, 3).reshape(-1).numpy()
    column = faces[:, None, :].expand(-1, 3, 3).reshape(-1).numpy()
    return sparse.csc_matrix((value.reshape(-1).numpy(), (row, column)), shape=(len(rest), len(rest)))


def _part_means(surface: Surface, weight: Tensor, mean: Tensor) -> Tensor:
    """(V, 3): the mean seen colour of each vertex's part, or of the whole body where nothing of it is seen."""
    part = torch.zeros(len(surface.rest), dtype=torch.int64)
    part[surface.faces.reshape(-1)] = surface.part_labels.long().repeat_interleave(3)
    count = int(part.max()) + 1
    total = torch.zeros(count).index_add_(0, part, weight)
    summed = torch.zeros(count, 3).index_add_(0, part, mean * weight[:, None])
    everywhere = summed.sum(0) / total.sum().clamp(min=1e-8)
    known = (total > 0)[:, None]
    return torch.where(known, summed / total.clamp(min=1e-8)[:, None], everywhere)[part]


def _solve(stiffness: sparse.csc_matrix, weight: Tensor, mean: Tensor, anchor: Tensor) -> Tensor:
    """Minimise the diffusion's energy plus the squared distance to what is seen."""
    data = _DATA * weight.double().numpy()
    diagonal = data + _ANCHOR
    right = data[:, None] * mean.double().numpy() + _ANCHOR * anchor.double().numpy()
    factor = linalg.splu(
        (stiffness + sparse.diags(diagonal)).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return torch.from_numpy(factor.solve(right)).float()
