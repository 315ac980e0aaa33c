"""One frame of a subject, drawn for the render engine: vertices and a camera in, RGBA and depth out."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from neural.jobs._blocks import write_blocks
from neural.jobs._inputs import image_size, parameter
from neural.jobs.context import JobContext
from smpl_fitting.errors import LiquidMotionError

_CACHED_SUBJECTS = 4


def run(params: dict[str, Any], context: JobContext) -> dict[str, Any]:
    """Render one frame.

    Params:
        subject: the subject's folder.
        arrays: an ``.npz`` with ``vertices`` (V, 3) world Z-up metres and an OpenCV camera ``K`` (3, 3),
            ``R`` (3, 3), ``t`` (3,); optionally the same four, prefixed ``previous_``, of the frame before, and the
            light to draw in: ``light_ambient`` (3,), ``light_directions`` and ``light_intensities`` (M, 3), linear RGB.
        size: ``[height, width]``.
        renderer: a name of :mod:`neural.renderers`.
        relight: where no light is given, draw in the photo's, whatever the renderer's habit.
        out: the file to write.

    Returns:
        ``box``: [x0, y0, x1, y1] of the part of the picture that shows anything; ``path``: the file written, of
        three ``.npy`` blocks one after the other, each of that part, top row first: RGBA (h, w, 4) uint16,
        display-referred, straight alpha; depth (h, w) float32 metres along the camera's z, infinite where there
        is nobody; provenance (h, w) uint8. ``render_s``: how long the renderer itself took.

    Raises:
        LiquidMotionError: a parameter is missing, or an array is not what it should be.
    """
    renderer = _renderer(params.get("renderer", "warp"), context)
    size = image_size(parameter(params, "size"))
    arrays_path = Path(parameter(params, "arrays"))
    arrays = _read_arrays(arrays_path)
    out = Path(parameter(params, "out"))
    context.progress.part("Loading the person", 0.0, 0.1).update(0.0)
    subject = _subject(Path(parameter(params, "subject")), context)
    drawing = context.progress.part("Drawing", 0.1, 1.0)
    drawing.update(0.0)
    vertices, camera = _view(arrays, "", size)
    expected = len(subject.surface.rest)
    if len(vertices) != expected:
        raise LiquidMotionError(
            f"{arrays_path}: the mesh has {len(vertices)} vertices, {subject.path} has {expected}; "
            "switch off modifiers that add or remove vertices, such as Subdivision"
        )
    previous = _view(arrays, "previous_", size) if "previous_vertices" in arrays else None
    start = time.perf_counter()
    light = subject.light if params.get("relight") else None
    if "light_ambient" in arrays:
        light = _light(arrays, subject)
    result = renderer.render(subject, vertices, camera, size, previous=previous, light=light)
    render_s = time.perf_counter() - start
    box = _shown(result.rgba[..., 3])
    inside = np.s_[box[1] : box[3], box[0] : box[2]]
    rgba = (result.rgba[inside] * 65535.0 + 0.5).astype(np.uint16)
    write_blocks(out, rgba, result.depth[inside], result.provenance[inside])
    drawing.update(1.0)
    return {"path": str(out), "box": box, "render_s": render_s}


def _shown(alpha: np.ndarray) -> list[int]:
    """x0, y0, x1, y1 of where alpha (H, W) is not 0; nothing is a part without rows and columns."""
    shown = alpha > 0
    rows = np.flatnonzero(shown.any(1))
    if len(rows) == 0:
        return [0, 0, 0, 0]
    columns = np.flatnonzero(shown[rows[0] : rows[-1] + 1].any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def _renderer(name: str, context: JobContext):
    from neural.renderers import make_renderer

    key = ("renderer", name)
    if key not in context.cache:
        context.cache[key] = make_renderer(name)
    return context.cache[key]


def _subject(folder: Path, context: JobContext):
    """The loaded subject; read again when it was made anew, and the oldest given up when there are many."""
    from neural.subject import load_subject

    made = folder / "subject.json"
    stamp = made.stat().st_mtime_ns if made.is_file() else 0
    subjects = context.cache.setdefault("subjects", {})
    key = str(folder.resolve())
    if key not in subjects or subjects[key][0] != stamp:
        subjects[key] = (stamp, load_subject(folder))
        while len(subjects) > _CACHED_SUBJECTS:
            del subjects[next(iter(subjects))]
    return subjects[key][1]


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise LiquidMotionError(f"{path}: no such file; write the frame's arrays there first") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise LiquidMotionError(f"{path}: not readable as .npz ({error}); write the arrays again") from error


def _light(arrays: dict[str, np.ndarray], subject):
    """The scene's light on a body as bright in it as the photo shows her, where the scene's is 1."""
    import torch

    from neural.light import Light

    lamps = len(arrays.get("light_directions", ()))
    ambient, directions, intensities = (
        _tensor(arrays, f"light_{name}", shape)
        for name, shape in (("ambient", (3,)), ("directions", (lamps, 3)), ("intensities", (lamps, 3)))
    )
    exposure = subject.exposure
    return Light(ambient * exposure, torch.zeros(3), directions, intensities * exposure)


def _view(arrays: dict[str, np.ndarray], prefix: str, size: tuple[int, int]):
    """Vertices and camera of one moment, as tensors."""
    from smpl_fitting.geometry import Camera

    shapes = (("vertices", (None, 3)), ("K", (3, 3)), ("R", (3, 3)), ("t", (3,)))
    vertices, K, R, t = (_tensor(arrays, prefix + name, shape) for name, shape in shapes)
    return vertices, Camera(K, R, t, size)


def _tensor(arrays: dict[str, np.ndarray], name: str, shape: tuple[int | None, ...]):
    """An array as a tensor, where it has that shape; None stands for any length."""
    import torch

    array = arrays.get(name)
    if array is None:
        raise LiquidMotionError(f"array {name!r} is missing; see neural.jobs.render_frame for what is needed")
    fits = array.ndim == len(shape) and all(s in (None, n) for s, n in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise LiquidMotionError(
            f"array {name!r} has shape {array.shape} and type {array.dtype}; "
            f"it must hold finite numbers in shape {shape}"
        )
    return torch.as_tensor(array, dtype=torch.float32)
