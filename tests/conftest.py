"""Fixtures shared by all tests."""

import os
import sys
from pathlib import Path

import pytest

from smpl_fitting.detection.networks import FOLDER_VARIABLE, heavy_file

_STATUS = pytest.StashKey[int]()
SHARED = Path(os.environ.get("LIQUID_MOTION_SHARED", Path(__file__).parents[2] / "shared"))


# Tests know what the network that mediapipe brings sees, wherever they run; those of the heavy one ask for it.
HEAVY = heavy_file()
os.environ[FOLDER_VARIABLE] = str(Path(__file__).parent / "no networks here")


@pytest.fixture
def heavy(monkeypatch):
    """The heavy landmark network is there, or the test is skipped."""
    if not HEAVY.is_file():
        pytest.skip(f"needs {HEAVY}, which is not here: liquid-motion fetch")
    monkeypatch.setenv(FOLDER_VARIABLE, str(HEAVY.parent))
    return HEAVY


@pytest.fixture(scope="session")
def shared():
    """``shared("footage/clips/x.mp4")`` gives the path, or skips the test naming the file that is missing."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"needs {path}, which is not here")
        return path

    return find


def pytest_sessionfinish(session, exitstatus):
    session.config.stash[_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Leave at once where Blender was at work: pip's bpy 4.5 does not come back from the interpreter's exit once a
    process has seen Rigify (and 4.2 crashes there). All tests have ended and been reported by now."""
    if "bpy" in sys.modules and _STATUS in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_STATUS])
