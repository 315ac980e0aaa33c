"""The liquid renderer: the warp picture, repaired by a network.

The network answers a residual on the warp's colours and on its coverage, for a window around the person
(:mod:`neural.liquid_inputs`). Where the picture shows her larger than the network looks, its answer is enlarged,
the warp keeps its own detail, and the network looks once more, closer, at the head: that answer fades into the first.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from neural.light import BRIGHTEST, Light
from neural.liquid_inputs import SourceInputs, carry_on, source_inputs, target_inputs
from neural.networks.computing import autocast, computes_bf16
from neural.networks.generator import Generator, in_gray, settled_picture
from neural.networks.weights import load_generator
from neural.render import RenderResult, WarpRenderer, check_vertices
from neural.subject import Subject
from neural.windows import Scope, Window, cropped, head_scope, person_scope, scope_window
from smpl_fitting.geometry import Camera, interpolate, rasterize

SHIPPED = Path(__file__).parent / "data" / "liquid_small.safetensors"
"""The weights that come with the package; ``liquid_small.md`` beside them says what they learned from."""
PERSONAL = "liquid.safetensors"
"""The name of a subject's own weights in its folder, see :mod:`neural.personalize`."""

_CPU = torch.device("cpu")
_FAINTEST = 0.5 / 255  # coverage that no picture could show
_CLOSER = 1.25  # times larger than at first sight; below, a second look at the head has little to add
_CHANGED = 0.2  # of coverage: from here on it is the network's alone
_FADE = 0.2  # share of the head's window, at each side, over which that answer fades into the first


@dataclass(frozen=True)
class _Look:
    """The subject, or her head, as the network reads it."""

    scope: Scope
    sources: SourceInputs
    features: list[Tensor]


@dataclass(frozen=True)
class _Prepared:
    """A subject as the network reads her. ``stamp``: of her own weights, 0 where she has none."""

    stamp: int
    generator: Generator
    person: _Look
    head: _Look


class LiquidRenderer:
    """Draws subjects by warping and repairing, in several threads if wanted; keeps what it prepared of each as long as
    the subject lives.

    Args:
        weights: the general weights; a subject's own, where its folder holds some, take their place.
        personal: use a subject's own weights. heads: look closer at heads.

    Raises:
        WeightsError: the weights are missing, broken, or not for this network.
    """

    def __init__(self, weights: Path = SHIPPED, *, personal: bool = True, heads: bool = True) -> None:
        self._general, _ = load_generator(weights)
        self._personal, self._heads = personal, heads
        self._warp = WarpRenderer()
        self._bf16 = computes_bf16(_CPU)
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
    ) -> RenderResult:
        """Draw one frame; see :meth:`neural.render.WarpRenderer.render`.

        Args:
            previous: vertices and camera of the frame before, whose warp picture steadies this one. What is drawn
                follows from the arguments alone, whatever was drawn before.
            light: to stand in; that of the first source when None. The network draws in that one always, and what it
                drew is lit anew.

        Raises:
            ValueError: the vertices are not those of the subject's mesh.
            WeightsError: the subject's own weights are broken.
        """
        check_vertices(subject, vertices)
        camera = camera if camera.image_size == tuple(size) else camera.resized(size)
        with self._preparing:
            prepared = self._prepare(subject)
        window = scope_window(vertices, camera, prepared.person.scope)
        if window is None:
            return self._warp.render(subject, vertices, camera, size, light=light or subject.light)
        with torch.inference_mode():
            return self._draw(subject, prepared, vertices, camera, window, previous, light)

    def _prepare(self, subject: Subject) -> _Prepared:
        own = subject.path / PERSONAL
        stamp = own.stat().st_mtime_ns if self._personal and own.is_file() else 0
        prepared = self._prepared.get(subject)
        if prepared is None or prepared.stamp != stamp:
            generator = load_generator(own)[0] if stamp else self._general
            looks = (self._look(subject, generator, scope(subject)) for scope in (person_scope, head_scope))
            prepared = _Prepared(stamp, generator, *looks)
            self._prepared[subject] = prepared
        return prepared

    def _look(self, subject: Subject, generator: Generator, scope: Scope) -> _Look:
        sources = source_inputs(subject, scope)
        with torch.inference_mode(), autocast(_CPU, self._bf16):
            return _Look(scope, sources, generator.encode(sources.pictures[None]))

    def _draw(
        self,
        subject: Subject,
        prepared: _Prepared,
        vertices: Tensor,
        camera: Camera,
        window: Window,
        previous: tuple[Tensor, Camera] | None,
        light: Light | None,
    ) -> RenderResult:
        closeup = camera.cropped(window.box)
        drawn = self._warp.render(subject, vertices, closeup, closeup.image_size, light=subject.light)
        picture = torch.from_numpy(drawn.rgba).permute(2, 0, 1)
        scene = _Scene(subject, vertices, camera, previous, picture, window)
        warp, answer = self._answer(prepared.generator, prepared.person, scene, window)
        if window.size == closeup.image_size:
            repaired = settled_picture(warp, answer)[0]
        else:
            repair = _enlarged(_repair(warp, answer), closeup.image_size)
            if self._heads:
                repair = self._with_head(repair, prepared, scene)
            repaired = _repaired(picture, repair[0])
        if light is not None:
            repaired = _lit_anew(repaired, subject, vertices, closeup, light)
        return _pasted(repaired.permute(1, 2, 0).numpy(), drawn, window.box, camera.image_size)

    def _answer(
        self, generator: Generator, look: _Look, scene: _Scene, window: Window
    ) -> tuple[Tensor, Tensor]:
        """The warp picture that the network is shown in a window, and what it answers, both (1, 4, H, W)."""
        inputs = target_inputs(
            scene.subject,
            look.sources,
            self._warp,
            scene.vertices,
            window.camera,
            scene.subject.light,
            scene.window_before(look.scope),
            _resized(scene.cut(window.box), window.size),
        )
        with autocast(_CPU, self._bf16):
            answer = generator(
                inputs.warp[None],
                inputs.guide[None],
                inputs.previous[None],
                inputs.grid[None],
                inputs.trust[None],
                look.features,
            )
        return inputs.warp[None], answer

    def _with_head(self, repair: Tensor, prepared: _Prepared, scene: _Scene) -> Tensor:
        """The repair (1, 5, H, W) of the person's window with that of the head's in its place."""
        window = scope_window(scene.vertices, scene.camera, prepared.head.scope)
        if window is None or _scale(window) < _CLOSER * _scale(scene.window):
            return repair
        left, top = scene.window.box[:2]
        x0, y0, x1, y1 = (at - corner for at, corner in zip(window.box, (left, top, left, top), strict=True))
        closer = _repair(*self._answer(prepared.generator, prepared.head, scene, window))
        closer = _enlarged(closer, (y1 - y0, x1 - x0))
        share = _feather(y1 - y0)[:, None] * _feather(x1 - x0)
        (up, down), (start, end) = (
            (max(y0, 0), min(y1, repair.shape[2])),
            (max(x0, 0), min(x1, repair.shape[3])),
        )
        inside = np.s_[..., up - y0 : down - y0, start - x0 : end - x0]
        mixed = repair.clone()
        mixed[..., up:down, start:end].lerp_(closer[inside], share[inside])
        return mixed


