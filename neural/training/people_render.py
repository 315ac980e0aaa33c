"""Clips of synthetic people: pictures by Cycles or by our rasterizer, and the truth behind every frame."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neural.training.people import Person, PosedPerson
from neural.training.studio import Studio
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.geometry import Camera
from smpl_fitting.progress import Progress


class PeopleRenderError(LiquidMotionError):
    """A synthetic clip that could not be drawn."""


def draw_with_cycles(
    person: Person,
    posed: PosedPerson,
    cameras: Sequence[Camera],
    studio: Studio | None,
    out_dir: str | Path,
    *,
    samples: int = 24,
    light: Studio | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write ``0000.png`` … with Cycles in a process of its own; the same pixels for the same arguments.

    Args:
        cameras: one per frame, all of one size.
        studio: the room; None leaves the background transparent (RGBA pictures).
        light: whose lights to use where they are not the studio's own.

    Raises:
        PeopleRenderError: bpy is missing or Blender failed.
    """
    progress = progress or Progress()
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="people-") as folder:
        _write_job(Path(folder), person, posed, cameras, studio, light or studio or Studio(), out, samples)
        _run_blender(Path(folder), len(cameras), progress)
    return [out / f"{frame:04d}.png" for frame in range(len(cameras))]


def _write_job(
    folder: Path,
    person: Person,
    posed: PosedPerson,
    cameras: Sequence[Camera],
    studio: Studio | None,
    light: Studio,
    out: Path,
    samples: int,
) -> None:
    for camera in cameras:
        if camera.image_size != cameras[0].image_size or abs(camera.K[0, 0] - camera.K[1, 1]) > 1e-3:
            raise PeopleRenderError(
                "cameras of one clip must share one size and have square pixels; resize them"
            )
    arrays: dict[str, np.ndarray] = {
        "K": np.stack([camera.K.numpy() for camera in cameras]),
        "R": np.stack([camera.R.numpy() for camera in cameras]),
        "t": np.stack([camera.t.numpy() for camera in cameras]),
    }
    parts = []
    for number, (part, vertices) in enumerate(zip(person.parts, posed.parts, strict=True)):
        arrays[f"vertices{number}"] = np.ascontiguousarray(vertices, np.float32)
        arrays[f"faces{number}"], arrays[f"faces_uv{number}"] = part.faces, part.faces_uv
        arrays[f"uv{number}"] = part.uv
        material = part.material
        if material.texture is not None:
            arrays[f"texture{number}"] = material.texture
        if material.normal_map is not None:
            arrays[f"normal{number}"] = material.normal_map
        plain = {name: getattr(material, name) for name in ("color", "roughness", "subsurface", "cutout")}
        parts.append({"name": part.name} | plain)
    np.savez(folder / "arrays.npz", **arrays)
    job = {
        "image_size": list(cameras[0].image_size),
        "frame_count": len(cameras),
        "samples": samples,
        "seed": person.spec.seed % 2**31,
        "view_transform": "Standard",
        "studio": None if studio is None else dataclasses.asdict(studio),
        "light": dataclasses.asdict(light),
        "parts": parts,
        "out": str(out.resolve()),
    }
    (folder / "scene.json").write_text(json.dumps(job))


def _run_blender(folder: Path, frames: int, progress: Progress) -> None:
    command = [sys.executable, "-m", "neural.training.cycles", str(folder)]
    last = ""
    log = folder / "errors.txt"
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("frame "):
                    progress.update((int(line.split()[1]) + 1) / frames)
        except BaseException:  # cancelled: do not leave Blender running
            process.kill()
            raise
    if process.returncode != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        last = lines[-1] if lines else f"exit code {process.returncode}"
        raise PeopleRenderError(f"Cycles: {last}; install the extra: pip install 'liquid-motion[blender]'")
