"""The warp renderer: source pixels carried along the body's surface to any pose and camera, nothing learned.

Where one source shows a point well its picture is read directly through T(p) (:mod:`neural.correspondence`), at
the picture's own resolution; elsewhere, and across seams between sources, the fused texture is read.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from neural.correspondence import sample
from neural.subject import Subject
from neural.surface import uv_to_pixels
from neural.texture import INVENTED, MIRRORED
from smpl_fitting.geometry import Camera, rasterize

SUPERSAMPLE = 2
"""Samples a side of each pixel: coverage in five steps, which is what antialiases the outline."""
_SEAM = 6.0  # texels from a change of source over which the texture takes over from the picture
_TRUSTED = (0.08, 0.25)  # trust from which the picture itself is read rather than the texture


@dataclass(frozen=True)
class RenderResult:
    """One frame.

    Attributes:
        rgba: (H, W, 4) float32 in [0, 1], straight alpha, display-referred sRGB, top row first. Where alpha is 0
            the colour is 0.
        depth: (H, W) float32 metres along the camera's z, infinite where there is nobody.
        provenance: (H, W) uint8: 0 nobody or invented, 255 mirrored, else source number + 1.
    """

    rgba: np.ndarray
    depth: np.ndarray
    provenance: np.ndarray


@dataclass(frozen=True)
class _Prepared:
    """A subject as tensors, ready to be read."""

    texture: list[Tensor]  # (3, A, A) and smaller
    source: Tensor  # (A, A) uint8
    direct: Tensor  # (1, A, A): share of the picture against the texture
    pictures: list[list[Tensor]]  # of each source, (3, H, W) and smaller


class WarpRenderer:
    """Draws subjects by warping; keeps what it prepared of each as long as the subject lives."""

    def __init__(self) -> None:
        self._prepared: weakref.WeakKeyDictionary[Subject, _Prepared] = weakref.WeakKeyDictionary()

    def render(
        self,
        subject: Subject,
        vertices: Tensor,
        camera: Camera,
        size: tuple[int, int],
        previous: tuple[Tensor, Camera] | None = None,
    ) -> RenderResult:
        """Draw one frame.

        Args:
            vertices: (V, 3) world metres, any deformation of the subject's mesh.
            camera: the view; taken to ``size`` (height, width).
            previous: vertices and camera of the frame before; part of the renderers' common interface, this
                one needs no past.

        Raises:
            ValueError: the vertices are not those of the subject's mesh.
        """
        del previous
        if vertices.shape != subject.surface.rest.shape:
            raise ValueError(
                f"vertices have shape {tuple(vertices.shape)}, the subject's mesh {tuple(subject.surface.rest.shape)}"
            )
        if subject not in self._prepared:
            self._prepared[subject] = _prepare(subject)
        camera = camera if camera.image_size == tuple(size) else camera.resized(size)
        canvas = _Canvas.empty(camera.image_size)
        box = _body_box(vertices, camera)
        if box is not None:
            with torch.inference_mode():
                _draw(canvas, box, self._prepared[subject], subject, vertices, camera)
        return RenderResult(canvas.rgba.numpy(), canvas.depth.numpy(), canvas.provenance.numpy())


@dataclass
class _Canvas:
    rgba: Tensor
    depth: Tensor
    provenance: Tensor

    @staticmethod
    def empty(size: tuple[int, int]) -> _Canvas:
        return _Canvas(
            torch.zeros(*size, 4), torch.full(size, torch.inf), torch.zeros(size, dtype=torch.uint8)
        )


def _prepare(subject: Subject) -> _Prepared:
    source = torch.from_numpy(subject.source)
    return _Prepared(
        texture=_levels(_planes(subject.texture[..., :3])),
        source=source,
        direct=_direct_share(subject.source, subject.trust),
        pictures=[
            _levels((_planes(image) * gain[:, None, None]).clamp(0, 1))
            for image, gain in zip(subject.images, subject.gains, strict=True)
        ],
    )


def _planes(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def _levels(image: Tensor) -> list[Tensor]:
    """The picture and its halves, down to 32 pixels."""
    levels = [image]
    while min(levels[-1].shape[1:]) >= 64:
        half = (levels[-1].shape[1] // 2, levels[-1].shape[2] // 2)
        levels.append(functional.interpolate(levels[-1][None], size=half, mode="bilinear", antialias=True)[0])
    return levels


def _direct_share(source: np.ndarray, trust: np.ndarray) -> Tensor:
    """(1, A, A): 1 where one source is read directly, falling to 0 at its borders and where it is not trusted."""
    border = np.zeros(source.shape, bool)
    border[:, 1:] |= source[:, 1:] != source[:, :-1]
    border[1:] |= source[1:] != source[:-1]
    away = ndimage.distance_transform_edt(~border) if border.any() else np.full(source.shape, np.inf)
    low, high = _TRUSTED
    share = np.clip(away / _SEAM, 0, 1) * np.clip((trust / 255.0 - low) / (high - low), 0, 1)
    share[(source == INVENTED) | (source == MIRRORED)] = 0.0
    return torch.from_numpy(share.astype(np.float32))[None]


def _body_box(vertices: Tensor, camera: Camera) -> tuple[int, int, int, int] | None:
    """x0, y0, x1, y1 of the pixels the body may touch; None when it is out of the picture."""
    pixels, depth = camera.project(vertices)
    height, width = camera.image_size
    if bool((depth <= 0.05).any()):  # reaches behind the camera: its outline there is not that of the vertices
        return (0, 0, width, height)
    low, high = pixels.amin(0).floor().long() - 1, pixels.amax(0).ceil().long() + 1
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]), width), min(int(high[1]), height)
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _draw(
    canvas: _Canvas,
    box: tuple[int, int, int, int],
    prepared: _Prepared,
    subject: Subject,
    vertices: Tensor,
    camera: Camera,
) -> None:
    x0, y0, x1, y1 = box
    height, width = y1 - y0, x1 - x0
    fine = camera.cropped(box).resized((height * SUPERSAMPLE, width * SUPERSAMPLE))
    fragments = rasterize(vertices, subject.surface.faces, fine)
    row, column = fragments.mask.nonzero(as_tuple=True)
    if len(row) == 0:
        return
    face, bary = fragments.pix_to_face[row, column], fragments.bary[row, column]
    colour, source = _colours(prepared, subject, face, bary, (row, column))

    pixel = (row // SUPERSAMPLE) * width + column // SUPERSAMPLE
    total = torch.zeros(height * width, 4)
    total.index_add_(0, pixel, torch.cat([colour, torch.ones(len(colour), 1)], dim=1))
    count = total[:, 3:]
    rgba = torch.cat([total[:, :3] / count.clamp(min=1), count / SUPERSAMPLE**2], dim=1)
    inside = (slice(y0, y1), slice(x0, x1))
    canvas.rgba[inside] = rgba.reshape(height, width, 4)
    depth = functional.max_pool2d(-fragments.depth[None, None], SUPERSAMPLE)
    canvas.depth[inside] = -depth[0, 0]
    # the first covered sample of each pixel, whatever order the device writes in
    for sub in reversed(range(SUPERSAMPLE**2)):
        at = (row % SUPERSAMPLE) * SUPERSAMPLE + column % SUPERSAMPLE == sub
        canvas.provenance[y0 + row[at] // SUPERSAMPLE, x0 + column[at] // SUPERSAMPLE] = source[at]


def _colours(
    prepared: _Prepared, subject: Subject, face: Tensor, bary: Tensor, place: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Colour (P, 3) and provenance (P,) of surface points given as face and barycentrics."""
    surface = subject.surface
    uv = (bary[..., None] * surface.uv[surface.faces_uv[face]]).sum(1)
    size = prepared.source.shape[0]
    texel = uv_to_pixels(uv, size)
    step = _step(texel, face, place)
    colour = _read(prepared.texture, texel, step)
    column, row = texel.long().clamp(0, size - 1).T
    source = prepared.source[row, column]
    share = sample(prepared.direct, texel)[:, 0]
    for index, levels in enumerate(prepared.pictures):
        chosen = ((source == index + 1) & (share > 0)).nonzero()[:, 0]
        if len(chosen) == 0:
            continue
        corners = subject.vertices[index][surface.faces[face[chosen]]]
        pixels, _ = subject.cameras[index].project((bary[chosen, :, None] * corners).sum(1))
        near = (place[0][chosen], place[1][chosen])
        direct = _read(levels, pixels, _step(pixels, face[chosen], near))
        colour[chosen] = torch.lerp(colour[chosen], direct, share[chosen, None])
    return colour, source


def _step(pixels: Tensor, face: Tensor, place: tuple[Tensor, Tensor]) -> float:
    """Median distance in what is read between samples that are neighbours on the screen and on one face."""
    row, column = place
    pair = (row[1:] == row[:-1]) & (column[1:] == column[:-1] + 1) & (face[1:] == face[:-1])
    if not bool(pair.any()):
        return 1.0
    return float((pixels[1:] - pixels[:-1])[pair].norm(dim=-1).median())


def _read(levels: list[Tensor], pixels: Tensor, step: float) -> Tensor:
    """Read a pyramid where samples lie ``step`` pixels of its first level apart, between its two nearest levels."""
    level = min(max(np.log2(max(step, 1e-6)), 0.0), len(levels) - 1.0)
    low = int(level)
    part = level - low
    out = _read_level(levels, low, pixels)
    if part > 0.05 and low + 1 < len(levels):
        out = torch.lerp(out, _read_level(levels, low + 1, pixels), part)
    return out


def _read_level(levels: list[Tensor], index: int, pixels: Tensor) -> Tensor:
    image, first = levels[index], levels[0]
    scale = pixels.new_tensor([image.shape[2] / first.shape[2], image.shape[1] / first.shape[1]])
    return sample(image, pixels * scale)
