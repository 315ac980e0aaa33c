"""The warp renderer: source pixels carried along the body's surface to any pose and camera, nothing learned.

Where one source shows a point well its picture is read directly through T(p) (:mod:`neural.correspondence`), at
the picture's own resolution; elsewhere, and across seams between sources, the fused texture is read.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from neural.correspondence import sample
from neural.light import BRIGHTEST, Light
from neural.subject import Subject
from neural.surface import uv_to_pixels
from neural.texture import INVENTED, MIRRORED
from smpl_fitting.geometry import Camera, rasterize

SUPERSAMPLE = 2
"""Samples a side of each pixel: coverage in five steps, which is what antialiases the outline."""
_SEAM = 6.0  # texels from a change of source over which the texture takes over from the picture
_STEP_PAIRS = 4096  # enough for a median
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
    shading: Tensor  # (A, A)
    direct: Tensor  # (A, A): share of the picture against the texture
    pictures: list[list[Tensor]]  # of each source, (3, H, W) and smaller
    faces: Tensor  # (F, 3)
    texel_corners: Tensor  # (F, 3, 2) atlas pixels of the faces' corners
    picture_corners: list[Tensor]  # of each source, (F, 3, 3) homogeneous pixels of the faces' corners


def check_vertices(subject: Subject, vertices: Tensor) -> None:
    """
    Raises:
        ValueError: the vertices (V, 3) are not those of the subject's mesh.
    """
    if vertices.shape != subject.surface.rest.shape:
        raise ValueError(
            f"vertices have shape {tuple(vertices.shape)}, the subject's mesh {tuple(subject.surface.rest.shape)}"
        )


class WarpRenderer:
    """Draws subjects by warping, in several threads if wanted; keeps what it prepared while the subject lives."""

    def __init__(self) -> None:
        self._prepared: weakref.WeakKeyDictionary[Subject, _Prepared] = weakref.WeakKeyDictionary()
        self._preparing = threading.Lock()

    def render(
        self,
        subject: Subject,
        vertices: Tensor,
        camera: Camera,
        size: tuple[int, int],
        previous: tuple[Tensor, Camera] | None = None,
        light: Light | None = None,
        samples: int = SUPERSAMPLE,
    ) -> RenderResult:
        """Draw one frame.

        Args:
            vertices: (V, 3) world metres, any deformation of the subject's mesh.
            camera: the view; taken to ``size`` (height, width).
            previous: vertices and camera of the frame before; part of the renderers' common interface, this
                one needs no past.
            light: what is drawn stands in. None: pixels are as bright as they were photographed.
            samples: a side of each pixel; with one the outline is jagged, and depth that of pixel centres.

        Raises:
            ValueError: the vertices are not those of the subject's mesh.
        """
        del previous
        check_vertices(subject, vertices)
        with self._preparing:
            if subject not in self._prepared:
                self._prepared[subject] = _prepare(subject)
            prepared = self._prepared[subject]
        camera = camera if camera.image_size == tuple(size) else camera.resized(size)
        canvas = _Canvas.empty(camera.image_size)
        box = camera.covering_box(vertices)
        if box is not None:
            with torch.inference_mode():
                lit = None if light is None else light.brightness(subject.broad_normals.of(vertices))
                _draw(canvas, box, prepared, vertices, camera, lit, samples)
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
    surface = subject.surface
    source = torch.from_numpy(subject.source)
    texel = uv_to_pixels(surface.uv, len(source))
    return _Prepared(
        texture=_levels(_planes(subject.texture[..., :3])),
        source=source,
        shading=torch.from_numpy(subject.shading).float(),
        direct=_direct_share(subject.source, subject.trust),
        pictures=[
            _levels((_planes(image) * gain[:, None, None]).clamp(0, 1))
            for image, gain in zip(subject.images, subject.gains, strict=True)
        ],
        faces=surface.faces,
        texel_corners=texel[surface.faces_uv],
        # K (R x + t) is linear in x: interpolated and then divided it is T(p), exactly
        picture_corners=[
            ((posed @ camera.R.T + camera.t) @ camera.K.T)[surface.faces]
            for posed, camera in zip(subject.vertices, subject.cameras, strict=True)
        ],
    )


def _planes(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def _levels(image: Tensor) -> list[Tensor]:
    """The picture and its halves, down to 32 pixels, each pixel's channels together in memory."""
    levels = [image]
    while min(levels[-1].shape[1:]) >= 64:
        half = (levels[-1].shape[1] // 2, levels[-1].shape[2] // 2)
        levels.append(functional.interpolate(levels[-1][None], size=half, mode="bilinear", antialias=True)[0])
    return [level[None].contiguous(memory_format=torch.channels_last)[0] for level in levels]


def _direct_share(source: np.ndarray, trust: np.ndarray) -> Tensor:
    """(A, A): 1 where one source is read directly, falling to 0 at its borders and where it is not trusted."""
    border = np.zeros(source.shape, bool)
    border[:, 1:] |= source[:, 1:] != source[:, :-1]
    border[1:] |= source[1:] != source[:-1]
    away = ndimage.distance_transform_edt(~border) if border.any() else np.full(source.shape, np.inf)
    low, high = _TRUSTED
    share = np.clip(away / _SEAM, 0, 1) * np.clip((trust / 255.0 - low) / (high - low), 0, 1)
    share[(source == INVENTED) | (source == MIRRORED)] = 0.0
    return torch.from_numpy(share.astype(np.float32))


def _draw(
    canvas: _Canvas,
    box: tuple[int, int, int, int],
    prepared: _Prepared,
    vertices: Tensor,
    camera: Camera,
    lit: Tensor | None,
    samples: int,
) -> None:
    x0, y0, x1, y1 = box
    height, width = y1 - y0, x1 - x0
    fine = camera.cropped(box).resized((height * samples, width * samples))
    fragments = rasterize(vertices, prepared.faces, fine)
    size = fragments.depth.shape
    place = (fragments.pix_to_face.flatten() >= 0).nonzero()[:, 0]
    if len(place) == 0:
        return
    face = fragments.pix_to_face.flatten().index_select(0, place)
    bary = fragments.bary.reshape(-1, 3).index_select(0, place)
    colour, source = _colours(prepared, face, bary, place, lit)

    drawn = torch.zeros(size.numel(), 4)
    drawn.index_copy_(0, place, torch.cat([colour, torch.ones(len(colour), 1)], dim=1))
    mean = drawn.reshape(*size, 4)
    if samples > 1:
        mean = _summed(mean, samples) / samples**2
    coverage = mean[..., 3:]
    inside = (slice(y0, y1), slice(x0, x1))
    rgba = canvas.rgba[inside]
    torch.div(mean[..., :3], coverage.clamp(min=1e-6), out=rgba[..., :3])
    rgba[..., 3:] = coverage
    canvas.depth[inside] = _first(fragments.depth, samples, torch.minimum)
    canvas.provenance[inside] = _provenance(source, place, size, samples)


def _summed(fine: Tensor, side: int) -> Tensor:
    """(H, W, C) sums over the samples (side H, side W, C) of each pixel. Whole rows first: they are one in memory."""
    height, width, channels = fine.shape
    rows = fine.reshape(height // side, side, width * channels).unbind(1)
    across = functools.reduce(torch.add, rows).reshape(-1, side, channels).unbind(1)
    return functools.reduce(torch.add, across).reshape(height // side, width // side, channels)


def _provenance(source: Tensor, place: Tensor, size: torch.Size, side: int) -> Tensor:
    """That of each pixel's first covered sample: classes cannot be averaged."""
    fine = torch.zeros(size.numel(), dtype=torch.int16)
    fine.index_copy_(0, place, source.to(torch.int16) + 1)  # 0 is left for "no sample"
    first = _first(fine.reshape(size), side, lambda a, b: torch.where(a == 0, b, a))
    return (first - 1).clamp(min=0).to(torch.uint8)


def _first(fine: Tensor, side: int, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """(H, W): ``choose`` between the samples (side H, side W) of each pixel, in turn."""
    return functools.reduce(
        choose, [fine[row::side, column::side] for row in range(side) for column in range(side)]
    )


def _colours(
    prepared: _Prepared, face: Tensor, bary: Tensor, place: Tensor, lit: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Colour (P, 3) and provenance (P,) of surface points given as face, barycentrics and place on the screen.

    ``lit``: (V, 3) by how much the light on the mesh brightens it; None: as photographed.
    """
    texel = _interpolate(prepared.texel_corners, face, bary)
    size = prepared.source.shape[0]
    column, row = texel.long().clamp_(0, size - 1).unbind(1)
    flat = row * size + column
    source = prepared.source.flatten().index_select(0, flat)
    share = prepared.direct.flatten().index_select(0, flat)
    colour = torch.empty(len(face), 3)
    painted = (share < 1).nonzero()[:, 0]
    step = _step(texel, face, place)
    colour.index_copy_(0, painted, _read(prepared.texture, texel.index_select(0, painted), step))
    for index, levels in enumerate(prepared.pictures):
        chosen = ((source == index + 1) & (share > 0)).nonzero()[:, 0]
        if len(chosen) == 0:
            continue
        near, on, at = (one.index_select(0, chosen) for one in (face, bary, place))
        seen = _interpolate(prepared.picture_corners[index], near, on)
        pixels = seen[:, :2] / seen[:, 2:]
        direct = _read(levels, pixels, _step(pixels, near, at))
        part = share.index_select(0, chosen)[:, None]
        mixed = torch.where(part < 1, torch.lerp(colour.index_select(0, chosen), direct, part), direct)
        colour.index_copy_(0, chosen, mixed)
    if lit is not None:
        now = _interpolate(lit[prepared.faces], face, bary)
        before = prepared.shading.flatten().index_select(0, flat)[:, None]
        colour.mul_((now / before).clamp_(max=BRIGHTEST)).clamp_(max=1)
    return colour, source


def _interpolate(corners: Tensor, face: Tensor, bary: Tensor) -> Tensor:
    """(P, C) from the values (F, 3, C) at the faces' corners."""
    picked = corners.index_select(0, face)
    total = picked[:, 0] * bary[:, :1]
    return total.addcmul_(picked[:, 1], bary[:, 1:2]).addcmul_(picked[:, 2], bary[:, 2:])


def _step(pixels: Tensor, face: Tensor, place: Tensor) -> float:
    """Median distance in what is read between samples that are neighbours on the screen and on one face."""
    pair = ((place[1:] == place[:-1] + 1) & (face[1:] == face[:-1])).nonzero()[:, 0]
    if len(pair) == 0:
        return 1.0
    pair = pair[:: 1 + len(pair) // _STEP_PAIRS]
    return float((pixels[pair + 1] - pixels[pair]).norm(dim=-1).median())


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
