"""The installed extension in a real Blender, named by LIQUID_MOTION_TEST_BLENDER (a command, may hold options)."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPO = Path(__file__).parents[2]
sys.path.insert(0, str(REPO / "tests" / "blender_addon"))

VARIABLE = "LIQUID_MOTION_TEST_BLENDER"
pytestmark = [pytest.mark.binary, pytest.mark.slow]


@pytest.fixture(scope="module")
def blender(tmp_path_factory):
    """``blender(words)``: run it with the extension installed in a clean profile; returns what it printed.

    A temporary folder that the program sees too is needed (a chroot or container: pytest's ``--basetemp``).
    """
    command = shlex.split(os.environ.get(VARIABLE, ""))
    if not command:
        found = shutil.which("blender")
        if found is None:
            pytest.skip(f"no Blender program: set {VARIABLE} or put blender on the path")
        command = [found]
    folder = tmp_path_factory.mktemp("profile")
    environment = os.environ | {"BLENDER_USER_RESOURCES": str(folder)}
    environment.pop("PYTHONPATH", None)

    def run(*words, code=0, **more):
        done = subprocess.run(
            [*command, *map(str, words)], env=environment | more, capture_output=True, text=True, timeout=300
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert "Traceback" not in said, said
        return said

    build = [sys.executable, str(REPO / "build_addon.py"), "--output", str(folder / "dist")]
    subprocess.run(build, check=True, capture_output=True)
    (package,) = (folder / "dist").glob("*.zip")
    said = run("-b", "--command", "extension", "validate", package)
    assert "Success" in said or "Error" not in said
    run("-b", "--command", "extension", "install-file", "--repo", "user_default", "--enable", package)
    run.environment = environment
    return run


@pytest.fixture
def studio(tmp_path):
    import small_person

    pytest.importorskip("bpy")
    from engine_studio import Studio, known_picture

    body, motion = small_person.body_arrays(), small_person.motion_arrays()
    person = {
        "motion": small_person.write(tmp_path / "motion.npz", motion),
        "body": small_person.write(tmp_path / "body.npz", body),
        "motion_arrays": motion,
        "body_arrays": body,
    }
    made = Studio(tmp_path, person)
    made.show(known_picture() / 255)
    return made


def test_builds_and_renders_like_pip_bpy(blender, studio):
    """Built by the binary, rendered by its command, by stock ``-f`` and ``-a``, and by pip's bpy: equal pixels."""
    from engine_studio import known_picture, pixels

    worker = {"LIQUID_MOTION_PYTHON": studio.environment["LIQUID_MOTION_PYTHON"]}
    folder, blend = studio.folder, studio.folder / "project" / "scene.blend"
    files = ["--motion", studio.person["motion"], "--subject", studio.subject, "--out", blend]
    said = blender("-b", "--command", "liquid_motion", "build-scene", *files)
    assert f"Saved: '{blend}'" in said
    said = blender(
        "-b", blend, "--command", "liquid_motion", "render", "--engine", "LIQUID_MOTION",
        "--frames", "1-2", "--out", folder / "command" / "####.png", **worker,
    )  # fmt: skip
    assert said.count("Saved:") == 2
    still, run = folder / "still" / "####", folder / "animation" / "####"
    blender("-b", blend, "-E", "LIQUID_MOTION", "-o", still, "-f", "1", **worker)
    blender("-b", blend, "-E", "LIQUID_MOTION", "-o", run, "-s", "1", "-e", "2", "-a", **worker)
    for name in ("command/0001", "command/0002", "still/0001", "animation/0001", "animation/0002"):
        found = pixels(folder / f"{name}.png")
        assert np.abs(found.astype(int) - known_picture()).max() <= 1, name
        assert np.abs(found.astype(int) - known_picture()).mean() < 0.01, name
    with np.load(folder / "arrays.npz") as sent:
        by_binary = sent["vertices"]
    studio.blend = blend
    assert "newer" not in said
    studio.build()  # by pip's bpy
    studio.render("--frames", "2")
    with np.load(folder / "arrays.npz") as sent:
        assert np.abs(sent["vertices"] - by_binary).max() < 1e-5


def test_errors_reach_the_shell(blender, studio):
    said = blender(
        "-b", "--command", "liquid_motion", "build-scene", "--motion", studio.folder / "none.npz",
        "--subject", studio.subject, "--out", studio.folder / "x.blend", code=1,
    )  # fmt: skip
    assert "Error: " in said
    assert "no such motion file" in said
    said = blender("-b", "--command", "liquid_motion", "render", "--out", studio.folder / "x.png", code=1)
    assert "no file to render" in said


def test_disabled_extension_leaves_nothing(blender, studio):
    script = studio.folder / "script.py"
    script.write_text(
        """
import bpy, json
name = 'bl_ext.user_default.liquid_motion'
def there():
    return [hasattr(bpy.types.Scene, 'liquid_motion'), 'LIQUID_MOTION' in str(dir(bpy.types))]
found = [there()]
bpy.ops.preferences.addon_disable(module=name)
found.append(there())
bpy.ops.preferences.addon_enable(module=name)
found.append(there())
print('JSON' + json.dumps(found))
"""
    )
    said = blender("-b", "-P", script)
    found = json.loads(next(line for line in said.splitlines() if line.startswith("JSON"))[4:])
    assert found == [[True, True], [False, False], [True, True]]
