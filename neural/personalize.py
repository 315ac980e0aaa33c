"""A subject's own weights: a minute of training on nothing but her sources.

Each source in turn is what is to be drawn, by a subject made of the *other* sources; a single one by a subject that
knows only its left or its right half. It is drawn in its own fit and in slightly disturbed ones, near and far. One of
the sources, or halves, is kept aside: the weights that draw it best are the learned ones, unless the general ones are
not beaten. What is kept is a mean of both (Wortsman et al. 2022): most of what was learned of the person, without what
was forgotten of everybody. To let sources be drawn by a subject that knows them was tried, too: it teaches the network
to change nothing, and on people whose other views are known that was worse than the general weights.
"""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from neural.light import Light
from neural.liquid import PERSONAL, SHIPPED
from neural.liquid_inputs import source_inputs, target_inputs
from neural.networks.computing import autocast, computes_bf16
from neural.networks.efficientnet_lite import EfficientNetLite, load_efficientnet_lite
from neural.networks.generator import Generator, compose
from neural.networks.weights import WeightsError, load_generator, save_generator
from neural.render import WarpRenderer
from neural.source_view import SourceView
from neural.subject import Subject, build_subject
from neural.training.dataset import Batch, collate, random_window, whole_window
from neural.training.losses import LossWeights, picture_losses
from neural.training.misfit import TARGET_STRENGTHS, random_misfit
from neural.training.photographed import photographed, picture_planes, resized_planes
from neural.training.samples import Target
from neural.windows import person_scope, scope_window
from smpl_fitting.body import BodyModel
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path
from smpl_fitting.progress import Progress
from smpl_fitting.world import body_vertices

MOST_SECONDS = 90.0

_HALF_DONE = "liquid-half-done.safetensors"
_OUTCOME = "personalised.json"  # how the last run ended, also where it gained nothing
_LEARNING_RATE = 2e-4
_OWN_SHARE = 0.35  # of the learned weights in what is kept; the rest is the general ones
_BATCH, _WINDOW = 3, (224, 160)
# Of the subjects that lack a source, for which so short a training needs no more:
_ATLAS, _TALLEST = 512, 512  # texels a side; pixels of the person in the pictures
_MOST_SOURCES = 4
_PREPARING = 0.4  # share of the time after which no further source is prepared
_MISFITS = 3  # disturbed fits of each source, and by what subject
_SCALES = (1.0, 0.65)  # in turn
_MOST_STEPS = 500
_JUDGED_EVERY = 20  # steps
_PATIENCE = 4  # judgements without a better one, after which it ends
_LOSS = LossWeights(temporal=0.0)


@dataclass(frozen=True)
class Personalised:
    """The outcome.

    Attributes:
        weights: the subject's own, or None where the general ones draw her as well.
        steps, seconds: in all, broken-off runs included.
        loss_before, loss: on what was kept aside, of the general weights and of the best learned ones.
    """

    weights: Path | None
    steps: int
    seconds: float
    loss_before: float
    loss: float


@dataclass(frozen=True)
class _Example:
    """A source to be drawn, by what sources. ``kept_aside``: to judge by."""

    target: Target
    pictures: Tensor
    kept_aside: bool


def personalize(
    subject: Subject,
    body: BodyModel,
    seconds: float = 60.0,
    progress: Progress | None = None,
    weights: Path = SHIPPED,
) -> Personalised:
    """Train weights for one subject and put them in her folder, where :class:`LiquidRenderer` finds them.

    A run that was broken off goes on; one that has ended is not repeated, unless the general weights have changed.

    Args:
        body: the bare body of the subject's kind. seconds: of training and preparation, at most 90.
        weights: to begin with.

    Raises:
        LiquidMotionError: the body is not the subject's, ``seconds`` is out of range, or the folder is gone.
        WeightsError: the weights are missing or broken.
        Cancelled: through ``progress``; what was reached is kept to go on from.
    """
    progress = progress or Progress()
    start = time.monotonic()
    if not 0 < seconds <= MOST_SECONDS:
        raise LiquidMotionError(f"{seconds:g} seconds of personalising; choose up to {MOST_SECONDS:g}")
    if body.num_vertices != len(subject.surface.rest):
        raise LiquidMotionError(
            f"{subject.path}: made with the body {subject.model!r}; personalise with the same"
        )
    begun_with = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.exists() else ""
    done = _outcome(subject, begun_with)
    if done is not None:
        return done
    general, _ = load_generator(weights)
    run = _Run.begun(subject, general)
    examples = _examples(subject, body, start + _PREPARING * seconds, progress.part("Preparing", 0.0, 0.3))
    run.train(examples, start + seconds, progress.part("Learning the person", 0.3, 1.0))
    return run.end(time.monotonic() - start, begun_with)


def _outcome(subject: Subject, begun_with: str) -> Personalised | None:
    """That of an earlier run from the same general weights which came to its end."""
    try:
        told = json.loads((subject.path / _OUTCOME).read_text())
        own = subject.path / PERSONAL if told["better"] else None
        figures = [told[name] for name in ("steps", "seconds", "loss_before", "loss")]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if told.get("begun_with") != begun_with or (own is not None and not own.exists()):
        return None
    return Personalised(own, *figures)


