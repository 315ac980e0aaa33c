"""The light that a person stands in, told from how bright her sides are, so that she can be lit anew in another pose.

A picture shows what a material reflects (its albedo) times the light that falls on it. Of two places of one material
the quotient is the light's alone: the same place in two pictures, its mirror image on the other side of the body, and
places of one part that have the same hue. Prints, dirt and shadows make some of these pairs lie; a robust fit lives
with them.

The light of a photo is an ambient one from all sides, a lamp (Lambert's cosine) and a sky: what of irradiance matters
on matt surfaces (Ramamoorthi and Hanrahan 2001), in four numbers, so that the sides that are seen tell of the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from neural.texture import TexelReading
from smpl_fitting.body.names import PART_NAMES
from smpl_fitting.colour import LUMINANCE, srgb_to_linear

DISPLAY_GAMMA = 2.2
"""By what power display-referred values follow light."""
BRIGHTEST = 3.0
"""By how much at most a display-referred colour is brightened."""

_DARKEST = 0.1  # of the ambient light
_MOST_SKY = 0.4
_TEXELS = 40_000  # of the atlas that are looked at
_PAIRS = 12_000  # of each kind
_TRUSTED = 0.25
_WHITE, _NIGHT = 0.98, 0.06  # of the brightest channel: beyond them a pixel says nothing of the light
_FEW = 500  # texels seen, below which a picture says nothing
_MIRRORED = 0.008  # metres between a texel's mirror image and the texel it is compared with
_HUE_STEP = 0.12  # of the two log colour ratios: what is closer counts as the same material
_BLACK = 0.004  # added to linear light before its logarithm
# The pairs are not independent: they count as so many measurements against the spread of lamp and sky.
_EVIDENCE, _SPREAD = 300.0, (0.8, 0.8, 0.8, 0.3)
# Of log brightness, pass by pass: pairs that are off by more count less (Cauchy).
_SCALES = (0.5, 0.3, 0.2, *[0.15] * 7)
_STEP = 0.5  # longest change of the light in one pass
# The fit is not convex: it starts from no lamp, and from lamps before, behind and at both sides.
_STARTS = ((0, 0, 0), (0, -0.5, 0.5), (0.5, -0.3, 0.3), (-0.5, -0.3, 0.3), (0, 0.5, 0.3))


@dataclass(frozen=True)
class Light:
    """Irradiance of matt surfaces, as a multiple of what makes a colour show as it is; linear RGB.

    Attributes:
        ambient: (3,) from all sides alike. sky: (3,) how much more comes from straight above, and less from below.
        directions: (M, 3) unit vectors of the Z-up world towards each lamp. intensities: (M, 3) on a surface that
            faces it.
    """

    ambient: Tensor
    sky: Tensor
    directions: Tensor
    intensities: Tensor

    @staticmethod
    def of_photo(coefficients: Tensor) -> Light:
        """From the four numbers (4,) of :func:`estimate_light`."""
        return Light(
            ambient=torch.ones(3),
            sky=coefficients[3].expand(3),
            directions=functional.normalize(coefficients[None, :3], dim=1),
            intensities=coefficients[:3].norm().expand(1, 3),
        )

    def irradiance(self, normals: Tensor) -> Tensor:
        """(N, 3) at surfaces with unit normals (N, 3) of the world."""
        lamps = (normals @ self.directions.T).clamp(min=0) @ self.intensities
        return (self.ambient + normals[:, 2:] * self.sky + lamps).clamp(min=0)

    def brightness(self, normals: Tensor) -> Tensor:
        """(N, 3) by how much it brightens display-referred colours: irradiance to the power 1 / 2.2."""
        return self.irradiance(normals) ** (1 / DISPLAY_GAMMA)


def turned(coefficients: Tensor, angle: float) -> Tensor:
    """Lights (S, 4) of photos, turned by radians about the vertical, counter-clockwise seen from above."""
    c, s = math.cos(angle), math.sin(angle)
    x, y, up, sky = coefficients.unbind(1)
    return torch.stack([c * x - s * y, s * x + c * y, up, sky], dim=1)


@dataclass(frozen=True)
class _Pairs:
    """P pairs of places of one material: log brightness of the first less that of the second (P,), the normals (P, 3)
    of both, and the pairs' weight (P,)."""

    difference: Tensor
    first: Tensor
    second: Tensor
    weight: Tensor


def estimate_light(seen: Sequence[TexelReading], places: Tensor, part: Tensor) -> Tensor:
    """The light in which pictures were taken, as a multiple of the ambient part of it.

    Args:
        seen: what each of the pictures shows of the texels; all taken in one light, in one world.
        places: (N, 3) of the texels on the undressed rest body, which is symmetric in x. part: (N,) their body part.

    Returns:
        (4,): towards the lamp, as long as it is strong (3); how much more comes from straight above than from the
        sides, and less from below (1). Zeros, ambient light alone, where nothing can be told.
    """
    rng = np.random.default_rng(0)
    some = torch.from_numpy(np.sort(rng.permutation(len(places))[:_TEXELS]))
    few = [
        TexelReading(one.colour[some], one.trust[some], functional.normalize(one.normal[some], dim=1))
        for one in seen
    ]
    found = list(_pairs(few, places[some], _without_sides(part[some]), rng))
    if not found:
        return torch.zeros(4)
    joined = (torch.cat([getattr(one, field.name) for one in found]) for field in fields(_Pairs))
    return _fitted(_Pairs(*joined))


