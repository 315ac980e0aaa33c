"""An empty file with the extension registered, and a small person as files."""

import sys
from pathlib import Path

import numpy as np
import pytest
import small_person

bpy = pytest.importorskip("bpy", reason="needs pip's bpy: pip install 'liquid-motion[blender]'")

REPO = Path(__file__).parents[2]


@pytest.fixture
def addon():
    """The extension, registered in an empty file; unregistered afterwards, since bpy hangs at exit otherwise."""
    import blender_addon

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    blender_addon.register()
    yield blender_addon
    for scene in bpy.data.scenes:
        scene.render.engine = "BLENDER_WORKBENCH"
    blender_addon.unregister()


@pytest.fixture
def person(tmp_path):
    """Paths of a motion and a body file, and their arrays."""
    body, motion = small_person.body_arrays(), small_person.motion_arrays()
    return {
        "motion": small_person.write(tmp_path / "motion.npz", motion),
        "body": small_person.write(tmp_path / "body.npz", body),
        "motion_arrays": motion,
        "body_arrays": body,
    }


@pytest.fixture
def evaluated():
    """``evaluated(object, frame)``: vertices (V, 3) in the world, as Blender evaluates them at a frame."""

    def vertices(mesh, frame):
        bpy.context.scene.frame_set(frame)
        instance = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.empty(len(instance.data.vertices) * 3, np.float32)
        instance.data.vertices.foreach_get("co", points)
        matrix = np.array(instance.matrix_world)
        return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]

    return vertices


@pytest.fixture
def fake_worker(tmp_path):
    """``fake_worker(python source)``: an interpreter for the preferences that runs this source as the worker."""

    def make(source: str) -> str:
        path = tmp_path / "worker_python"
        path.write_text(f"#!{sys.executable}\n{source}\n", encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def studio(tmp_path, person):
    """A scene, not built yet, whose engine talks to a worker with a known picture."""
    from engine_studio import Studio

    return Studio(tmp_path, person)