@dataclass
class _Run:
    """The state of personalising one subject."""

    subject: Subject
    general: Generator
    generator: Generator
    best: Generator
    steps: int = 0
    seconds: float = 0.0
    loss_before: float = float("inf")
    loss: float = float("inf")
    missed: int = 0  # judgements since the best

    @staticmethod
    def begun(subject: Subject, general: Generator) -> _Run:
        """From the general weights, or from where an earlier run was broken off."""
        path = subject.path / _HALF_DONE
        if path.exists():
            try:
                generator, about = load_generator(path)
                if generator.config == general.config:
                    state = {name: about[name] for name in ("steps", "seconds", "loss_before", "loss")}
                    return _Run(subject, general, generator, copy.deepcopy(generator), **state)
            except (WeightsError, KeyError):
                path.unlink()  # broken: from the start
        return _Run(subject, general, copy.deepcopy(general), copy.deepcopy(general))

    def train(self, examples: Sequence[_Example], deadline: float, progress: Progress) -> None:
        """Steps until the deadline, or until nothing is gained any more."""
        begun = time.monotonic()
        learned = [one for one in examples if not one.kept_aside]
        judged = [one for one in examples if one.kept_aside]
        bf16 = computes_bf16(torch.device("cpu"))
        features = load_efficientnet_lite("lite0")
        optimizer = torch.optim.AdamW(self.generator.parameters(), _LEARNING_RATE, betas=(0.9, 0.99))
        if not self.steps:
            self.loss_before = self.loss = _loss(self.generator, judged, features, bf16)
        self.generator.train()
        while time.monotonic() < deadline and self.steps < _MOST_STEPS and self.missed < _PATIENCE:
            rng = np.random.default_rng(self.steps)
            batch = _batch(learned, rng)
            loss = _batch_loss(self.generator, batch, features, bf16)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
            optimizer.step()
            self.steps += 1
            if self.steps % _JUDGED_EVERY == 0:
                self._judge(judged, features, bf16)
                self._keep_half_done(time.monotonic() - begun)
            timed = (time.monotonic() - begun) / max(deadline - begun, 1e-3)
            progress.update(max(timed, self.steps / _MOST_STEPS))
        self._judge(judged, features, bf16)

    def _judge(self, judged: Sequence[_Example], features: EfficientNetLite, bf16: bool) -> None:
        loss = _loss(self.generator, judged, features, bf16)
        if loss < self.loss:
            self.loss, self.missed = loss, 0
            self.best.load_state_dict(self.generator.state_dict())
        else:
            self.missed += 1

    def _about(self, seconds: float) -> dict[str, float]:
        return {
            "steps": self.steps,
            "seconds": self.seconds + seconds,
            "loss_before": self.loss_before,
            "loss": self.loss,
        }

    def _keep_half_done(self, seconds: float) -> None:
        save_generator(self.subject.path / _HALF_DONE, self.best, self._about(seconds), torch.float32)

    def end(self, seconds: float, begun_with: str) -> Personalised:
        """Write the weights, if they are better, and how it went, and clear up."""
        about = self._about(seconds)
        own = self.subject.path / PERSONAL if self.loss < self.loss_before else None
        if own is None:
            (self.subject.path / PERSONAL).unlink(
                missing_ok=True
            )  # of an earlier run, from other general weights
        else:
            save_generator(own, _mean(self.general, self.best, _OWN_SHARE), about)
        with atomic_path(self.subject.path / _OUTCOME) as temporary:
            outcome = {**about, "better": own is not None, "begun_with": begun_with}
            temporary.write_text(json.dumps(outcome, indent=1) + "\n")
        (self.subject.path / _HALF_DONE).unlink(missing_ok=True)
        return Personalised(own, self.steps, about["seconds"], self.loss_before, self.loss)


def _mean(general: Generator, own: Generator, share: float) -> Generator:
    """Weights between two networks of one kind, ``share`` of the way from the first to the second."""
    mixed = copy.deepcopy(general)
    for value, theirs in zip(mixed.parameters(), own.parameters(), strict=True):
        value.data.lerp_(theirs.data, share)
    return mixed


def _batch_loss(generator: Generator, batch: Batch, features: EfficientNetLite, bf16: bool) -> Tensor:
    with autocast(torch.device("cpu"), bf16):
        answer = generator(
            batch.warp, batch.guide, batch.previous, batch.grid, batch.trust, generator.encode(batch.pictures)
        )
        picture = compose(batch.warp, answer)
        parts = picture_losses(picture, batch.truth, batch.background, _LOSS, features)
    return torch.stack(list(parts.values())).sum()


@torch.inference_mode()
def _loss(
    generator: Generator, examples: Sequence[_Example], features: EfficientNetLite, bf16: bool
) -> float:
    generator.eval()
    losses = [
        float(_batch_loss(generator, whole_window(one.target, one.pictures), features, bf16))
        for one in examples
    ]
    generator.train()
    return float(np.mean(losses))


