"""What pyproject.toml promises: data in the wheel, versions that agree, pins inside their ranges."""

import re
import tomllib
from pathlib import Path

import pytest

from neural import __version__

REPO = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))


def files(package: str) -> list[Path]:
    """What the package's folder holds, less what Python and tools leave there."""
    found = (path for path in (REPO / package).rglob("*") if path.is_file())
    return [path for path in found if "__pycache__" not in path.parts and not path.name.startswith(".")]


@pytest.mark.parametrize("package", ["blender_addon", "neural", "smpl_fitting"])
def test_every_data_file_is_in_the_wheel(package):
    """Every file that is not Python matches a pattern of package-data."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"][package]
    packed = {path for pattern in patterns for path in (REPO / package).glob(pattern)}
    left_out = [path for path in files(package) if path.suffix != ".py" and path not in packed]
    assert left_out == []


@pytest.mark.parametrize("package", ["blender_addon", "neural", "smpl_fitting"])
def test_every_module_is_in_a_package(package):
    folders = {path.parent for path in files(package) if path.suffix == ".py"}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


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
