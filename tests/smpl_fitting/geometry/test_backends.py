"""Which rasterizer is used: the one that draws a triangle rightly, not the one that can be imported."""

import pytest
import torch

from smpl_fitting.geometry import BackendError, backends, rasterize_meshes

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def forget_self_tests():
    backends.self_test.cache_clear()
    yield
    backends.self_test.cache_clear()


def install(monkeypatch, rasterizers):
    """Let the named backends be these functions, and all others fail to import."""

    def load(name):
        if name not in rasterizers:
            raise ImportError(f"no module named {name}")
        return rasterizers[name]

    monkeypatch.setattr(backends, "_load", load)


def crash(faces, settings):
    raise RuntimeError("undefined symbol\nand many more lines")


def draw_nothing(faces, settings):
    from smpl_fitting.geometry.settings import background

    return background(faces.mesh_count, settings, faces.vertices.device)


def rasterize_once(**keywords):
    return rasterize_meshes([torch.rand(3, 3) + 1], [torch.tensor([[0, 1, 2]])], (4, 4), **keywords)


def test_warp_works_here():
    assert backends.self_test("warp", "cpu") is None
    rasterize_once(backend="warp")


def test_crash_becomes_one_clear_line(monkeypatch):
    install(monkeypatch, {"warp": crash})
    with pytest.raises(BackendError, match="warp: RuntimeError: undefined symbol; ") as caught:
        rasterize_once()
    assert "\n" not in str(caught.value)
    assert "another backend" in str(caught.value)


def test_wrong_picture_is_a_failure(monkeypatch):
    install(monkeypatch, {"warp": draw_nothing})
    with pytest.raises(BackendError, match="draws a triangle wrongly"):
        rasterize_once(backend="warp")


def test_backend_asked_for_is_not_replaced(monkeypatch):
    working = backends._load("warp")
    install(monkeypatch, {"warp": working})
    with pytest.raises(BackendError, match="pytorch3d: ImportError"):
        rasterize_once(backend="pytorch3d")


def test_choice_by_device(monkeypatch):
    works = {"pytorch3d", "warp"}
    monkeypatch.setattr(backends, "_load", lambda name: name)
    monkeypatch.setattr(backends, "self_test", lambda name, device: None if name in works else "broken")
    monkeypatch.setattr(backends.self_test, "cache_clear", lambda: None, raising=False)
    assert backends.choose_backend(CPU) == "warp"
    assert backends.choose_backend(CUDA) == "pytorch3d"
    works.remove("pytorch3d")
    assert backends.choose_backend(CUDA) == "warp"
    works.clear()
    with pytest.raises(BackendError, match="pytorch3d: broken; warp: broken"):
        backends.choose_backend(CUDA)