def _batch(examples: Sequence[_Example], rng: np.random.Generator) -> Batch:
    chosen = [examples[rng.integers(len(examples))] for _ in range(_BATCH)]
    count = max(len(one.pictures) for one in chosen)
    windows = [random_window(one.pictures, one.target, _WINDOW, min(count, 2), rng) for one in chosen]
    return collate([window.batch for window in windows])


def _examples(subject: Subject, body: BodyModel, deadline: float, progress: Progress) -> list[_Example]:
    """Every source as drawn by those who do not know it, the last of them kept aside; two at least."""
    dressed = subject.dress(body)
    if len(subject.images) == 1:
        lessons = [(0, [_halved_view(subject, side)]) for side in (-1, 1)]
    else:
        small = [_small_view(subject, source) for source in range(len(subject.images))]
        chosen = _spread(len(small), _MOST_SOURCES)
        lessons = [(one, [view for k, view in enumerate(small) if k != one]) for one in reversed(chosen)]
    examples: list[_Example] = []
    with tempfile.TemporaryDirectory() as folder:
        # the one kept aside comes first, so that time cannot run out before it
        for place, (source, views) in enumerate(progress.track(lessons, len(lessons))):
            if place > 1 and time.monotonic() > deadline:
                break
            by = build_subject(
                views, dressed, Path(folder) / str(place), background=views[0].image, atlas_size=_ATLAS
            )
            rng = np.random.default_rng(place)
            examples += _examples_of(subject, source, by, dressed, rng, kept_aside=place == 0)
    return examples


def _spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` numbers, evenly."""
    return sorted({int(value) for value in np.linspace(0, count - 1, min(count, most)).round()})


def _halved_view(subject: Subject, side: int) -> SourceView:
    """The only source without what lies to the left (-1) or right (1) of the person's middle in the picture."""
    view = _small_view(subject, 0)
    pixels, _ = view.camera.project(view.vertices)
    columns = np.arange(view.mask.shape[1]) + 0.5
    return replace(view, mask=np.where(side * (columns - float(pixels[:, 0].median())) > 0, 0, view.mask))


def _small_view(subject: Subject, source: int) -> SourceView:
    """A source cut out around the person and made smaller: the quicker to be read."""
    camera, vertices = subject.cameras[source], subject.vertices[source]
    height, width = camera.image_size
    box = camera.covering_box(vertices) or (0, 0, width, height)
    margin = round(0.15 * max(box[2] - box[0], box[3] - box[1]))
    box = (
        max(box[0] - margin, 0),
        max(box[1] - margin, 0),
        min(box[2] + margin, width),
        min(box[3] + margin, height),
    )
    longest = max(box[2] - box[0], box[3] - box[1])
    scale = min(1.0, _TALLEST / longest)
    size = (max(round((box[3] - box[1]) * scale), 1), max(round((box[2] - box[0]) * scale), 1))
    small = camera.cropped(box).resized(size)
    planes = picture_planes(subject.images[source], subject.masks[source])
    planes = resized_planes(planes[:, box[1] : box[3], box[0] : box[2]], size)
    motion = replace(
        subject.views()[source],
        camera_K=small.K[None].numpy(),
        camera_R=small.R[None].numpy(),
        camera_t=small.t[None].numpy(),
        image_size=size,
    )
    image = (planes[:3] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return SourceView(image, planes[3].numpy(), vertices, small, motion)


def _examples_of(
    subject: Subject, source: int, by: Subject, dressed: BodyModel, rng: np.random.Generator, kept_aside: bool
) -> list[_Example]:
    """One source drawn by ``by``, in its own fit and in disturbed ones, at several scales."""
    scope, warp, examples = person_scope(subject), WarpRenderer(), []
    sources = source_inputs(by, scope)
    motion, camera, light = subject.views()[source], subject.cameras[source], subject.lights[source]
    planes = picture_planes(subject.images[source], subject.masks[source])
    for number in range(2 if kept_aside else 1 + _MISFITS):
        scale = _SCALES[number % len(_SCALES)]
        size = (round(camera.image_size[0] * scale), round(camera.image_size[1] * scale))
        error = random_misfit(rng, TARGET_STRENGTHS if number else (0.0, 0.0))
        now = body_vertices(dressed, error.added_to(motion, camera), [0])[0]
        window = scope_window(now, camera.resized(size), scope)
        if window is None:
            continue
        past = None
        if number % 3 == 1:
            before = error.drifted(rng, TARGET_STRENGTHS).added_to(motion, camera)
            past = (body_vertices(dressed, before, [0])[0], window.camera)
        inputs = target_inputs(by, sources, warp, now, window.camera, Light.of_photo(light), past)
        truth = photographed(planes, window, scale, inputs.warp)
        examples.append(_Example(Target(inputs, truth), sources.pictures, kept_aside))
    return examples
