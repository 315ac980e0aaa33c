"""Where and how exactly networks compute."""

from __future__ import annotations

import torch
from torch import nn

from smpl_fitting.errors import LiquidMotionError


def choose_device(name: str) -> torch.device:
    """``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        LiquidMotionError: the device asked for is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if not there.get(name, False):
        raise LiquidMotionError(f"device {name!r} is not there; use auto or cpu")
    return torch.device(name)


def computes_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there: on a CPU only with instructions for it.

    Measured with AMX: a pair of 3 x 3 convolutions takes a fifth of the time, the whole network about half.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities: dict[str, object] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # not in older versions of torch
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def autocast(device: torch.device, bf16: bool) -> torch.autocast:
    """Mixed precision, or none."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


def channels_last(module: nn.Module) -> None:
    """Lay out the weights of convolutions as these are computed fastest."""
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
