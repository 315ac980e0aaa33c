"""Self-reenactment: some frames of a clip are the source, its other frames the truth. The yardstick of renderers.

Every renderer draws the truth's frames from the sources over the clip's own background, and is compared with the
frame itself, over the whole frame, in the person's box and on the face (:mod:`neural.scoring`). Beside them stands
``copy``: the first source's picture, unmoved, which any transfer must beat.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from neural import metrics
from neural.background import Plate, background_from_clip
from neural.compositing import over
from neural.correspondence import body_flow
from neural.renderers import WARP, Renderer, make_renderer
from neural.scoring import Figures, Truth, mean_figures, score
from neural.sources import dress_views
from neural.subject import Subject, build_subject
from smpl_fitting.body import BodyModel
from smpl_fitting.errors import FootageError, LiquidMotionError, NobodyFoundError
from smpl_fitting.files import atomic_path
from smpl_fitting.fit import Fit, fit_clip
from smpl_fitting.geometry import Camera
from smpl_fitting.progress import Progress
from smpl_fitting.video import Footage, open_footage, write_image
from smpl_fitting.world import body_vertices, frame_camera

COPY = "copy"
"""The name of the row of the unmoved source picture."""


@dataclass(frozen=True)
class FrameScore:
    """One renderer's figures on one frame, by the names of :data:`neural.scoring.FIGURES`; None: not defined."""

    renderer: str
    frame: int
    figures: Figures


@dataclass(frozen=True)
class Evaluation:
    """The outcome on one clip.

    Attributes:
        sources, targets: frame numbers. scores: of every renderer on every target.
        camera_moves: the clip's background moves: behind the person then stands the frame itself, she taken out.
    """

    clip: str
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    camera_moves: bool
    scores: tuple[FrameScore, ...]

    def table(self) -> dict[str, Figures]:
        """Means over the targets, ``{renderer: {figure: value}}``, in the order the renderers were given."""
        return {
            name: mean_figures([one.figures for one in self.scores if one.renderer == name])
            for name in dict.fromkeys(one.renderer for one in self.scores)
        }

    def flat(self) -> dict[str, float]:
        """``{renderer_figure: mean}``, without the undefined ones: what benchmarks write."""
        return {
            f"{name}_{figure}": value
            for name, row in self.table().items()
            for figure, value in row.items()
            if value is not None
        }

    def save(self, path: str | Path) -> None:
        """Write everything as JSON: ``means`` as in :meth:`table`, and every frame's ``scores``."""
        content = {"means": self.table(), **asdict(self)}
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n")


