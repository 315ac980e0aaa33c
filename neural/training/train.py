"""Training of the liquid renderer's generator, which a kill does not change: the same steps give the same weights.

Everything random about a step follows from its number, and a checkpoint holds all that steps leave behind.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from neural.networks.computing import autocast, channels_last, choose_device, computes_bf16
from neural.networks.discriminator import (
    PAIR_CHANNELS,
    PICTURE_CHANNELS,
    PatchDiscriminator,
    hinge_real_fake,
    picture_planes,
)
from neural.networks.efficientnet_lite import EfficientNetLite, load_efficientnet_lite
from neural.networks.generator import Generator, compose
from neural.networks.weights import WeightsError, load_generator, load_tensors, save_generator, save_tensors
from neural.training.config import ConfigError, TrainConfig
from neural.training.dataset import Batch, TrainingSet, training_files
from neural.training.judge import Judge
from neural.training.losses import carried_before, laid_over, picture_losses, temporal_loss
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.progress import Progress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

CHECKPOINT, FINAL = "checkpoint.safetensors", "generator.safetensors"
_KIND = "liquid-motion training"
_FORMAT = 1
_BETAS = (0.9, 0.99)
_CLIP = 1.0  # norm of the gradient


@dataclass(frozen=True)
class Trained:
    """The outcome: the weights' file, the steps made in all, seconds of this run, and the last judgement."""

    weights: Path
    steps: int
    seconds: float
    figures: dict[str, float]


def train(config: TrainConfig, progress: Progress | None = None) -> Trained:
    """Train, or go on training where ``config.out`` holds a checkpoint of the same recipe.

    Raises:
        ConfigError: the checkpoint there is of another recipe.
        SampleError, WeightsError: training data or weights are missing or damaged.
        Cancelled: through ``progress``, after a checkpoint.
    """
    progress = progress or Progress()
    if config.threads:
        torch.set_num_threads(config.threads)
    run = _Run(config)
    start = time.monotonic()
    run.resume()
    writer = _log_writer(config.out / "log", run.step)
    try:
        run.steps(writer, progress)
    finally:
        writer.close()
    figures = run.judge(None)
    weights = config.out / FINAL
    save_generator(weights, run.average, {"steps": run.step, "figures": figures})
    return Trained(weights, run.step, time.monotonic() - start, figures)


def _log_writer(folder: Path, step: int) -> SummaryWriter:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise LiquidMotionError(
            "tensorboard is not installed, which training keeps its log with; pip install 'liquid-motion[train]'"
        ) from error
    return SummaryWriter(str(folder), purge_step=step)


