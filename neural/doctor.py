"""Is everything here that the work needs? One check a line, with the mend of what is missing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np

from smpl_fitting.errors import BodyModelError

DISK_GB = 5.0
MEMORY_GB = 2.0  # the main job's peak is 1.3
PROGRAM_TIMEOUT_S = 120.0
EXTENSION = "liquid_motion"


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


def checks(folder: Path, extension: str | None = None, bodies: Sequence[Path] = ()) -> list[Check]:
    """Everything that is looked at, in order.

    Args:
        folder: where results would go.
        extension: version of the extension that asks; its Blender is running then and is not looked for.
        bodies: the user's SMPL files.
    """
    again = (
        "press Update Environment in the extension's preferences"
        if extension
        else "install liquid-motion again with constraints.txt: pip install -c constraints.txt '.[blender]'"
    )
    fetch = "press Fetch Heavy Detector" if extension else "liquid-motion fetch"
    found = [
        Check("python", _python, "use Python 3.11 or 3.12"),
        Check("version", lambda: _version(extension), again),
        Check("torch", _torch, again),
        Check("gpu", _gpu, "", optional=True),
        Check("detector", _detector, again),
        Check("heavy", _heavy_detector, fetch, optional=True),
        Check("rasterizer", _rasterizer, again),
        Check("video", _video, again),
        Check("exr", _exr, again),
        Check("body", _body, again),
        *(Check("SMPL file", partial(_smpl_file, path), "", optional=True) for path in bodies),
        Check("disk", lambda: _disk(folder), "free some disk space, or choose another folder"),
        Check("memory", _memory, "close other programs"),
    ]
    if extension is None:
        mend = "pip install bpy on Python 3.11, or install Blender 4.2 to 5.2"
        found.insert(-2, Check("blender", _blender, mend, optional=True))
    return found


def _python() -> str:
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        raise Ailment(f"{platform.python_version()} at {sys.executable}", "use Python 3.11 or 3.12")
    return f"{platform.python_version()} at {sys.executable}"


def _version(extension: str | None) -> str:
    from neural import __version__

    if extension not in (None, __version__):
        raise RuntimeError(f"liquid-motion {__version__} here, the extension is {extension}")
    return f"liquid-motion {__version__}"


def _torch() -> str:
    import torch

    return f"{torch.__version__}, {torch.get_num_threads()} threads"


def _gpu() -> str:
    import torch

    if torch.cuda.is_available():
        memory = torch.cuda.mem_get_info()[1] / 1e9
        return f"{torch.cuda.get_device_name()} by CUDA, {memory:.0f} GB"
    if torch.backends.mps.is_available():
        return "Apple GPU by MPS"
    if name := _nvidia_gpu():
        raise Ailment(
            f"{name} is there, and this torch cannot use it",
            "make the environment again for CUDA, and bring the GPU's driver up to date",
        )
    return "none that torch can use; the CPU does all"


def _nvidia_gpu() -> str:
    """The first one's name by the driver's own tool, or ''."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    names = _output([tool, "--query-gpu=name", "--format=csv,noheader"])
    return names.strip().splitlines()[0] if names.strip() else ""


def _detector() -> str:
    """Loads the models by looking at an empty picture, in which there must be nobody."""
    from mediapipe.python.solutions.pose import Pose

    with Pose(static_image_mode=True, enable_segmentation=True) as pose:
        if pose.process(np.zeros((64, 64, 3), np.uint8)).pose_landmarks is not None:
            raise Ailment("sees a person in an empty picture", "install mediapipe 0.10.21 again")
    return f"mediapipe {metadata.version('mediapipe')}"


def _heavy_detector() -> str:
    from smpl_fitting.detection.graph import LandmarkNetwork
    from smpl_fitting.detection.networks import best_network

    if best_network() != "heavy":
        raise RuntimeError("not fetched; the landmark network that mediapipe brings is used")
    LandmarkNetwork("heavy").close()
    return "MediaPipe's heavy landmark network"


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


def _smpl_file(path: Path) -> str:
    from smpl_fitting.body import load_body

    try:
        body = load_body(path)
    except BodyModelError as error:
        raise Ailment(str(error), "choose another file") from error
    return f"{path.name}: {body.name}, {body.gender}, {len(body.v_template)} vertices"


_LOOK = """
import bpy, json, sys
found = {"blender": bpy.app.version_string, "extension": ""}
if bpy.app.binary_path:
    import addon_utils
    for module in addon_utils.modules():
        if module.__name__.rpartition(".")[2] == sys.argv[-1]:
            found["extension"] = ".".join(map(str, module.bl_info["version"]))
print("FOUND" + json.dumps(found), flush=True)
"""


def _blender() -> str:
    """In a process of its own, since importing bpy changes the process it is in."""
    from neural import __version__
    from neural.blender import find_blender

    command = find_blender()
    if command[0] == sys.executable:
        return f"bpy {_look([sys.executable, '-c', _LOOK])['blender']}"
    found = _look([command[0], "--background", "--python-expr", _LOOK, "--", EXTENSION])
    program = f"Blender {found['blender']} at {command[0]}"
    if not found["extension"]:
        raise Ailment(f"{program} without the extension", "install the extension's zip in it")
    if found["extension"] != __version__:
        raise Ailment(
            f"{program} has the extension {found['extension']}, this is liquid-motion {__version__}",
            "install both from the same release",
        )
    return f"{program} with the extension {found['extension']}"


def _look(command: list[str]) -> dict[str, str]:
    said = _output(command)
    answers = [line for line in said.splitlines() if line.startswith("FOUND")]
    if not answers:
        raise RuntimeError(f"{command[0]} does not say its version")
    return json.loads(answers[-1].removeprefix("FOUND"))


def _output(command: list[str]) -> str:
    """What a program prints.

    Raises:
        RuntimeError: it fails; its last line.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROGRAM_TIMEOUT_S
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"{command[0]} ended with {done.returncode}")
    return done.stdout


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
