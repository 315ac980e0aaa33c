"""Clothes are a shape key: at 1 the evaluated mesh is the dressed body, at 0 the bare one."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
torch = pytest.importorskip("torch")

from blender_addon.scene.body import add_body  # noqa: E402
from blender_addon.scene.conventions import y_up_to_z_up  # noqa: E402
from blender_addon.scene.files import read_body  # noqa: E402
from smpl_fitting.body import load_body  # noqa: E402
from smpl_fitting.clothing import clothed  # noqa: E402


def test_the_slider_dresses_and_undresses(tmp_path):
    bare = load_body("open")
    offsets = torch.zeros(bare.num_vertices, 3)
    offsets[::7] = torch.tensor([0.01, 0.02, -0.03])
    dressed = clothed(bare, offsets)
    betas = torch.linspace(-1, 1, bare.num_betas)
    dressed.save_export(tmp_path / "body.npz", betas)
    person = add_body(bpy.context.scene, read_body(tmp_path / "body.npz"))
    for value, body in ((1.0, dressed), (0.0, bare)):
        person.mesh.data.shape_keys.key_blocks["Clothing"].value = value
        evaluated = person.mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        found = np.empty(len(evaluated.vertices) * 3, np.float32)
        evaluated.vertices.foreach_get("co", found)
        truth = y_up_to_z_up(body.shaped(betas)[0].numpy())
        np.testing.assert_allclose(found.reshape(-1, 3), truth, atol=1e-4)


def test_a_bare_body_has_no_clothing_key(tmp_path):
    body = load_body("open")
    body.save_export(tmp_path / "body.npz", torch.zeros(body.num_betas))
    person = add_body(bpy.context.scene, read_body(tmp_path / "body.npz"))
    assert "Clothing" not in person.mesh.data.shape_keys.key_blocks