class _Run:
    """The state of a training run."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.device = choose_device(config.device)
        self.bf16 = config.precision == "bf16" or (config.precision == "auto" and computes_bf16(self.device))
        self.step = 0
        torch.manual_seed(config.seed)
        generator = load_generator(config.init)[0] if config.init else Generator(config.generator)
        if generator.config != config.generator:
            raise ConfigError(
                f"{config.init}: weights of {generator.config}, the recipe says {config.generator}"
            )
        self.generator = generator.train().to(self.device)
        channels_last(self.generator)
        self.average = copy.deepcopy(self.generator).eval()
        self.optimizer = torch.optim.AdamW(
            self.generator.parameters(), config.learning_rate, betas=_BETAS, weight_decay=0.0
        )
        self.critics = self._make_critics()
        self.critic_optimizer = (
            torch.optim.AdamW(self.critics.parameters(), config.learning_rate, betas=(0.0, 0.9))
            if len(self.critics)
            else None
        )
        self.features = self._load_features()
        self.data = TrainingSet(
            training_files(config.data),
            (config.height, config.width),
            config.seed,
            config.pool_files,
            config.file_steps,
        )
        self.judge_set = Judge(config.data / "held_out", config.judge_targets, self.device)

    def _make_critics(self) -> nn.ModuleDict:
        critics = nn.ModuleDict()
        if self.config.loss.adversarial:
            critics["picture"] = PatchDiscriminator(PICTURE_CHANNELS)
        if self.config.loss.adversarial_pair:
            critics["pair"] = PatchDiscriminator(PAIR_CHANNELS)
        return critics.to(self.device)

    def _load_features(self) -> EfficientNetLite | None:
        return load_efficientnet_lite("lite0").to(self.device) if self.config.loss.perceptual else None

    def steps(self, writer: SummaryWriter, progress: Progress) -> None:
        """All steps that are left, with checkpoints in between and one at the end."""
        saved = time.monotonic()
        begun, started = saved, self.step
        try:
            while self.step < self.config.steps:
                parts = self._one()
                if self.step % self.config.log_steps == 0:
                    speed = (time.monotonic() - begun) / (self.step - started)
                    self._log(writer, {**parts, "seconds_per_step": speed})
                if self.step % self.config.judge_steps == 0:
                    self.judge(writer)
                if time.monotonic() - saved > self.config.checkpoint_seconds:
                    self.save()
                    saved = time.monotonic()
                progress.update(self.step / self.config.steps)
        finally:
            self.save()

    def _one(self) -> dict[str, float]:
        """One step; the parts of the loss."""
        wanted = bool(self.config.loss.temporal or self.config.loss.adversarial_pair)
        pair = wanted and self.step % self.config.pair_steps == 0
        batch = self.data.batch(self.step, self.config.batch, pair).to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        picture = self._picture(batch)
        before = None if batch.pair is None else self._picture(batch.pair)
        with autocast(self.device, self.bf16):
            parts = picture_losses(picture, batch.truth, batch.background, self.config.loss, self.features)
        if before is not None and batch.pair is not None and batch.flow is not None:
            parts["temporal"] = self.config.loss.temporal * temporal_loss(
                picture[:1], before, batch.truth[:1], batch.pair.truth, batch.flow
            )
        if self.critic_optimizer is not None and self.step >= self.config.loss.adversarial_from:
            parts |= self._against_critics(picture, before, batch)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), _CLIP)
        self.optimizer.step()
        self._follow()
        self.step += 1
        return {name: float(value.detach()) for name, value in parts.items()}

    def _picture(self, batch: Batch) -> Tensor:
        with autocast(self.device, self.bf16):
            sources = self.generator.encode(batch.pictures)
            answer = self.generator(batch.warp, batch.guide, batch.previous, batch.grid, batch.trust, sources)
        return compose(batch.warp, answer)

    def _against_critics(self, picture: Tensor, before: Tensor | None, batch: Batch) -> dict[str, Tensor]:
        """Train the critics on what was drawn; what they make of it."""
        pairs: dict[str, tuple[Tensor, Tensor]] = {}
        if "picture" in self.critics:
            pairs["picture"] = (picture_planes(picture, batch.warp), picture_planes(batch.truth, batch.warp))
        if (
            "pair" in self.critics
            and before is not None
            and batch.pair is not None
            and batch.flow is not None
        ):
            ground = batch.background[:1]
            drawn = torch.cat([laid_over(picture[:1], ground), carried_before(before, batch.flow)], 1)
            true = torch.cat(
                [laid_over(batch.truth[:1], ground), carried_before(batch.pair.truth, batch.flow)], 1
            )
            pairs["pair"] = (drawn, true)
        if not pairs:  # a step without the frame before
            return {}
        assert self.critic_optimizer is not None
        losses = [
            hinge_real_fake(self.critics[name](true), self.critics[name](drawn.detach()))
            for name, (drawn, true) in pairs.items()
        ]
        self.critic_optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        self.critic_optimizer.step()
        weight = {"picture": self.config.loss.adversarial, "pair": self.config.loss.adversarial_pair}
        return {
            f"adversarial_{name}": -weight[name] * self.critics[name](drawn).mean()
            for name, (drawn, _) in pairs.items()
        }

    def _learning_rate(self) -> float:
        config = self.config
        if self.step < config.warmup:
            return config.learning_rate * (self.step + 1) / config.warmup
        done = (self.step - config.warmup) / max(config.steps - config.warmup, 1)
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    @torch.no_grad()
    def _follow(self) -> None:
        """The average of the weights, which starts as a plain mean of all steps."""
        decay = min(self.config.decay, (1 + self.step) / (10 + self.step))
        for average, value in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            average.lerp_(value, 1 - decay)

    def judge(self, writer: SummaryWriter | None) -> dict[str, float]:
        """Figures on the held-out people, with pictures where there is a log."""
        figures, sheet = self.judge_set.figures(self.average, self.bf16)
        if writer is not None:
            for name, value in figures.items():
                writer.add_scalar(f"held_out/{name}", value, self.step)
            if sheet is not None:
                writer.add_image("held_out/source_truth_warp_liquid", sheet, self.step)
            writer.flush()
        return figures

    def _log(self, writer: SummaryWriter, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(f"train/{name}", value, self.step)
        writer.add_scalar("train/learning_rate", self._learning_rate(), self.step)

    def save(self) -> None:
        """Write the checkpoint and, beside it, the averaged weights as they would be shipped."""
        tensors: dict[str, Tensor] = {}
        for name, module in self._modules().items():
            tensors |= {f"{name}/{key}": value for key, value in module.state_dict().items()}
        for name, optimizer in self._optimizers().items():
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"{name}/{index}/{key}": torch.as_tensor(value) for key, value in state.items()}
        about = {"kind": _KIND, "format": _FORMAT, "step": self.step, "recipe": self._recipe()}
        save_tensors(self.config.out / CHECKPOINT, tensors, about)
        save_generator(self.config.out / FINAL, self.average, {"steps": self.step})

    def resume(self) -> None:
        """Take up the checkpoint, where there is one."""
        path = self.config.out / CHECKPOINT
        if not path.exists():
            return
        tensors, about = load_tensors(path, _KIND, _FORMAT)
        if about.get("recipe") != self._recipe():
            raise ConfigError(
                f"{path}: belongs to another recipe or other data; choose another folder for out"
            )
        try:
            for name, module in self._modules().items():
                module.load_state_dict(_below(tensors, name))
            for name, optimizer in self._optimizers().items():
                _restore(optimizer, _below(tensors, name))
            self.step = int(about["step"])
        except (KeyError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:120]
            raise WeightsError(
                f"{path}: the checkpoint is damaged ({reason}); remove it to start again"
            ) from error

    def _modules(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "average": self.average, "critics": self.critics}

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        named = {"adam": self.optimizer, "critic_adam": self.critic_optimizer}
        return {name: one for name, one in named.items() if one is not None}

    def _recipe(self) -> str:
        """A fingerprint of all that decides the weights: how often it is logged or saved does not."""
        neutral = replace(
            self.config,
            **{name: getattr(TrainConfig, name) for name in _NEUTRAL},
            data=Path(),
            out=Path(),
        )
        files = [path.name for path in self.data.files]
        text = json.dumps([asdict(neutral), files, self.bf16], default=str, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


_NEUTRAL = ("threads", "checkpoint_seconds", "log_steps", "judge_steps", "judge_targets")


def _below(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")
    }


def _restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition("/")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
