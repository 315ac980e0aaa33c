"""Training samples of footage: a clip's person in her own clothes and light, through the fit.

Some frames are the sources, others the truth; the flow between neighbouring frames is the fitted body's. What is
wrong in the fit is wrong in these samples too: they teach what a camera sees, the synthetic ones what is right.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural.correspondence import body_flow
from neural.liquid_inputs import SourceInputs, source_inputs, target_inputs
from neural.matting import refine_mask
from neural.render import WarpRenderer
from neural.sources import choose_frames, dress_views
from neural.subject import Subject, build_subject
from neural.training.photographed import photographed, picture_planes
from neural.training.samples import Target, save_samples
from neural.windows import Window, person_scope, scope_window
from smpl_fitting.body import BodyModel
from smpl_fitting.errors import NobodyFoundError
from smpl_fitting.fit import Fit, fit_clip
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage
from smpl_fitting.world import body_vertices, frame_camera

ATLAS_SIZE = 512
_PAIR_EVERY = 4  # every so many targets the frame before is one too


def make_clip_samples(
    path: Path, footage: Footage, body: BodyModel, targets: int, progress: Progress | None = None
) -> None:
    """One file of a clip of one person, written whole or not at all.

    Args:
        targets: frames to learn from, evenly spread over those that are not sources.

    Raises:
        FootageError: the clip cannot be read. NobodyFoundError: too few frames show somebody.
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    fit = fit_clip(footage, body, progress=progress.part("", 0.0, 0.6))
    chosen = choose_frames(fit, body)
    assert fit.motion.confidence is not None
    others = np.setdiff1d(np.flatnonzero(fit.motion.confidence > 0), chosen)
    if not len(others):
        raise NobodyFoundError(
            f"{footage.path}: shows somebody only in the frames {chosen}; nothing is left to learn"
        )
    views, dressed = dress_views([(footage, fit, frame) for frame in chosen], body)
    with tempfile.TemporaryDirectory() as folder:
        subject = build_subject(
            views, dressed, Path(folder) / "subject", background=views[0].image, atlas_size=ATLAS_SIZE
        )
        clip = _Clip(footage, fit, subject, dressed)
        numbers = np.unique(np.linspace(0, len(others) - 1, min(targets, len(others))).round().astype(int))
        made: list[Target] = []
        for place, frame in enumerate(
            progress.part("Drawing", 0.6, 1.0).track(others[numbers], len(numbers))
        ):
            made += clip.targets(int(frame), len(made), pair=place % _PAIR_EVERY == 0)
    about = {"clip": footage.path.name, "sources": len(chosen)}
    save_samples(path, clip.seen.pictures, made, about)


class _Clip:
    """A fitted clip and the subject made of some of its frames."""

    def __init__(self, footage: Footage, fit: Fit, subject: Subject, dressed: BodyModel) -> None:
        self._footage, self._fit, self._subject, self._dressed = footage, fit, subject, dressed
        self._warp = WarpRenderer()
        self._scope = person_scope(subject)
        self.seen: SourceInputs = source_inputs(subject, self._scope)

    def targets(self, frame: int, number: int, pair: bool) -> list[Target]:
        """The target of a frame, after that of the frame before if ``pair``; none out of the picture.

        Args:
            number: that the first of them will have.
        """
        now, before = self._window(frame), None
        assert self._fit.motion.confidence is not None
        if frame > 0 and self._fit.motion.confidence[frame - 1] > 0:
            before = self._window(frame - 1)
        if now is None:
            return []
        target = self._target(frame, now, before)
        if not pair or before is None:
            return [target]
        flow = body_flow(
            self._vertices(frame), now.camera, self._vertices(frame - 1), before.camera, self._dressed.faces
        )
        height, width = before.size
        inside = (flow >= 0).all(-1) & (flow[..., 0] < width) & (flow[..., 1] < height)
        flow = torch.where(inside[..., None], flow, torch.nan)
        return [
            self._target(frame - 1, before, None),
            Target(target.inputs, target.truth, number, flow),
        ]

    def _vertices(self, frame: int) -> Tensor:
        return body_vertices(self._dressed, self._fit.motion, [frame])[0]

    def _window(self, frame: int) -> Window | None:
        return scope_window(self._vertices(frame), frame_camera(self._fit.motion, frame), self._scope)

    def _target(self, frame: int, window: Window, before: Window | None) -> Target:
        past = None if before is None else (self._vertices(frame - 1), before.camera)
        subject = self._subject
        vertices = self._vertices(frame)
        inputs = target_inputs(subject, self.seen, self._warp, vertices, window.camera, subject.light, past)
        image = np.ascontiguousarray(self._footage.frame(frame)[..., :3])
        planes = picture_planes(image, refine_mask(image, self._fit.detections.mask(frame)))
        return Target(inputs, photographed(planes, window, 1.0, inputs.warp))
