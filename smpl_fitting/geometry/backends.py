"""Which rasterizer to use: decided by drawing one triangle with it, never by whether it can be imported."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable

import torch

from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry.settings import PackedFaces, RasterOutput, RasterSettings

Rasterizer = Callable[[PackedFaces, RasterSettings], RasterOutput]

BACKENDS = ("pytorch3d", "warp")


class BackendError(LiquidMotionError):
    """No rasterizer works here, or not the one asked for."""


def choose_backend(device: torch.device, backend: str | None = None) -> Rasterizer:
    """The rasterizer for tensors on ``device``.

    Args:
        device: where the vertices are.
        backend: ``"pytorch3d"`` or ``"warp"``; ``None`` takes pytorch3d for CUDA where it works, else Warp.

    Raises:
        BackendError: the backend asked for, or every backend, fails its self-test on this device.
        ValueError: there is no backend of that name.
    """
    if backend is not None:
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)} or None, got {backend!r}")
        candidates = [backend]
    else:
        candidates = ["pytorch3d", "warp"] if device.type == "cuda" else ["warp"]
    failures = {}
    for name in candidates:
        failure = self_test(name, str(device))
        if failure is None:
            return _load(name)
        failures[name] = failure
    reasons = "; ".join(f"{name}: {failure}" for name, failure in failures.items())
    raise BackendError(
        f"cannot rasterize on {device} with {reasons}; reinstall it, let it write its kernel cache "
        "(WARP_CACHE_PATH), or choose another backend or device"
    )


@functools.cache
def self_test(backend: str, device: str) -> str | None:
    """Draw one triangle; ``None`` when it comes out right, else one line that says what went wrong."""
    try:
        pix_to_face, zbuf, _, _ = _load(backend)(_one_triangle(device), RasterSettings(image_size=(4, 4)))
    except Exception as error:  # whatever a broken binary may raise: the reason is reported, not lost
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    seen = (pix_to_face[0, ..., 0] == 0).cpu()
    # Pixel centres below the diagonal of the picture, at depth 2.
    expected = torch.ones(4, 4).tril(-1).bool()
    if not torch.equal(seen, expected) or not torch.allclose(
        zbuf[0, ..., 0].cpu()[expected], torch.tensor(2.0)
    ):
        return "it draws a triangle wrongly"
    return None


def _one_triangle(device: str) -> PackedFaces:
    """The lower left half of a square picture, its diagonal just below the pixel centres."""
    corners = torch.tensor([[[1.0, 0.99, 2.0], [1.0, -1.0, 2.0], [-0.99, -1.0, 2.0]]], device=device)
    zero = torch.zeros(1, dtype=torch.int64, device=device)
    return PackedFaces(vertices=corners, mesh_index=zero, sibling=zero - 1, mesh_count=1)


def _load(backend: str) -> Rasterizer:
    return importlib.import_module(f"smpl_fitting.geometry.{backend}_backend").rasterize_faces
