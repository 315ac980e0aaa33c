"""The extension's zip: what is in it, and Blender's own validator."""

import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, str(REPO / "build_addon.py"), "--output", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.iterdir()
    if importlib.util.find_spec("bpy"):
        assert "Success parsing TOML" in done.stdout
        assert "rror" not in done.stdout + done.stderr
    return made


@pytest.mark.slow
def test_zip_holds_the_extension_and_the_wheel(package):
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        (wheel,) = (name for name in names if name.endswith(".whl"))
        with zipfile.ZipFile(archive.open(wheel)) as inside:
            packed = inside.namelist()
    assert package.name == f"liquid_motion-{manifest['version']}.zip"
    assert "wheels" not in manifest
    addon = REPO / "blender_addon"
    files = [path for path in addon.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    ours = {path.relative_to(addon).as_posix() for path in files}
    assert ours | {"LICENSE", "worker/constraints.txt", wheel} == set(names)
    assert {name.split("/")[0] for name in packed} >= {"blender_addon", "neural", "smpl_fitting"}
    for folder in ("neural", "smpl_fitting"):  # package data too
        files = (path for path in (REPO / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
        assert {path.relative_to(REPO).as_posix() for path in files} <= set(packed)
    assert not any("__pycache__" in name or name.startswith("build") for name in packed)


@pytest.mark.slow
def test_permissions_have_reasons(package):
    with zipfile.ZipFile(package) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
    assert set(manifest["permissions"]) == {"files", "network"}
    assert "Create Environment" in manifest["permissions"]["network"]
    assert manifest["blender_version_min"] == "4.2.0"
    assert "blender_version_max" not in manifest


@pytest.mark.slow
def test_same_sources_same_extension(package, tmp_path):
    """Farms compare files: the zip's own entries carry no time of building."""
    with zipfile.ZipFile(package) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2025, 1, 1, 0, 0, 0)}
