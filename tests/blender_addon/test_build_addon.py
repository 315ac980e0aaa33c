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
    return made


@pytest.mark.slow
def test_zip_holds_the_extension_and_the_wheel(package):
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        (wheel,) = (name for name in names if name.startswith("worker/"))
        with zipfile.ZipFile(archive.open(wheel)) as inside:
            packed = inside.namelist()
    assert package.name == f"liquid_motion-{manifest['version']}.zip"
    assert "wheels" not in manifest
    addon = REPO / "blender_addon"
    files = [path for kind in ("*.py", "*.json") for path in addon.rglob(kind)]
    ours = {path.relative_to(addon).as_posix() for path in files}
    assert ours | {"LICENSE", "blender_manifest.toml", wheel} == set(names)
    assert {name.split("/")[0] for name in packed} >= {"blender_addon", "neural", "smpl_fitting"}
    assert "smpl_fitting/body/data/open_body.npz" in packed
    assert not any("__pycache__" in name or name.startswith("build") for name in packed)


@pytest.mark.slow
def test_same_sources_same_extension(package, tmp_path):
    """Farms compare files: the zip's own entries carry no time of building."""
    with zipfile.ZipFile(package) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2025, 1, 1, 0, 0, 0)}
