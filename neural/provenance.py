"""Evidence for pixels: which source each pixel of the body comes from, how squarely it was seen, or that it is a guess.

It tells of the texture that every renderer starts from; a network's repairs come on top of it.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural.subject import Subject
from neural.surface import uv_to_pixels
from neural.texture import INVENTED, MIRRORED
from smpl_fitting.files import atomic_path
from smpl_fitting.geometry import Camera, rasterize
from smpl_fitting.pictures.canvas import draw_text
from smpl_fitting.video import write_image

NOBODY = -1
GROUND = (24, 24, 28)
INVENTED_TINT = (215, 0, 130)
MIRRORED_TINT = (225, 225, 225)
_LEGEND_WIDTH = 190  # pixels
_LINE = 20
_MOST_LINES = 12  # sources named in the legend; more would not be told apart by colour


@dataclass(frozen=True)
class Evidence:
    """Where the pixels of one frame come from.

    Attributes:
        source: (H, W) int16: the number of the source, from 1; 0 invented; 255 mirrored from the body's other
            side; -1 nobody.
        trust: (H, W) uint8: 255 where the source saw the surface squarely and undoubtedly, falling with the angle
            and towards outlines and limbs in front; 0 where invented.
    """

    source: np.ndarray
    trust: np.ndarray

    def save(self, path: Path) -> None:
        """Write the arrays as ``.npz``, whole or not at all."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, source=self.source, trust=self.trust)


def trace(subject: Subject, vertices: Tensor, camera: Camera) -> Evidence:
    """Look up every pixel's surface point in the subject's texture.

    Args:
        vertices: (V, 3) world metres, any deformation of the subject's mesh. camera: of the picture's size.
    """
    surface = subject.surface
    fragments = rasterize(vertices, surface.faces, camera)
    seen = fragments.mask
    corners = uv_to_pixels(surface.uv, len(subject.source))[surface.faces_uv[fragments.pix_to_face[seen]]]
    texel = (fragments.bary[seen][..., None] * corners).sum(1).long().clamp(0, len(subject.source) - 1)
    column, row = texel.unbind(1)
    source = torch.full(seen.shape, NOBODY, dtype=torch.int16)
    source[seen] = torch.from_numpy(subject.source)[row, column].short()
    trust = torch.zeros(seen.shape, dtype=torch.uint8)
    trust[seen] = torch.from_numpy(subject.trust)[row, column]
    trust[source == INVENTED] = 0
    return Evidence(source.numpy(), trust.numpy())


def picture(evidence: Evidence, sources: int) -> np.ndarray:
    """(H, W, 3) uint8: a hue for each source, the paler the more obliquely it saw the surface; see :func:`legend`."""
    tints = np.zeros((256, 3), np.float32)
    tints[1 : sources + 1] = [_tint(number) for number in range(sources)]
    tints[INVENTED], tints[MIRRORED] = INVENTED_TINT, MIRRORED_TINT
    known = evidence.source != NOBODY
    strength = 0.35 + 0.65 * evidence.trust[known, None] / np.float32(255)
    strength[evidence.source[known] == INVENTED] = 1.0
    image = np.full((*evidence.source.shape, 3), GROUND, np.uint8)
    image[known] = np.rint(tints[evidence.source[known]] * strength)
    return image


def legend(sources: int, height: int) -> np.ndarray:
    """(height, 190, 3) uint8 that says what the colours of :func:`picture` mean."""
    image = np.full((height, _LEGEND_WIDTH, 3), GROUND, np.uint8)
    lines = [(f"source {number + 1}", _tint(number)) for number in range(min(sources, _MOST_LINES))]
    if sources > _MOST_LINES:
        lines.append((f"… to source {sources}", GROUND))
    lines += [("mirrored side", MIRRORED_TINT), ("invented", INVENTED_TINT), ("dark: oblique", GROUND)]
    for index, (words, tint) in enumerate(lines):
        top = 8 + _LINE * index
        if top + _LINE > height:
            break
        steps = np.linspace(1.0, 0.35, 24)[None, :, None]
        flat = words in ("invented", "dark: oblique") or words.startswith("…")
        image[top + 2 : top + 14, 8:32] = np.rint(np.array(tint) * (1.0 if flat else steps))
        draw_text(image[:, 36:], words, (0, top - 2), 13, (235, 235, 235))
    return image


def write_evidence(folder: Path, number: int, evidence: Evidence, sources: int) -> None:
    """Write ``folder/####.png``, the picture with its legend at the right, and ``folder/####.npz``, the values."""
    image = picture(evidence, sources)
    write_image(folder / f"{number:04d}.png", np.concatenate([image, legend(sources, len(image))], axis=1))
    evidence.save(folder / f"{number:04d}.npz")


def evidence_is_there(folder: Path, number: int) -> bool:
    """Whether :func:`write_evidence` finished this frame: the values are written last."""
    return (folder / f"{number:04d}.npz").is_file()


def _tint(number: int) -> tuple[int, int, int]:
    """Hues by the golden angle, so that neighbours in number differ; between orange and violet, which are neither
    the guess's magenta nor its neighbours."""
    hue = 0.06 + 0.68 * ((number * 0.618034) % 1.0)
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)