def evaluate_clip(
    clip: str | Path | Footage,
    sources: Sequence[int],
    body: BodyModel,
    renderers: Mapping[str, Renderer] | None = None,
    step: int = 10,
    *,
    fit: Fit | None = None,
    pictures: str | Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Self-reenactment of one clip.

    Args:
        sources: frame numbers. Targets are every ``step``-th frame of the clip, sources left out.
        renderers: by name; ``warp`` alone when None.
        fit: of the whole clip, when it is there already.
        pictures: a folder for ``0010_warp.png`` … and the truths, to look at.

    Raises:
        FootageError: the clip cannot be read, or has no such frames.
        NobodyFoundError: a source shows nobody.
        Cancelled: through ``progress``.
    """
    progress = progress or Progress()
    footage = clip if isinstance(clip, Footage) else open_footage(clip)
    targets = _targets(footage, sources, step)
    fit = fit or fit_clip(footage, body, progress=progress.part("", 0.0, 0.6))
    confidence = fit.detections.confidence
    for frame in sources:
        if confidence[frame] == 0:
            raise NobodyFoundError(
                f"{footage.path}: nobody was found in frame {frame}; choose another source"
            )
    targets = [frame for frame in targets if confidence[frame] > 0]
    plate = background_from_clip(
        footage, fit.detections.mask, progress.part("Reading the background", 0.6, 0.7)
    )
    renderers = renderers or {WARP: make_renderer(WARP)}
    kept = Path(pictures) if pictures else None
    scores: list[FrameScore] = []
    with tempfile.TemporaryDirectory() as folder:
        views, body = dress_views([(footage, fit, frame) for frame in sources], body)
        part = progress.part("Painting the texture", 0.7, 0.8)
        subject = build_subject(views, body, Path(folder) / "subject", part, background=plate.image)
        judge = _Judge(footage, fit, body, subject, plate, views[0].image, kept)
        for frame in progress.part("Comparing frames", 0.8, 1.0).track(targets, len(targets)):
            scores += judge.frame(frame, renderers)
    return Evaluation(str(footage.path), tuple(sources), tuple(targets), plate.camera_moves, tuple(scores))


@dataclass(frozen=True)
class _Judge:
    """Draws and compares single frames of a clip."""

    footage: Footage
    fit: Fit
    body: BodyModel
    subject: Subject
    plate: Plate
    unmoved: np.ndarray
    pictures: Path | None

    def frame(self, frame: int, renderers: Mapping[str, Renderer]) -> list[FrameScore]:
        truth = self._truth(frame)
        if truth is None:
            return []
        scores = [self._compare(COPY, frame, truth, self.unmoved, None, self.unmoved)]
        behind = self._behind(frame)
        behind_before = None if truth.flow is None else self._behind(frame - 1)
        for name, renderer in renderers.items():
            rgba = self._drawn(renderer, frame)
            before = None
            if behind_before is not None:
                before = over(self._drawn(renderer, frame - 1), behind_before)
            scores.append(self._compare(name, frame, truth, over(rgba, behind), rgba[..., 3], before))
        if self.pictures is not None:
            write_image(self.pictures / f"{frame:04d}_truth.png", truth.picture)
        return scores

    def _truth(self, frame: int) -> Truth | None:
        """The clip's own frame; flow and frame before only where both were fitted."""
        mask = self.fit.detections.mask(frame)
        box = metrics.person_box(mask)
        if box is None:
            return None
        keypoints = self.fit.motion.keypoints
        face = (
            None if keypoints is None else metrics.face_box(keypoints[frame], (mask.shape[0], mask.shape[1]))
        )
        previous, flow = None, None
        if frame > 0 and self.fit.detections.confidence[frame - 1] > 0:
            previous = self._footage(frame - 1)
            flow = body_flow(*self._pose(frame), *self._pose(frame - 1), self.body.faces).numpy()
        return Truth(self._footage(frame), mask, box, face, previous, flow)

    def _footage(self, frame: int) -> np.ndarray:
        return np.ascontiguousarray(self.footage.frame(frame)[..., :3])

    def _drawn(self, renderer: Renderer, frame: int) -> np.ndarray:
        vertices, camera = self._pose(frame)
        previous = self._pose(frame - 1) if frame > 0 else None
        return renderer.render(self.subject, vertices, camera, camera.image_size, previous=previous).rgba

    def _behind(self, frame: int) -> np.ndarray:
        return self.plate.behind(frame, self._footage(frame), self.fit.detections.mask(frame))

    def _pose(self, frame: int) -> tuple[Tensor, Camera]:
        return body_vertices(self.body, self.fit.motion, [frame])[0], frame_camera(self.fit.motion, frame)

    def _compare(
        self,
        name: str,
        frame: int,
        truth: Truth,
        picture: np.ndarray,
        alpha: np.ndarray | None,
        previous: np.ndarray | None,
    ) -> FrameScore:
        if self.pictures is not None:
            write_image(self.pictures / f"{frame:04d}_{name}.png", picture)
        return FrameScore(name, frame, score(truth, picture, alpha, previous))


def _targets(footage: Footage, sources: Sequence[int], step: int) -> list[int]:
    if not sources:
        raise LiquidMotionError(f"{footage.path}: no source frames were chosen; name at least one, as 0")
    if step < 1:
        raise LiquidMotionError(f"step is {step}; it must be at least 1")
    for frame in sources:
        if not 0 <= frame < footage.frame_count:
            raise FootageError(
                f"{footage.path}: has no frame {frame}; choose sources from 0 to {footage.frame_count - 1}"
            )
    targets = [frame for frame in range(0, footage.frame_count, step) if frame not in sources]
    if not targets:
        raise FootageError(
            f"{footage.path}: no frames are left to compare with; take a smaller step or fewer sources"
        )
    return targets