@dataclass(frozen=True)
class _Scene:
    """What is to be drawn: the warp ``picture`` (4, h, w) of the person's ``window``, as large as it is shown."""

    subject: Subject
    vertices: Tensor
    camera: Camera
    previous: tuple[Tensor, Camera] | None
    picture: Tensor
    window: Window

    def cut(self, box: tuple[int, int, int, int]) -> Tensor:
        """The warp picture of another box of the frame."""
        left, top = self.window.box[:2]
        return cropped(self.picture, (box[0] - left, box[1] - top, box[2] - left, box[3] - top))

    def window_before(self, scope: Scope) -> tuple[Tensor, Camera] | None:
        """Vertices and window camera of the frame before; None where she was not in the picture."""
        if self.previous is None:
            return None
        vertices, before = self.previous
        size = self.camera.image_size
        before = before if before.image_size == size else before.resized(size)
        window = scope_window(vertices, before, scope)
        return None if window is None else (vertices, window.camera)


def _repair(warp: Tensor, answer: Tensor) -> Tensor:
    """(1, 5, H, W) of the warp shown and the answer (1, 4, H, W), to be enlarged: what is added to colours (3), the
    coverage, and how far it takes the place of the warp's (1), which is sharper and stays where nothing is changed."""
    coverage = settled_picture(warp, answer)[:, 3:]
    change = functional.max_pool2d((coverage - warp[:, 3:]).abs(), 3, stride=1, padding=1)
    return torch.cat([in_gray(answer)[:, :3], coverage, (change / _CHANGED).clamp(max=1)], dim=1)


def _repaired(picture: Tensor, repair: Tensor) -> Tensor:
    """The warp picture (4, H, W) with a repair (5, H, W) of its size.

    To enlarge the answer's change in the logit instead was tried: beside an edge sharper than the one that it was made
    for it leaves a dark line.
    """
    colour = (carry_on(picture[:3], picture[3]) + repair[:3]).clamp(0, 1)
    return torch.cat([colour, torch.lerp(picture[3:], repair[3:4], repair[4:])])


def _lit_anew(picture: Tensor, subject: Subject, vertices: Tensor, view: Camera, light: Light) -> Tensor:
    """A picture (4, H, W) in the subject's light as it looks in another; beside the body as at its nearest point."""
    faces = subject.surface.faces
    normals = subject.broad_normals.of(vertices)
    ratio = light.brightness(normals) / subject.light.brightness(normals)
    fragments = rasterize(vertices, faces, view)
    if not bool(fragments.mask.any()):
        return picture
    beside = ~fragments.mask.numpy()
    row, column = ndimage.distance_transform_edt(beside, return_distances=False, return_indices=True)
    planes = interpolate(fragments, faces, ratio)[row, column].permute(2, 0, 1).clamp(max=BRIGHTEST)
    return torch.cat([(picture[:3] * planes).clamp(max=1), picture[3:]])


def _enlarged(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(planes, size=size, mode="bilinear")


def _scale(window: Window) -> float:
    """Pixels of the network for one of the picture."""
    return window.size[0] / (window.box[3] - window.box[1])


def _feather(side: int) -> Tensor:
    """(side,) from 0 at both ends to 1 within."""
    at = (torch.arange(side) + 0.5) / side
    rise = (torch.minimum(at, 1 - at) / _FADE).clamp(max=1)
    return rise * rise * (3 - 2 * rise)


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
