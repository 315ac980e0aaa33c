"""Finding a Python for the worker's environment, whatever Blender's own is. Knows no bpy."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import AddonError

VERSIONS = ((3, 11), (3, 12))
"""What the worker's packages are built for, the better tested first."""
_TIMEOUT_S = 20.0
_PROBE = (
    "import sys, json, struct; "
    "print(json.dumps([sys.executable, sys.version_info[:3], 8 * struct.calcsize('P')]))"
)

_WHERE_FROM = {
    "win32": "install it with 'winget install Python.Python.3.11', or from python.org (Windows installer, 64-bit)",
    "darwin": "install it from python.org (macOS installer), or with 'brew install python@3.11'",
    "linux": "install it with the system's packages ('sudo apt install python3.12-venv' on Ubuntu 24.04, "
    "'python3.11-venv' on Debian 12, 'sudo dnf install python3.12' on Fedora), or anywhere with "
    "'uv python install 3.11'",
}


@dataclass(frozen=True)
class Interpreter:
    """A Python that environments can be made from."""

    path: Path
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def where_from() -> str:
    """Where a Python 3.11 or 3.12 comes from on this system."""
    return _WHERE_FROM.get(sys.platform, _WHERE_FROM["linux"])


def find_interpreter(chosen: str = "") -> Interpreter:
    """The chosen Python, else the first one found that can make environments.

    Starts each candidate, so call it in a background thread.

    Raises:
        AddonError: the chosen one will not do, or none was found; the text says where one comes from.
    """
    if chosen:
        return examine(Path(chosen))
    refused = []
    for path in candidates():
        try:
            return examine(path)
        except AddonError as error:
            refused.append(str(error))
    tried = f" (not used: {refused[0]})" if refused else ""
    raise AddonError(f"no Python 3.11 or 3.12 was found{tried}; {where_from()}, or choose one by hand")


def examine(path: Path) -> Interpreter:
    """Start a Python, and let it make an empty environment, which is what Debian's lacks a package for.

    Raises:
        AddonError: it does not start, is of another version or 32-bit, or cannot make environments.
    """
    real, numbers, bits = json.loads(_answer(path, "-I", "-c", _PROBE))
    version = (numbers[0], numbers[1], numbers[2])
    if version[:2] not in VERSIONS:
        raise AddonError(f"{path}: is Python {'.'.join(map(str, version))}; the worker needs 3.11 or 3.12")
    if bits != 64:
        raise AddonError(f"{path}: is a {bits}-bit Python; choose a 64-bit one")
    with tempfile.TemporaryDirectory(prefix="liquid_motion_") as folder:
        _answer(path, "-I", "-c", "import ensurepip")
        _answer(path, "-I", "-m", "venv", "--without-pip", folder)
        _answer(environment_python(Path(folder)), "-I", "-c", _PROBE)
    return Interpreter(Path(real), version)  # not a launcher or shim, which may mean another tomorrow


def environment_python(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def clean_variables() -> dict[str, str]:
    """The environment variables, less what would make a Python look into another's packages or install there."""
    strange = {
        *("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"),
        *("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_CONSTRAINT"),
    }
    kept = {name: value for name, value in os.environ.items() if name not in strange}
    return kept | {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}


def _answer(path: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            [str(path), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env=clean_variables(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise AddonError(f"{path}: does not start ({error.strerror}); {where_from()}") from error
    except subprocess.TimeoutExpired as error:
        raise AddonError(f"{path}: said nothing for {_TIMEOUT_S:.0f} s; choose another Python") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        what = said[-1].strip() if said else f"exit code {done.returncode}"
        raise AddonError(f"{path}: cannot make environments ({what}); {where_from()}")
    return done.stdout.strip()


def candidates() -> Iterator[Path]:
    """Pythons of the right version that may be there, the best first, each once.

    Those of the system come before Blender's own, which goes when Blender is updated.
    """
    seen = set()
    for version in VERSIONS:
        own = [Path(sys.executable)] if sys.version_info[:2] == version and sys.executable else []
        for path in (*_of_system(version), *own):
            # the Store's Python writes to a folder of its own that Blender does not see
            if path.is_file() and path not in seen and "WindowsApps" not in path.parts:
                seen.add(path)
                yield path


def _of_system(version: tuple[int, int]) -> Iterator[Path]:
    if sys.platform == "win32":
        yield from _on_windows(version)
    else:
        yield from _on_unix(version)


def _on_unix(version: tuple[int, int]) -> Iterator[Path]:
    """Programs with a window get a short PATH on macOS, so the usual folders are looked at by name."""
    number = f"{version[0]}.{version[1]}"
    name, home = f"python{number}", Path.home()
    if found := shutil.which(name):
        yield Path(found)
    for folder in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", home / ".local/bin"):
        yield Path(folder, name)
    if sys.platform == "darwin":
        yield Path(f"/Library/Frameworks/Python.framework/Versions/{number}/bin/{name}")
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    for root in (pyenv / "versions", home / ".local/share/uv/python"):
        for folder in sorted((*root.glob(f"{number}.*"), *root.glob(f"cpython-{number}.*")), reverse=True):
            yield folder / "bin" / name


def _on_windows(version: tuple[int, int]) -> Iterator[Path]:
    number, short = f"{version[0]}.{version[1]}", f"Python{version[0]}{version[1]}"
    if launcher := shutil.which("py"):
        with contextlib.suppress(AddonError):  # the launcher knows no such version
            yield Path(_answer(Path(launcher), f"-{number}", "-I", "-c", "import sys; print(sys.executable)"))
    local, roaming = os.environ.get("LOCALAPPDATA", ""), os.environ.get("APPDATA", "")
    for root in (Path(local, "Programs/Python"), Path(os.environ.get("PROGRAMFILES", "C:/Program Files"))):
        yield root / short / "python.exe"
    for root, pattern in (
        (Path(roaming, "uv/python"), f"cpython-{number}.*"),
        (Path.home() / ".pyenv/pyenv-win/versions", f"{number}.*"),
    ):
        for folder in sorted(root.glob(pattern), reverse=True):
            yield folder / "python.exe"
