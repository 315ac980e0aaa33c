"""The renderers by name, and what they share."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol

from torch import Tensor

from neural.frame_pool import MOST_WORKERS, available_cores
from neural.light import Light
from neural.render import RenderResult
from neural.subject import Subject
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry import Camera

WARP = "warp"
"""The renderer without learning."""
LIT = "lit"
"""The warp in the photo's light: what ``liquid`` starts from, and a baseline."""
VISIBLE = "visible"
"""The warp without what no source shows: a baseline."""
LIQUID = "liquid"
"""The warp, repaired by a network."""
_CLASSES = {
    WARP: ("neural.render", "WarpRenderer"),
    LIQUID: ("neural.liquid", "LiquidRenderer"),
    LIT: ("neural.baselines", "LitRenderer"),
    VISIBLE: ("neural.baselines", "VisibleRenderer"),
}


class Renderer(Protocol):
    """Draws one frame; see :meth:`neural.render.WarpRenderer.render`. Several threads may ask at a time.

    Without a ``light`` each keeps its habit: ``warp`` leaves pixels as bright as they were photographed, ``liquid``
    keeps the photo's lamp where it is when the person turns.
    """

    def render(
        self,
        subject: Subject,
        vertices: Tensor,
        camera: Camera,
        size: tuple[int, int],
        previous: tuple[Tensor, Camera] | None = None,
        light: Light | None = None,
    ) -> RenderResult: ...


def renderer_names() -> list[str]:
    """What :func:`make_renderer` knows."""
    return list(_CLASSES)


def make_renderer(name: str) -> Renderer:
    """A renderer with nothing prepared yet; keep it, it remembers what it prepares of a subject.

    Args:
        name: ``warp``, ``lit``, ``visible``, ``liquid`` (a subject's own weights where it has some, else those
            that come with the package), or ``liquid:FILE`` with these weights and no others, to compare networks.

    Raises:
        LiquidMotionError: there is none of this name, or what it needs is not there.
    """
    kind, _, weights = name.partition(":")
    if kind not in _CLASSES or (weights and kind != LIQUID):
        raise LiquidMotionError(f"renderer {name!r} is unknown; choose among {', '.join(_CLASSES)}")
    module, class_name = _CLASSES[kind]
    made = getattr(importlib.import_module(module), class_name)
    return made(Path(weights), personal=False) if weights else made()


def frames_at_once() -> int:
    """How many threads may draw with one renderer at a time: what it prepared of a subject is only read."""
    return min(MOST_WORKERS, available_cores())