def _without_sides(part: Tensor) -> Tensor:
    """(N,): left and right parts have one number."""
    names = [name.removeprefix("left_").removeprefix("right_") for name in PART_NAMES]
    return torch.tensor([names.index(name) for name in names])[part.long()]


def _pairs(
    seen: Sequence[TexelReading], places: Tensor, part: Tensor, rng: np.random.Generator
) -> Iterator[_Pairs]:
    linear = [torch.from_numpy(srgb_to_linear(one.colour.numpy())).float() + _BLACK for one in seen]
    bright = [(one @ one.new_tensor(LUMINANCE)).log() for one in linear]

    def paired(one: int, first: Tensor, other: int, second: Tensor) -> _Pairs:
        trust = torch.minimum(seen[one].trust[first], seen[other].trust[second])
        return _Pairs(
            bright[one][first] - bright[other][second],
            seen[one].normal[first],
            seen[other].normal[second],
            trust * (_PAIRS / max(len(first), _PAIRS / 4)),
        )

    def drawn(count: int) -> Tensor:
        return torch.from_numpy(rng.permutation(count)[:_PAIRS])

    # blown-out whites are as bright on both sides of anything, and in the black there is but noise
    trusted = [
        (one.trust > _TRUSTED) & (one.colour.amax(1) < _WHITE) & (one.colour.amax(1) > _NIGHT) for one in seen
    ]
    for index, known in enumerate(trusted):
        shown = known.nonzero()[:, 0]
        if len(shown) < _FEW:
            continue
        for later in range(index + 1, len(seen)):
            both = (known & trusted[later]).nonzero()[:, 0]
            both = both[drawn(len(both))]
            yield paired(index, both, later, both)
        asked = shown[drawn(len(shown))]
        tree = cKDTree(places[shown].numpy())
        image = places[asked] * places.new_tensor([-1.0, 1.0, 1.0])
        distance, nearest = tree.query(image.numpy(), distance_upper_bound=_MIRRORED)
        close = torch.from_numpy(np.isfinite(distance))
        yield paired(index, asked[close], index, shown[torch.from_numpy(nearest)[close]])
        first, second = _of_one_material(linear[index][shown], part[shown], rng)
        some = drawn(len(first))
        yield paired(index, shown[first[some]], index, shown[second[some]])


def _of_one_material(linear: Tensor, part: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Numbers of texels with the same part and hue, in pairs at random."""
    red, green, blue = linear.log().unbind(1)
    hue = torch.stack([red - green, blue - green], dim=1).div(_HUE_STEP).round().long()
    _, kind = torch.cat([part[:, None], hue], dim=1).unique(dim=0, return_inverse=True)
    order = torch.from_numpy(np.lexsort((rng.random(len(kind)), kind.numpy())))
    alike = kind[order[1:]] == kind[order[:-1]]
    return order[1:][alike], order[:-1][alike]


def _fitted(pairs: _Pairs) -> Tensor:
    """The likeliest light: Gauss-Newton with Cauchy's weights from several starts."""
    weight = pairs.weight * (_EVIDENCE / pairs.weight.sum().clamp(min=1e-6))
    prior = torch.tensor(_SPREAD) ** -2.0
    best, least = torch.zeros(4), float("inf")
    for start in _STARTS:
        light = torch.tensor([*map(float, start), 0.0])
        for scale in _SCALES:
            error, slope = _errors(light, pairs)
            share = weight / (scale**2 + error**2)
            curvature = slope.T @ (share[:, None] * slope) + prior.diag()
            step = torch.linalg.solve(curvature, slope.T @ (share * error) - prior * light)
            light = light + step * min(1.0, _STEP / max(float(step.norm()), 1e-9))
            light[3] = light[3].clamp(-_MOST_SKY, _MOST_SKY)
        error, _ = _errors(light, pairs)
        cost = float((weight * torch.log1p((error / _SCALES[-1]) ** 2)).sum() + (prior * light**2).sum())
        if cost < least:
            best, least = light, cost
    return best


def _errors(light: Tensor, pairs: _Pairs) -> tuple[Tensor, Tensor]:
    """What of the pairs' differences (P,) the light does not explain, and the slope (P, 4) of what it does."""
    (first, first_slope), (second, second_slope) = (
        _log_slope(light, one) for one in (pairs.first, pairs.second)
    )
    return pairs.difference - (first - second), first_slope - second_slope


def _log_slope(light: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithm (N,) of the irradiance and its derivative (N, 4) by the light."""
    towards = normals @ light[:3]
    received = (1 + towards.clamp(min=0) + light[3] * normals[:, 2]).clamp(min=_DARKEST)
    slope = torch.cat([normals * (towards > 0)[:, None], normals[:, 2:]], dim=1)
    return received.log(), torch.where((received > _DARKEST)[:, None], slope / received[:, None], 0.0)
