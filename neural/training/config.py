"""The training recipe as a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from neural.networks.generator import GeneratorConfig
from neural.training.losses import LossWeights
from smpl_fitting.errors import LiquidMotionError


class ConfigError(LiquidMotionError):
    """A recipe that cannot be followed."""


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        data: folder of samples; ``data/held_out`` is what is judged by, where it is there.
        out: folder for checkpoints, TensorBoard's log and the final weights.
        init: weights to begin with, those of an earlier run.
        steps, batch, height, width: how many steps, of how many windows of what size (multiples of 16).
        pair_steps: every so many steps one window of the batch comes with the frame before it.
        learning_rate: reached after ``warmup`` steps, and brought to 0 along a cosine.
        decay: of the averaged weights, which are what is kept (exponential moving average).
        device: auto, cpu, cuda or mps. precision: auto (bf16 where the machine computes it fast), bf16 or float32.
        threads: of the CPU; 0 leaves torch's own choice.
        pool_files, file_steps: how many files are held in memory, and for how many steps each new one is waited.
        checkpoint_seconds: between checkpoints. log_steps, judge_steps: between scalars, and between judgements.
        judge_targets: held-out windows that are judged.
    """

    data: Path
    out: Path
    init: Path | None = None
    seed: int = 0
    steps: int = 5000
    batch: int = 4
    height: int = 224
    width: int = 160
    pair_steps: int = 4
    learning_rate: float = 5e-4
    warmup: int = 100
    decay: float = 0.998
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    pool_files: int = 16
    file_steps: int = 10
    checkpoint_seconds: float = 180.0
    log_steps: int = 20
    judge_steps: int = 500
    judge_targets: int = 48
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    loss: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            if getattr(self, name) < 64 or getattr(self, name) % 16:
                raise ValueError(f"{name} is {getattr(self, name)}; choose a multiple of 16 from 64 on")
        for name in ("steps", "batch", "pair_steps", "pool_files", "file_steps", "log_steps", "judge_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.device not in ("auto", "cpu", "cuda", "mps"):
            raise ValueError(f"device {self.device!r} is unknown; choose auto, cpu, cuda or mps")
        if self.precision not in ("auto", "bf16", "float32"):
            raise ValueError(f"precision {self.precision!r} is unknown; choose auto, bf16 or float32")


def load_config(path: str | Path) -> TrainConfig:
    """Read a recipe; folders in it are relative to the file.

    Raises:
        ConfigError: the file is missing or no TOML, a key is unknown or missing, or a value is of the wrong kind.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            read = tomllib.load(file)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such recipe") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as TOML ({error})") from error
    try:
        return _build(TrainConfig, read, path.parent)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _build(kind: type, values: dict[str, Any], folder: Path) -> Any:
    known = {one.name: one for one in fields(kind)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is unknown; known are {', '.join(known)}")
    built: dict[str, Any] = {}
    for name, value in values.items():
        nested = {"generator": GeneratorConfig, "loss": LossWeights}.get(name)
        if nested is not None and is_dataclass(nested):
            if not isinstance(value, dict):
                raise ValueError(f"{name} must be a table, [{name}]")
            built[name] = _build(nested, value, folder)
        elif "Path" in str(known[name].type):
            built[name] = folder / _checked(name, value, (str,))
        else:
            wanted = {"int": (int,), "float": (int, float), "str": (str,)}[str(known[name].type)]
            built[name] = _checked(name, value, wanted)
    return kind(**built)


def _checked(name: str, value: Any, kinds: tuple[type, ...]) -> Any:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, expected {' or '.join(kind.__name__ for kind in kinds)}")
    return value
