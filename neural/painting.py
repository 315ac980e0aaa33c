"""From fitted views to the texture that a subject wears, with what is known of each of its texels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from neural.broad_normals import BroadNormals
from neural.diffusion import landmark
from neural.hands import hand_trust, skin_colour
from neural.light import Light, estimate_light
from neural.source_view import SourceView
from neural.surface import Surface, build_atlas, refine
from neural.texture import INVENTED, MIRRORED, TexelReading, fuse, read_view
from neural.texture_fill import complete
from smpl_fitting.body import BodyModel
from smpl_fitting.progress import Progress

REFINED_VERTICES = 40_000  # edges of 6 mm: what a fill carried round the body is as fine as


@dataclass(frozen=True)
class Painting:
    """Planes of (A, A) texels, as :mod:`neural.subject` keeps them, and what was found out about the S sources.

    Attributes:
        texture: (A, A, 4) uint8. source, trust: uint8. shading: float16.
        gains: (S, 3) that the sources' exposures were evened by. lights: (S, 4) of :func:`estimate_light`.
    """

    texture: np.ndarray
    source: np.ndarray
    trust: np.ndarray
    shading: np.ndarray
    gains: Tensor
    lights: Tensor


def paint(
    sources: Sequence[SourceView], body: BodyModel, surface: Surface, atlas_size: int, progress: Progress
) -> Painting:
    """Paint the surface (dressed; the body's v_template is bare) with what the sources show."""
    refined = refine(surface, REFINED_VERTICES)
    atlas = build_atlas(refined.surface, atlas_size)
    fine = refined.surface
    part = fine.part_labels[atlas.face]
    from_nose = (atlas.points(fine.rest, fine.faces) - landmark(body, surface.rest, "nose")).norm(dim=1)
    readings: list[TexelReading] = []
    for view in progress.part("", 0.1, 0.6).track(sources, len(sources)):
        reading = read_view(refined, atlas, view)
        skin = skin_colour(reading.colour, reading.trust, from_nose)
        if skin is not None:
            reading = replace(reading, trust=hand_trust(reading.colour, reading.trust, part, skin))
        readings.append(reading)

    def at_texels(values: Tensor) -> Tensor:
        return atlas.points(refined.lift(values), fine.faces)

    broad = BroadNormals(surface)
    normals = [broad.of(view.vertices) for view in sources]
    broadly = [replace(one, normal=at_texels(normal)) for one, normal in zip(readings, normals, strict=True)]
    files = [view.motion.source for view in sources]
    lights = _lights(files, broadly, at_texels(body.v_template), part)
    # interpolated as the renderer does it: where the sources stood, the quotient of both is 1
    shadings = [
        at_texels(Light.of_photo(light).brightness(normal)[:, :1])[:, 0]
        for light, normal in zip(lights, normals, strict=True)
    ]
    lit_skins = (
        skin_colour(torch.cat([one.colour, shading[:, None]], dim=1), one.trust, from_nose)
        for one, shading in zip(readings, shadings, strict=True)
    )
    skin = next((one for one in lit_skins if one is not None), None)
    fused = fuse(atlas, readings, shadings)
    whole = complete(body, refined, atlas, fused, skin)
    seen = (whole.provenance != INVENTED) & (whole.provenance != MIRRORED)
    planes = [
        whole.colour * 255,
        seen[:, None] * 255.0,
        whole.provenance[:, None],
        whole.trust[:, None] * 255,
    ]
    bytes_ = atlas.picture(torch.cat(planes, dim=1)).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
    texture, source, trust = np.split(bytes_.numpy(), [4, 5], axis=2)
    progress.update(1.0)
    return Painting(
        texture=np.ascontiguousarray(texture),
        source=np.ascontiguousarray(source[..., 0]),
        trust=np.ascontiguousarray(trust[..., 0]),
        shading=atlas.picture(whole.shading[:, None])[0].half().numpy(),
        gains=fused.gains,
        lights=lights,
    )


def _lights(files: Sequence[str], readings: Sequence[TexelReading], places: Tensor, part: Tensor) -> Tensor:
    """(S, 4) the light of each source; those of one clip share theirs, as they share a world."""
    lights = torch.zeros(len(files), 4)
    for name in dict.fromkeys(files):
        alike = [index for index, one in enumerate(files) if one == name]
        lights[alike] = estimate_light([readings[index] for index in alike], places, part)
    return lights
