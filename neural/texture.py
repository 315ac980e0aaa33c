"""Fusion of one or many source pictures into the body's UV texture, at the texels they show.

Every texel takes its detail from the one source that sees it best, because averaging pictures whose fits differ by
a pixel blurs both; only the low frequencies are mixed between sources, over a width of a sixty-fourth of the
atlas, so that no seam shows where the best source changes (two-band blending: Burt and Adelson 1983; Brown and
Lowe 2007, section 5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from neural.correspondence import sample
from neural.source_view import SourceView, away_from_hands, texel_trust, view_fragments
from neural.surface import Atlas, Refined

ATLAS_SIZE = 1024
INVENTED = 0
"""Provenance of a texel no source shows; sources count from 1."""
MIRRORED = 255
"""Provenance of a texel taken from the other side of the body."""
MAX_SOURCES = 200

_BAND = 1 / 64  # standard deviation of the low band, in shares of the atlas
_GAIN_LIMIT = 1.35
_GAIN_TEXELS = 400  # fewer shared texels say nothing about the exposure


@dataclass(frozen=True)
class TexelReading:
    """What one source shows of every texel.

    Attributes:
        colour: (N, 3) in [0, 1], display-referred. trust: (N,) in [0, 1].
        normal: (N, 3) of the world, in the source's pose.
    """

    colour: Tensor
    trust: Tensor
    normal: Tensor


@dataclass(frozen=True)
class FusedTexels:
    """What the sources show of the body.

    Attributes:
        colour: (N, 3) in [0, 1], display-referred; meaningless where ``trust`` is 0.
        shading: (N,) by how much the light there has brightened that colour.
        trust: (N,) in [0, 1], of the source taken.
        source: (N,) int64, the number of that source, from 0.
        gains: (S, 3), what each source was multiplied by to agree with the others.
    """

    colour: Tensor
    shading: Tensor
    trust: Tensor
    source: Tensor
    gains: Tensor


def fuse(atlas: Atlas, readings: Sequence[TexelReading], shadings: Sequence[Tensor]) -> FusedTexels:
    """Paint the atlas from what each source shows of it.

    Args:
        readings: of each source. shadings: (N,), by how much its light brightens each texel (:mod:`neural.light`).

    Raises:
        ValueError: no sources, or more than :data:`MAX_SOURCES`.
    """
    if not 0 < len(readings) <= MAX_SOURCES:
        raise ValueError(f"{len(readings)} sources, expected 1 to {MAX_SOURCES}")
    trusts = [one.trust for one in readings]
    gains = _gains(
        [one.colour / shading[:, None] for one, shading in zip(readings, shadings, strict=True)], trusts
    )
    if len(readings) == 1:
        source = torch.zeros(len(trusts[0]), dtype=torch.int64)
        return FusedTexels(readings[0].colour, shadings[0], trusts[0], source, gains)
    planes = [
        torch.cat([(one.colour * gain).clamp(0, 1), shading[:, None]], dim=1)
        for one, gain, shading in zip(readings, gains, shadings, strict=True)
    ]
    blended, trust, source = _blend(atlas, planes, trusts)
    darkest, brightest = min(float(one.min()) for one in shadings), max(float(one.max()) for one in shadings)
    shading = blended[:, 3].clamp(darkest, brightest)
    return FusedTexels(blended[:, :3].clamp(0, 1), shading, trust, source, gains)


def read_view(refined: Refined, atlas: Atlas, view: SourceView) -> TexelReading:
    """What one source shows of every texel."""
    surface = refined.surface
    vertices = refined.lift(view.vertices)
    fragments, normals = view_fragments(view, surface.faces, vertices)
    points = atlas.points(vertices, surface.faces)
    pixels, depth = view.camera.project(points)
    pixels = torch.where((depth > 0)[:, None], pixels, torch.full_like(pixels, -1.0))
    parts = surface.part_labels
    normal = functional.normalize(atlas.points(normals, surface.faces), dim=-1)
    trust = texel_trust(points, normal, view, fragments, pixels)
    trust = trust * away_from_hands(fragments, parts, parts[atlas.face], pixels)
    image = torch.from_numpy(view.image).permute(2, 0, 1).float() / 255
    image = _shrink(image, _pixels_per_texel(pixels, trust, atlas))
    scale = pixels.new_tensor([image.shape[2] / view.image.shape[1], image.shape[1] / view.image.shape[0]])
    return TexelReading(sample(image, pixels * scale), trust, normal)


def _pixels_per_texel(pixels: Tensor, trust: Tensor, atlas: Atlas) -> float:
    """Median distance in the picture between trusted texels that are neighbours in the atlas."""
    after = (atlas.texels[1:] == atlas.texels[:-1] + 1) & (trust[1:] > 0.3) & (trust[:-1] > 0.3)
    if not bool(after.any()):
        return 1.0
    return float((pixels[1:] - pixels[:-1])[after].norm(dim=-1).median())


def _shrink(image: Tensor, step: float) -> Tensor:
    """The picture with pixels no finer than the texels, so that reading it does not skip any."""
    if step <= 1.25:
        return image
    size = [max(1, round(side / step)) for side in image.shape[1:]]
    return functional.interpolate(image[None], size=size, mode="bilinear", antialias=True)[0]


def _gains(colours: Sequence[Tensor], trusts: Sequence[Tensor]) -> Tensor:
    """What brings each source to the exposure of those before it, per channel, where both see the same texels."""
    gains = [torch.ones(3)]
    reference, weight = colours[0].clone(), trusts[0].clone()
    for colour, trust in zip(colours[1:], trusts[1:], strict=True):
        shared = (weight > 0.3) & (trust > 0.3)
        gain = torch.ones(3)
        if int(shared.sum()) >= _GAIN_TEXELS:
            ratio = (reference[shared] + 0.02) / (colour[shared] + 0.02)
            gain = ratio.log().median(0).values.exp().clamp(1 / _GAIN_LIMIT, _GAIN_LIMIT)
        gains.append(gain)
        better = trust > weight
        reference = torch.where(better[:, None], colour * gain, reference)
        weight = torch.maximum(weight, trust)
    return torch.stack(gains)


def _blend(atlas: Atlas, planes: Sequence[Tensor], trusts: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The best source's detail over a smooth mixture of all sources' low bands; planes (N, C) of each source."""
    sigma = _BAND * atlas.size
    # smoothed, so that the choice does not flicker from texel to texel; 0 stays 0
    smooth = torch.stack([_blur(atlas, t[:, None], sigma / 4)[:, 0] * (t > 0) for t in trusts])
    source = smooth.argmax(0)
    pick = source[None, :, None].expand(1, -1, planes[0].shape[1])
    best = torch.stack(list(planes)).gather(0, pick)[0]
    trust = torch.stack(list(trusts)).gather(0, source[None])[0]

    total = torch.zeros_like(trust)
    mixed = torch.zeros_like(best)
    best_low = torch.zeros_like(best)
    for index, plane in enumerate(planes):
        known = (trusts[index] > 0).float()[:, None]
        area = _blur(atlas, known, sigma)
        low = _blur(atlas, plane * known, sigma) / area.clamp(min=1e-4)
        chosen = ((source == index) & (trust > 0)).float()[:, None]
        share = _blur(atlas, chosen, sigma)[:, 0] * known[:, 0]
        total += share
        mixed += share[:, None] * low
        best_low += chosen * low
    correction = torch.where(total[:, None] > 1e-4, mixed / total.clamp(min=1e-4)[:, None] - best_low, 0.0)
    return best + correction, trust, source


def _blur(atlas: Atlas, values: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of texel values (N, C) in the atlas; the void counts as 0."""
    radius = max(1, round(2.5 * sigma))
    weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    picture = atlas.picture(values, padded=False)
    for axis in (1, 2):
        padded = functional.pad(picture, (radius, radius) if axis == 2 else (0, 0, radius, radius))
        picture = torch.zeros_like(picture)
        for start, weight in enumerate(weights):  # 10 times faster than conv2d on a CPU
            picture.add_(padded.narrow(axis, start, atlas.size), alpha=weight / sum(weights))
    return atlas.gather(picture)
