"""Training samples of the liquid renderer on disk: one file for each subject, sources and many targets, 8 and 16 bit.

A file is an ``.npz`` without objects: ``about`` (JSON text), ``pictures`` (K, 4, S, S), and for target number i the
arrays ``i_truth`` (4, H, W) straight alpha, ``i_warp``, ``i_guide``, ``i_previous``, ``i_grid``, ``i_trust`` of
:class:`neural.liquid_inputs.TargetInputs`; where target i is the frame before another, that one has ``i_flow``.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neural.liquid_inputs import TargetInputs, resized_sources
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path

FORMAT_VERSION = 2  # from 2 on warp pictures stand in their subject's light
_GRID_STEPS = 20_000.0  # of a normalised coordinate: 1/60 of a pixel of a source crop
_FLOW_STEPS = 32.0  # of a pixel
_HIDDEN = -32768
_NEEDED = ("truth", "warp", "guide", "previous", "grid", "trust")


class SampleError(LiquidMotionError):
    """Training data that is missing or damaged."""


@dataclass(frozen=True)
class Target:
    """A window and the truth about it.

    Attributes:
        inputs: what the network is shown. truth: (4, H, W) straight alpha in [0, 1].
        before: number of the target that shows the frame before, None where there is none.
        flow: (H, W, 2) pixels of that frame's window where the same point was, NaN where it was not seen; the
            truth's own, not the body's.
    """

    inputs: TargetInputs
    truth: Tensor
    before: int | None = None
    flow: Tensor | None = None


def save_samples(path: Path, pictures: Tensor, targets: list[Target], about: dict[str, Any]) -> None:
    """Write a subject's samples, whole or not at all. ``pictures``: (K, 4, S, S) in [0, 1]."""
    arrays: dict[str, np.ndarray] = {"pictures": _to_byte(pictures)}
    befores: dict[str, int] = {}
    for number, target in enumerate(targets):
        inputs = target.inputs
        arrays[f"{number}_truth"] = _to_byte(target.truth)
        arrays[f"{number}_warp"] = _to_byte(inputs.warp)
        arrays[f"{number}_guide"] = (inputs.guide * 127).round().to(torch.int8).numpy()
        arrays[f"{number}_previous"] = _to_byte(inputs.previous)
        arrays[f"{number}_grid"] = (inputs.grid * _GRID_STEPS).round().to(torch.int16).numpy()
        arrays[f"{number}_trust"] = _to_byte(inputs.trust)
        if target.before is not None and target.flow is not None:
            befores[str(number)] = target.before
            steps = (target.flow * _FLOW_STEPS).nan_to_num(_HIDDEN).clamp(_HIDDEN, 32767)
            arrays[f"{number}_flow"] = steps.round().to(torch.int16).numpy()
    text = json.dumps({**about, "format": FORMAT_VERSION, "targets": len(targets), "before": befores})
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, about=np.array(text), **arrays)


class SampleFile:
    """One subject's samples, in memory as they are stored: a target takes a quarter of what its tensors do.

    Raises:
        SampleError: the file is missing, damaged, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with np.load(path, allow_pickle=False) as archive:
                self._arrays = {name: archive[name] for name in archive.files}
            self.about: dict[str, Any] = json.loads(str(self._arrays["about"]))
            self.count = int(self.about["targets"])
            self.before: dict[int, int] = {int(k): int(v) for k, v in self.about["before"].items()}
            version = self.about["format"]
            needed = [f"{number}_{name}" for number in range(self.count) for name in _NEEDED]
            missing = [name for name in ["pictures", *needed] if name not in self._arrays]
            if missing:
                raise ValueError(f"{missing[0]} is missing")
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise SampleError(
                f"{path}: not readable as training samples ({error}); make them again"
            ) from error
        self._pictures = resized_sources(_from_byte(self._arrays["pictures"]))
        if version != FORMAT_VERSION:
            raise SampleError(f"{path}: samples of format {version}, this version reads {FORMAT_VERSION}")

    def pictures(self) -> Tensor:
        """(K, 4, S, S) in [0, 1], at the size the network reads."""
        return self._pictures

    def target(self, number: int) -> Target:
        truth, warp, guide, previous, grid, trust = (self._arrays[f"{number}_{name}"] for name in _NEEDED)
        inputs = TargetInputs(
            warp=_from_byte(warp),
            guide=torch.from_numpy(guide).float() / 127,
            previous=_from_byte(previous),
            grid=torch.from_numpy(grid).float() / _GRID_STEPS,
            trust=_from_byte(trust),
        )
        before = self.before.get(number)
        flow = None
        if before is not None:
            steps = torch.from_numpy(self._arrays[f"{number}_flow"])
            flow = torch.where(steps == _HIDDEN, torch.nan, steps.float() / _FLOW_STEPS)
        return Target(inputs, _from_byte(truth), before, flow)


def _to_byte(values: Tensor) -> np.ndarray:
    return (values * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def _from_byte(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).float() / 255
