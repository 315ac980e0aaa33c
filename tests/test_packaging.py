"""What pyproject.toml promises: data in the wheel, versions that agree, pins inside their ranges."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from neural import __version__

REPO = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))


def tracked(folder: str) -> list[Path]:
    done = subprocess.run(
        ["git", "-c", f"safe.directory={REPO}", "ls-files", "-z", folder],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"{REPO} is not a git checkout")
    return [Path(name) for name in done.stdout.split("\0") if name]


@pytest.mark.parametrize("package", ["blender_addon", "neural", "smpl_fitting"])
def test_every_data_file_is_in_the_wheel(package):
    """Every tracked file that is not Python matches a pattern of package-data."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"][package]
    packed = {path for pattern in patterns for path in (REPO / package).glob(pattern)}
    left_out = [path for path in tracked(package) if path.suffix != ".py" and REPO / path not in packed]
    assert left_out == []


@pytest.mark.parametrize("package", ["blender_addon", "neural", "smpl_fitting"])
def test_every_module_is_in_a_package(package):
    folders = {path.parent for path in tracked(package) if path.suffix == ".py"}
    assert [folder for folder in folders if not (REPO / folder / "__init__.py").is_file()] == []


def test_extension_and_package_have_one_version():
    manifest = REPO / "blender_addon" / "blender_manifest.toml"
    assert tomllib.loads(manifest.read_text(encoding="utf-8"))["version"] == __version__


def test_every_dependency_is_pinned():
    pins = (REPO / "constraints.txt").read_text(encoding="utf-8")
    pinned = {_normal(line.split("==")[0]) for line in pins.splitlines() if "==" in line}
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["blender"] + extras["smpl"] + extras["dev"]
    names = {_normal(re.match(r"[\w.-]+", one)[0]) for one in wanted}
    assert names <= pinned


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
