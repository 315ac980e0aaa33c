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
import torch

from neural.training.people import Person, PosedPerson, pose_person
from neural.training.raster_people import draw_with_rasterizer
from neural.training.studio import Studio
from neural.training.truth import FrameTruth, flow_to, join_parts, see, surface_vertices
from smpl_fitting.body import BodyModel, load_body
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.video import write_image


class PeopleRenderError(LiquidMotionError):
    """A synthetic clip that could not be drawn."""


def render_clip(
    person: Person,
    motion: Motion,
    cameras: Camera | Sequence[Camera],
    studio: Studio | None,
    out_dir: str | Path,
    *,
    renderer: str = "cycles",
    samples: int = 24,
    progress: Progress | None = None,
) -> Path:
    """Film a person and write down the truth.

    Written to ``out_dir``: ``frames/0000.png`` …; ``maps/0000.npz`` with mask (bool), kind, body_part (uint8),
    depth (float32, metres, inf outside) and, but for the last frame, flow (float32, H x W x 2 px to the next
    frame, NaN outside); ``motion.npz``, a motion file with the true poses, cameras, landmarks and the nearest
    ``betas``; and last ``truth.npz`` with vertices (T, 13718, 3), joints (T, 24, 3), landmarks (T, 33, 3), world
    Z-up. A folder with ``truth.npz`` is complete.

    Args:
        motion: whose ``poses`` and ``trans`` to play (24 joints); its betas are not used.
        cameras: one for all frames, or one each.
        studio: the room; None gives transparent pictures.
        renderer: ``cycles`` or ``raster``.

    Raises:
        PeopleRenderError: an unknown renderer, unequal lengths, or Blender failed.
    """
    progress = progress or Progress()
    shots = [cameras] * motion.frame_count if isinstance(cameras, Camera) else list(cameras)
    if len(shots) != motion.frame_count:
        raise PeopleRenderError(
            f"{len(shots)} cameras for {motion.frame_count} frames; give one, or one each"
        )
    out = Path(out_dir)
    posed = pose_person(person, motion.poses[:, :72], motion.trans)
    if renderer == "cycles":
        part = progress.part("drawing people", 0.0, 0.9)
        draw_with_cycles(person, posed, shots, studio, out / "frames", samples=samples, progress=part)
    elif renderer == "raster":
        surface = join_parts(person)
        frames = range(len(shots))
        for frame in progress.part("drawing people", 0.0, 0.9).track(frames, len(shots)):
            picture = draw_with_rasterizer(surface, surface_vertices(posed, frame), shots[frame], studio)
            write_image(out / "frames" / f"{frame:04d}.png", picture)
    else:
        raise PeopleRenderError(f"no renderer {renderer!r}; use cycles or raster")
    _write_maps(person, posed, shots, out / "maps", progress.part("writing the truth", 0.9, 1.0))
    _write_truth(person, posed, shots, motion.fps, out)
    return out


def true_landmarks(posed: PosedPerson, body: BodyModel) -> np.ndarray:
    """(T, 33, 3) MediaPipe's landmarks on the true naked body, Z-up world."""
    index, weights = body.landmark_vertices.numpy(), body.landmark_weights.numpy()
    return np.einsum("lk,tlkc->tlc", weights, posed.body[:, index])


def true_motion(
    person: Person, posed: PosedPerson, cameras: Sequence[Camera], fps: float, body: BodyModel
) -> Motion:
    """The clip as a perfect fit would tell it; landmarks outside the picture have visibility 0."""
    landmarks = true_landmarks(posed, body)
    height, width = cameras[0].image_size
    keypoints = np.zeros((len(cameras), 33, 4))
    in_camera = np.zeros((len(cameras), 33, 3))
    for frame, camera in enumerate(cameras):
        pixels, depth = camera.project(torch.from_numpy(landmarks[frame]).float())
        inside = ((pixels >= 0) & (pixels < torch.tensor([width, height]))).all(-1) & (depth > 0)
        keypoints[frame] = torch.cat((pixels, depth[:, None], inside[:, None].float()), dim=1).numpy()
        in_camera[frame] = landmarks[frame] @ camera.R.numpy().T
    hips = in_camera[:, 23:25].mean(1, keepdims=True)
    return Motion(
        poses=posed.poses,
        trans=posed.trans,
        betas=person.betas,
        fps=fps,
        camera_K=np.stack([camera.K.numpy() for camera in cameras]),
        camera_R=np.stack([camera.R.numpy() for camera in cameras]),
        camera_t=np.stack([camera.t.numpy() for camera in cameras]),
        image_size=cameras[0].image_size,
        keypoints=keypoints,
        keypoints_world=in_camera - hips,
        confidence=np.ones(len(cameras)),
        source=f"synthetic person {person.spec.seed}",
    )


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


def _write_maps(
    person: Person, posed: PosedPerson, cameras: Sequence[Camera], folder: Path, progress: Progress
) -> None:
    surface = join_parts(person)
    vertices = surface_vertices(posed, 0)
    for frame in progress.track(range(len(cameras)), len(cameras)):
        truth: FrameTruth = see(surface, vertices, cameras[frame])
        maps = {
            "mask": truth.mask,
            "kind": truth.kind,
            "body_part": truth.body_part,
            "depth": truth.depth,
        }
        if frame + 1 < len(cameras):
            vertices = surface_vertices(posed, frame + 1)
            maps["flow"] = flow_to(truth, surface, vertices, cameras[frame + 1])
        _save(folder / f"{frame:04d}.npz", maps)


def _write_truth(
    person: Person, posed: PosedPerson, cameras: Sequence[Camera], fps: float, out: Path
) -> None:
    body = load_body("open")
    true_motion(person, posed, cameras, fps, body).save(out / "motion.npz")
    landmarks = true_landmarks(posed, body).astype(np.float32)
    _save(out / "truth.npz", {"vertices": posed.body, "joints": posed.joints, "landmarks": landmarks})


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
