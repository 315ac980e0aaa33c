"""The liquid renderer: the warp picture, repaired by a network.

The network answers a residual on the warp's colours and on its coverage, for a window around the person
(:mod:`neural.liquid_inputs`). Where the picture shows her larger than the network looks, its answer is enlarged
and the warp keeps its own detail.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from neural.liquid_inputs import (
    SourceInputs,
    TargetInputs,
    Window,
    carry_on,
    person_window,
    source_inputs,
    stature,
    target_inputs,
)
from neural.networks.computing import autocast, computes_bf16
from neural.networks.generator import Generator, settled_picture
from neural.networks.weights import load_generator
from neural.render import RenderResult, WarpRenderer
from neural.subject import Subject
from smpl_fitting.geometry import Camera

SHIPPED = Path(__file__).parent / "data" / "liquid_small.safetensors"
"""The weights that come with the package; ``liquid_small.md`` beside them says what they learned from."""
PERSONAL = "liquid.safetensors"
"""The name of a subject's own weights in its folder, see :mod:`neural.personalize`."""

_CPU = torch.device("cpu")
_FAINTEST = 0.5 / 255  # coverage that no picture could show


@dataclass(frozen=True)
class _Prepared:
    """A subject as the network reads it. ``stamp``: of its own weights, 0 where it has none."""

    stamp: int
    generator: Generator
    sources: SourceInputs
    features: list[Tensor]
    height: float


class LiquidRenderer:
    """Draws subjects by warping and repairing; keeps what it prepared of each as long as the subject lives.

    Args:
        weights: the general weights; a subject's own, where its folder holds some, take their place.
        personal: use them.

    Raises:
        WeightsError: the weights are missing, broken, or not for this network.
    """

    def __init__(self, weights: Path = SHIPPED, *, personal: bool = True) -> None:
        self._general, _ = load_generator(weights)
        self._personal = personal
        self._warp = WarpRenderer()
        self._bf16 = computes_bf16(_CPU)
        self._prepared: weakref.WeakKeyDictionary[Subject, _Prepared] = weakref.WeakKeyDictionary()

    def render(
        self,
        subject: Subject,
        vertices: Tensor,
        camera: Camera,
        size: tuple[int, int],
        previous: tuple[Tensor, Camera] | None = None,
    ) -> RenderResult:
        """Draw one frame; see :meth:`neural.render.WarpRenderer.render`.

        Args:
            previous: vertices and camera of the frame before, whose warp picture steadies this one. What is drawn
                follows from the arguments alone, whatever was drawn before.

        Raises:
            ValueError: the vertices are not those of the subject's mesh.
            WeightsError: the subject's own weights are broken.
        """
        camera = camera if camera.image_size == tuple(size) else camera.resized(size)
        prepared = self._prepare(subject)
        window = person_window(vertices, camera, prepared.height)
        if window is None:
            return self._warp.render(subject, vertices, camera, size)
        with torch.inference_mode():
            return self._draw(subject, prepared, vertices, camera, window, previous)

    def _prepare(self, subject: Subject) -> _Prepared:
        own = subject.path / PERSONAL
        stamp = own.stat().st_mtime_ns if self._personal and own.is_file() else 0
        prepared = self._prepared.get(subject)
        if prepared is None or prepared.stamp != stamp:
            generator = load_generator(own)[0] if stamp else self._general
            sources = source_inputs(subject) if prepared is None else prepared.sources
            with torch.inference_mode(), autocast(_CPU, self._bf16):
                features = generator.encode(sources.pictures[None])
            prepared = _Prepared(stamp, generator, sources, features, stature(subject))
            self._prepared[subject] = prepared
        return prepared

    def _draw(
        self,
        subject: Subject,
        prepared: _Prepared,
        vertices: Tensor,
        camera: Camera,
        window: Window,
        previous: tuple[Tensor, Camera] | None,
    ) -> RenderResult:
        closeup = camera.cropped(window.box)
        drawn = self._warp.render(subject, vertices, closeup, closeup.image_size)
        picture = torch.from_numpy(drawn.rgba).permute(2, 0, 1)
        inputs = target_inputs(
            subject,
            prepared.sources,
            self._warp,
            vertices,
            window.camera,
            _window_before(previous, camera, prepared.height),
            _resized(picture, window.size),
        )
        answer = self._answer(prepared, inputs)
        if window.size != closeup.image_size:
            answer = functional.interpolate(answer, size=closeup.image_size, mode="bilinear")
            colour = carry_on(picture[:3], picture[3])
        else:
            colour = inputs.warp[:3]
        repaired = settled_picture(torch.cat([colour, picture[3:]])[None], answer)[0]
        return _pasted(repaired.permute(1, 2, 0).numpy(), drawn, window.box, camera.image_size)

    def _answer(self, prepared: _Prepared, inputs: TargetInputs) -> Tensor:
        with autocast(_CPU, self._bf16):
            return prepared.generator(
                inputs.warp[None],
                inputs.guide[None],
                inputs.previous[None],
                inputs.grid[None],
                inputs.trust[None],
                prepared.features,
            )


def _window_before(
    previous: tuple[Tensor, Camera] | None, camera: Camera, height: float
) -> tuple[Tensor, Camera] | None:
    """Vertices and window camera of the frame before; None where she was not in the picture."""
    if previous is None:
        return None
    vertices, before = previous
    before = before if before.image_size == camera.image_size else before.resized(camera.image_size)
    window = person_window(vertices, before, height)
    return None if window is None else (vertices, window.camera)


def _resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture (4, H, W) with straight alpha, made smaller without fringes."""
    if tuple(picture.shape[1:]) == size:
        return picture
    premultiplied = torch.cat([picture[:3] * picture[3:], picture[3:]])[None]
    small = functional.interpolate(premultiplied, size=size, mode="bilinear", antialias=True)[0].clamp(0, 1)
    alpha = torch.where(small[3:] < _FAINTEST, 0.0, small[3:])
    return torch.cat([torch.where(alpha > 0, small[:3] / alpha.clamp(min=1e-6), 0.0).clamp(0, 1), alpha])


def _pasted(
    rgba: np.ndarray, drawn: RenderResult, box: tuple[int, int, int, int], size: tuple[int, int]
) -> RenderResult:
    """The window's picture in the frame, with depth and provenance to match its coverage."""
    there = rgba[..., 3] > _FAINTEST
    rgba = np.where(there[..., None], rgba, 0.0).astype(np.float32)
    depth = np.where(there, _depth_everywhere(drawn.depth, there), np.inf).astype(np.float32)
    provenance = np.where(there, drawn.provenance, 0).astype(np.uint8)
    whole = RenderResult(
        np.zeros((*size, 4), np.float32), np.full(size, np.inf, np.float32), np.zeros(size, np.uint8)
    )
    x0, y0, x1, y1 = box
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, size[1]), min(y1, size[0])
    inside = np.s_[top - y0 : bottom - y0, left - x0 : right - x0]
    target = np.s_[top:bottom, left:right]
    whole.rgba[target], whole.depth[target], whole.provenance[target] = (
        rgba[inside],
        depth[inside],
        provenance[inside],
    )
    return whole


def _depth_everywhere(depth: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The body's depth; where the person reaches beyond it (hair, hems), that of the nearest pixel of it."""
    known = np.isfinite(depth)
    if not known.any() or not (there & ~known).any():
        return depth
    row, column = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return depth[row, column]
