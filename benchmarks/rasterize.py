"""How long one body takes to rasterize: 6,890 vertices, 13,776 faces, 512 x 512 pixels.

The body is the one whose PyTorch3D outputs are recorded in tests/data. PyTorch3D is timed where it is
installed; elsewhere the figure recorded on 2 CPU cores stands in for it.

    python benchmarks/rasterize.py [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from smpl_fitting.geometry import rasterize_meshes

BODY = Path(__file__).parents[1] / "tests" / "data" / "pytorch3d_rasterize_meshes.npz"
RECORDED_PYTORCH3D_CPU_MS = 12_300.0
SIZE = (512, 512)


def load_body() -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (6890, 3) in NDC, filling four fifths of the picture's height, and faces (13776, 3)."""
    with np.load(BODY) as arrays:
        faces = torch.from_numpy(arrays["body_front_128/faces0"]).long()
        return torch.from_numpy(arrays["body_front_128/verts0"]), faces


def best_ms(call: Callable[[], object], repeats: int, device: str) -> float:
    """Shortest time of ``call`` in milliseconds, the one least disturbed by others; the first is a trial."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times[1:])


def measure() -> dict[str, float]:
    """All figures by name; the names carry the units."""
    vertices, faces = load_body()
    installed = importlib.util.find_spec("pytorch3d") is not None
    figures = {}
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        verts, tris = vertices.to(device), faces.to(device)
        for backend in ["warp", "pytorch3d"] if installed else ["warp"]:
            repeats = 1 if (backend, device) == ("pytorch3d", "cpu") else 50
            figures[f"{backend}_{device}_512px_ms"] = best_ms(
                lambda v=verts, f=tris, b=backend: rasterize_meshes([v], [f], SIZE, backend=b),
                repeats,
                device,
            )
        gradient = verts.clone().requires_grad_()
        figures[f"warp_{device}_512px_with_gradient_ms"] = best_ms(
            lambda v=gradient, f=tris: rasterize_meshes([v], [f], SIZE, backend="warp")[1].sum().backward(),
            20,
            device,
        )
        figures[f"warp_{device}_1080x1920px_ms"] = best_ms(
            lambda v=verts, f=tris: rasterize_meshes([v], [f], (1920, 1080), backend="warp"), 20, device
        )
    if "pytorch3d_cpu_512px_ms" not in figures:
        figures["pytorch3d_cpu_512px_recorded_ms"] = RECORDED_PYTORCH3D_CPU_MS
    reference = figures.get("pytorch3d_cpu_512px_ms", RECORDED_PYTORCH3D_CPU_MS)
    figures["warp_cpu_times_faster_than_pytorch3d_cpu"] = reference / figures["warp_cpu_512px_ms"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write {figure: value} here")
    arguments = parser.parse_args()
    figures = measure()
    for name, value in figures.items():
        print(f"{name:46}{value:12.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
