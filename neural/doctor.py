"""Is everything here that the work needs? One check a line, with the mend of what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

DISK_GB = 5.0
MEMORY_GB = 4.0
BLENDER_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Finding:
    """``state``: ``ok``, ``missing`` (something optional) or ``broken`` (the main job will not run)."""

    name: str
    state: str
    detail: str
    mend: str = ""


class Ailment(Exception):
    """A check that failed: what was found, and the mend."""

    def __init__(self, detail: str, mend: str) -> None:
        super().__init__(detail)
        self.mend = mend


@dataclass(frozen=True)
class Check:
    """One thing to look at. ``examine`` returns what it found, or raises."""

    name: str
    examine: Callable[[], str]
    mend: str
    optional: bool = False


def examine(check: Check) -> Finding:
    """Run one check; whatever it raises is what it found."""
    try:
        return Finding(check.name, "ok", check.examine())
    except Exception as error:
        lines = str(error).strip().splitlines()
        detail = lines[-1].strip() if lines else type(error).__name__
        mend = error.mend if isinstance(error, Ailment) else check.mend
        return Finding(check.name, "missing" if check.optional else "broken", detail, mend)


def checks(folder: Path) -> list[Check]:
    """Everything that is looked at, in order."""
    again = (
        "install liquid-motion again with constraints.txt: pip install -c constraints.txt '.[blender,smpl]'"
    )
    return [
        Check("python", _python, "use Python 3.11 or 3.12"),
        Check("torch", _torch, again),
        Check("detector", _detector, again),
        Check("rasterizer", _rasterizer, again),
        Check("video", _video, again),
        Check("exr", _exr, again),
        Check("body", _body, again),
        Check(
            "blender",
            _blender,
            "pip install bpy on Python 3.11, or install Blender 4.2 to 5.2",
            optional=True,
        ),
        Check("smplx", _smplx, "pip install smplx, to use your own SMPL files", optional=True),
        Check("disk", lambda: _disk(folder), "free some disk space, or choose another folder"),
        Check("memory", _memory, "close other programs"),
    ]


def _python() -> str:
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        raise Ailment(f"{platform.python_version()} at {sys.executable}", "use Python 3.11 or 3.12")
    return f"{platform.python_version()} at {sys.executable}"


def _torch() -> str:
    import torch

    if torch.cuda.is_available():
        place = f"CUDA, {torch.cuda.get_device_name()}"
    elif torch.backends.mps.is_available():
        place = "MPS"
    else:
        place = f"CPU, {torch.get_num_threads()} threads"
    return f"{torch.__version__}, {place}"


def _detector() -> str:
    """Loads the models by looking at an empty picture, in which there must be nobody."""
    from mediapipe.python.solutions.pose import Pose

    with Pose(static_image_mode=True, enable_segmentation=True) as pose:
        if pose.process(np.zeros((64, 64, 3), np.uint8)).pose_landmarks is not None:
            raise Ailment("sees a person in an empty picture", "install mediapipe 0.10.21 again")
    return f"mediapipe {metadata.version('mediapipe')}"


def _rasterizer() -> str:
    import torch

    from smpl_fitting.geometry import Camera, rasterize

    vertices = torch.tensor([[-1.0, -1.0, 2.0], [3.0, -1.0, 2.0], [-1.0, 3.0, 2.0]])
    camera = Camera(torch.tensor([[4.0, 0, 4], [0, 4, 4], [0, 0, 1]]), torch.eye(3), torch.zeros(3), (8, 8))
    covered = int((rasterize(vertices, torch.tensor([[0, 1, 2]]), camera).pix_to_face >= 0).sum())
    if not 0 < covered < 64:
        raise Ailment(f"draws {covered} of 64 pixels of a triangle", "install warp-lang again")
    return f"warp-lang {metadata.version('warp-lang')} draws"


def _video() -> str:
    import av

    for codec in ("libx264", "h264"):
        if codec not in av.codecs_available:
            raise Ailment(f"PyAV {av.__version__} has no {codec}", "pip install --force-reinstall av")
    return f"PyAV {av.__version__} reads and writes H.264"


def _exr() -> str:
    import OpenEXR

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "a.exr"))
        picture = np.full((2, 3), 0.25, np.float32)
        OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, {"Z": picture}).write(path)
        with OpenEXR.File(path) as file:
            if not np.array_equal(file.channels()["Z"].pixels, picture):
                raise Ailment("reads back something else than it wrote", "install OpenEXR again")
    return f"OpenEXR {metadata.version('OpenEXR')}"


def _body() -> str:
    from smpl_fitting.body import load_body

    body = load_body("open")
    return f"open body, {len(body.v_template)} vertices, {body.num_joints} joints"


def _blender() -> str:
    """In a process of its own, since importing bpy changes the process it is in."""
    found = shutil.which("blender")
    binary = f"; blender at {found}" if found else ""
    code = "import bpy; print(bpy.app.version_string, flush=True)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BLENDER_TIMEOUT_S,
    )
    if done.returncode == 0:
        return f"bpy {done.stdout.strip().splitlines()[-1]}{binary}"
    if found:
        return f"no bpy{binary}"
    lines = done.stderr.strip().splitlines()
    raise RuntimeError(lines[-1] if lines else f"importing bpy ended with {done.returncode}")


def _smplx() -> str:
    return f"smplx {metadata.version('smplx')}"


def _disk(folder: Path) -> str:
    existing = next(parent for parent in [folder.resolve(), *folder.resolve().parents] if parent.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if not os.access(existing, os.W_OK):
        raise Ailment(f"no permission to write in {existing}", "choose another folder")
    return _enough(free, DISK_GB, f"free at {existing}")


def _memory() -> str:
    available = _available_memory_gb()
    return "unknown on this system" if available is None else _enough(available, MEMORY_GB, "available")


def _available_memory_gb() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except FileNotFoundError:  # not Linux
        return None
    kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return int(kilobytes) * 1024 / 1e9


def _enough(value: float, least: float, what: str) -> str:
    text = f"{value:.0f} GB {what}"
    if value < least:
        raise RuntimeError(f"{text}, the main job wants {least:.0f}")
    return text
