"""Weights on disk: safetensors, never a pickle, with a header that says what they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from neural.networks.computing import channels_last
from neural.networks.generator import Generator, GeneratorConfig
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path

KIND = "liquid-motion generator"
FORMAT_VERSION = 1


class WeightsError(LiquidMotionError):
    """A file of weights that is missing, broken, or not for this network."""


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a header, whole or not at all."""
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, metadata={"about": json.dumps(dict(about))})


def load_tensors(path: Path, kind: str, version: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file and its header.

    Raises:
        WeightsError: the file is missing, broken, of another kind or version.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file of weights")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: broken, or no safetensors file ({reason}); take another copy") from error
    if about.get("kind") != kind:
        raise WeightsError(f"{path}: not weights of this kind ({about.get('kind')!r}, expected {kind!r})")
    if about.get("format") != version:
        raise WeightsError(f"{path}: weights of format {about.get('format')}, this version reads {version}")
    return tensors, about


def save_generator(
    path: Path, generator: Generator, about: Mapping[str, Any], dtype: torch.dtype = torch.float16
) -> None:
    """Write a generator's weights. ``about``: what else the header is to say, such as the steps."""
    tensors = {name: value.to(dtype) for name, value in generator.state_dict().items()}
    header = {"kind": KIND, "format": FORMAT_VERSION, "generator": asdict(generator.config), **about}
    save_tensors(path, tensors, header)


def load_generator(path: Path) -> tuple[Generator, dict[str, Any]]:
    """A generator ready to draw, float32, and its file's header.

    Raises:
        WeightsError: the file is missing, broken or foreign, or holds something that is no finite number.
    """
    tensors, about = load_tensors(path, KIND, FORMAT_VERSION)
    try:
        generator = Generator(GeneratorConfig(**about["generator"]))
        generator.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(f"{path}: the weights do not fit this network ({reason})") from error
    if not all(bool(value.isfinite().all()) for value in generator.state_dict().values()):
        raise WeightsError(f"{path}: holds values that are no finite numbers; take another copy")
    channels_last(generator)
    return generator.eval(), about
