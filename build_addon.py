"""Build the Blender extension: ``python build_addon.py [--output DIR]``.

The zip holds ``blender_addon`` and, under ``worker/``, the project's own wheel and the versions it was tested with,
which the worker's environment is made from. The wheel is not among the manifest's ``wheels``: Blender's Python never
imports it. Blender's own validator checks the result where pip's bpy is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

REPO = Path(__file__).resolve().parent
ADDON = REPO / "blender_addon"
_LEFT_OUT = {"__pycache__"}
_DATE = (2025, 1, 1, 0, 0, 0)  # the same for every file, so that equal sources make equal zips


def build(output: Path) -> Path:
    """Write ``liquid_motion-VERSION.zip`` into ``output`` and return its path."""
    manifest = tomllib.loads((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))
    output.mkdir(parents=True, exist_ok=True)
    target = output / f"{manifest['id']}-{manifest['version']}.zip"
    with tempfile.TemporaryDirectory(dir=output) as folder:
        wheel = build_wheel(Path(folder))
        temporary = Path(folder) / target.name
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(ADDON.rglob("*")):
                if path.is_file() and not _LEFT_OUT & set(path.parts):
                    _add(archive, path.relative_to(ADDON).as_posix(), path)
            _add(archive, "LICENSE", REPO / "LICENSE")
            _add(archive, f"worker/{wheel.name}", wheel)
            _add(archive, "worker/constraints.txt", REPO / "constraints.txt")
        os.replace(temporary, target)
    return target


def build_wheel(folder: Path) -> Path:
    """The project's wheel, built by pip into ``folder``.

    From a copy: setuptools builds inside the tree and would pack what an earlier build left there.
    """
    source = folder / "source"
    source.mkdir()
    for path in REPO.iterdir():
        if path.is_file():
            shutil.copy2(path, source)
    for name in ("blender_addon", "neural", "smpl_fitting"):
        shutil.copytree(REPO / name, source / name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(source),
    ]
    subprocess.run(command, check=True)
    return next(folder.glob("liquid_motion-*.whl"))


def validate(package: Path) -> bool:
    """Have Blender's own tool check the zip. False: pip's bpy, which brings the tool, is not installed."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        return False
    scripts = next(Path(spec.origin).parent.glob("*/scripts/addons_core"), Path()).parent
    tool = scripts / "addons_core/bl_pkg/cli/blender_ext.py"
    if not tool.is_file():
        return False
    tags = next(scripts.glob("modules/**/extensions/tags.py"), "")  # what Blender's own command hands it
    subprocess.run([sys.executable, str(tool), "validate", f"--valid-tags={tags}", str(package)], check=True)
    return True


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, path.read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the Blender extension's zip.")
    parser.add_argument(
        "--output", type=Path, default=REPO / "dist", help="folder to write to (default: dist)"
    )
    options = parser.parse_args()
    try:
        package = build(options.output)
        checked = validate(package)
    except subprocess.CalledProcessError as error:
        print(f"Error: {' '.join(error.cmd[:4])} … failed; see above", file=sys.stderr)
        return 1
    print(f"{package} ({package.stat().st_size / 1e6:.1f} MB)")
    if not checked:
        print("not validated: that needs pip's bpy (pip install bpy)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
