"""The image sequences of :mod:`neural.conditioning.maps` and their kin, of a whole motion, in one folder.

::

    depth/ normal/ semantic_map/ dwpose/ mask/   0000.png …: what Champ's guidance folder holds
    iuv/ parts/                                  0000.png …: texture coordinates and part numbers
    flow/                                        0000.flo … to the next frame, and 0000.png in colours
    conditioning.json                            frame rate, size, depth range in metres, names of parts
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural.conditioning.flow import flow_picture, forward_flow, no_flow, write_flo
from neural.conditioning.maps import FARTHEST_LEVEL, Mesh, draw_maps
from neural.conditioning.skeleton import draw_skeleton, openpose_points
from neural.frame_pool import available_cores, in_order
from smpl_fitting.body import BodyModel
from smpl_fitting.body.names import PART_NAMES
from smpl_fitting.errors import LiquidMotionError
from smpl_fitting.files import atomic_path
from smpl_fitting.geometry import Camera
from smpl_fitting.motion import Motion
from smpl_fitting.progress import Progress
from smpl_fitting.video import write_image
from smpl_fitting.world import body_vertices, frame_camera

FASTEST = 0.04  # share of the picture's longer side a frame, that is drawn in full colour
_WORKERS = 2


@dataclass(frozen=True)
class Take:
    """A body in motion before its cameras.

    Attributes:
        vertices: gives the (V, 3) world metres of a frame, any deformation of the body's mesh.
        cameras: one for each frame, of one picture size. fps: frames a second.
    """

    vertices: Callable[[int], Tensor]
    cameras: Sequence[Camera]
    fps: float


def take_of(motion: Motion, body: BodyModel) -> Take:
    """A motion as its own cameras see it.

    Raises:
        LiquidMotionError: it has no cameras.
    """
    if motion.camera_K is None or motion.image_size is None:
        raise LiquidMotionError(
            "the motion has no cameras; fit a clip, or name a subject whose camera to use"
        )
    cameras = [frame_camera(motion, row) for row in range(motion.frame_count)]
    return Take(lambda row: body_vertices(body, motion, [row])[0], cameras, motion.fps)


def load_take(path: Path, body: BodyModel) -> Take:
    """A take from an ``.npz`` of vertices, for deformations that are no SMPL poses (keyed by hand in Blender, say).

    It holds ``vertices`` (T, V, 3) world Z-up metres, ``camera_K``, ``camera_R`` (T, 3, 3), ``camera_t`` (T, 3) in
    OpenCV's convention, ``image_size`` (2,) height and width, and ``fps``.

    Raises:
        LiquidMotionError: something is missing, or the mesh is another.
    """
    arrays = _arrays(path)
    names = ("vertices", "camera_K", "camera_R", "camera_t", "image_size", "fps")
    missing = [name for name in names if name not in arrays]
    if missing:
        raise LiquidMotionError(
            f"{path}: has no {', '.join(missing)}; a take of vertices holds {', '.join(names)}"
        )
    vertices = arrays["vertices"]
    count = len(arrays["camera_K"])
    if vertices.shape != (count, body.num_vertices, 3) or count == 0:
        raise LiquidMotionError(
            f"{path}: vertices have the shape {vertices.shape}, its cameras and the {body.name} body need "
            f"{(count, body.num_vertices, 3)}; switch off modifiers that add or remove vertices"
        )
    height, width = (int(side) for side in arrays["image_size"])
    placed = [torch.as_tensor(arrays[name]).float() for name in names[1:4]]
    cameras = [Camera(K, R, t, (height, width)) for K, R, t in zip(*placed, strict=True)]
    return Take(lambda row: torch.as_tensor(vertices[row]).float(), cameras, float(arrays["fps"]))


def is_take(path: Path) -> bool:
    """Whether an ``.npz`` holds vertices rather than poses."""
    return "vertices" in _arrays(path)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise LiquidMotionError(f"{path}: no such file; check the name") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LiquidMotionError(f"{path}: not readable as .npz ({error}); export it again") from error


def export_conditioning(
    take: Take, body: BodyModel, out: Path, progress: Progress | None = None
) -> dict[str, object]:
    """Write all sequences of a take.

    Returns:
        ``out`` (path), ``frames`` (how many), ``depth_range_m``.

    Raises:
        LiquidMotionError: the folder cannot be written. Cancelled: through ``progress``; no picture is half there.
    """
    progress = (progress or Progress()).part("Drawing maps", 0.0, 1.0)
    mesh, depth_range = Mesh.of(body), _depth_range(take)

    def draw(row: int) -> None:
        _write_frame(take, row, body, mesh, depth_range, out)

    count = len(take.cameras)
    for _ in progress.track(in_order(draw, range(count), min(_WORKERS, available_cores())), count):
        pass
    height, width = take.cameras[0].image_size
    about = {
        "fps": take.fps,
        "frames": count,
        "image_size": [height, width],
        "depth_range_m": depth_range,
        "depth_levels": [255, FARTHEST_LEVEL],
        "parts": {index + 1: name for index, name in enumerate(PART_NAMES)},
    }
    with atomic_path(out / "conditioning.json") as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n")
    return {"out": str(out), "frames": count, "depth_range_m": list(depth_range)}


def _write_frame(
    take: Take, row: int, body: BodyModel, mesh: Mesh, depth_range: tuple[float, float], out: Path
) -> None:
    vertices, camera = take.vertices(row), take.cameras[row]
    with torch.inference_mode():
        maps, seen = draw_maps(mesh, vertices, camera, depth_range)
        points = openpose_points(surface_landmarks(body, vertices), camera, seen)
        flow = no_flow(camera.image_size)
        if row + 1 < len(take.cameras):
            flow = forward_flow(seen, mesh.faces, take.vertices(row + 1), take.cameras[row + 1])
    pictures = asdict(maps) | {
        "dwpose": draw_skeleton(points, camera.image_size),
        "flow": flow_picture(flow, FASTEST * max(camera.image_size)),
    }
    for name, picture in pictures.items():
        write_image(out / name / f"{row:04d}.png", picture)
    write_flo(out / "flow" / f"{row:04d}.flo", flow)


def surface_landmarks(body: BodyModel, vertices: Tensor) -> Tensor:
    """(33, 3) MediaPipe's landmarks on deformed vertices (V, 3)."""
    return (vertices[body.landmark_vertices] * body.landmark_weights[..., None]).sum(1)


def _depth_range(take: Take) -> tuple[float, float]:
    """Nearest and farthest depth of the body in the take, metres."""
    near, far = np.inf, 0.0
    for row, camera in enumerate(take.cameras):
        depth = camera.project(take.vertices(row))[1]
        near, far = min(near, max(float(depth.min()), 0.0)), max(far, float(depth.max()))
    return float(near), far
