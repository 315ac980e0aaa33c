"""What the liquid renderer must beat: the sources' own pixels and nothing else, and the warp in her light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from neural.light import Light
from neural.render import RenderResult, WarpRenderer
from neural.subject import Subject
from neural.texture import INVENTED, MIRRORED
from smpl_fitting.geometry import Camera


class VisibleRenderer:
    """The warp without what it fills in: surface that no source shows stays transparent."""

    def __init__(self) -> None:
        self._warp = WarpRenderer()

    def render(
        self,
        subject: Subject,
        vertices: Tensor,
        camera: Camera,
        size: tuple[int, int],
        previous: tuple[Tensor, Camera] | None = None,
        light: Light | None = None,
    ) -> RenderResult:
        """See :meth:`neural.render.WarpRenderer.render`; the depth stays that of the whole body."""
        drawn = self._warp.render(subject, vertices, camera, size, previous, light)
        shown = (drawn.provenance != INVENTED) & (drawn.provenance != MIRRORED)
        return replace(
            drawn,
            rgba=np.where(shown[..., None], drawn.rgba, np.float32(0)),
            provenance=np.where(shown, drawn.provenance, np.uint8(INVENTED)),
        )


class LitRenderer:
    """The warp in the photo's light, which the liquid renderer starts from."""

    def __init__(self) -> None:
        self._warp = WarpRenderer()

    def render(
        self,
        subject: Subject,
        vertices: Tensor,
        camera: Camera,
        size: tuple[int, int],
        previous: tuple[Tensor, Camera] | None = None,
        light: Light | None = None,
    ) -> RenderResult:
        """See :meth:`neural.render.WarpRenderer.render`."""
        return self._warp.render(subject, vertices, camera, size, previous, light or subject.light)
