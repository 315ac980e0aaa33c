"""MakeHuman clothes: the format read by hand-made files, the fit by closed forms, the real wardrobe whole."""

import numpy as np
import pytest

from neural.training.wardrobe import HM08_VERTICES, WardrobeError, hidden_faces, load_garment, load_obj

MHCLO = """# a comment
basemesh hm08
name scarf
obj_file scarf.obj
x_scale 0 1 2.0
y_scale 0 2 4.0
z_scale 0 3 0.5
z_depth 50
verts 0
material scarf.mhmat
7
0 1 2 0.5 0.25 0.25 1.0 1.0 1.0
0 1 2 1.0 0.0 0.0 0.0 -2.0 0.0
delete_verts
3 7 - 9
12
"""
OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\ng cloth\nf 1/1 2/2 3/3\n"


@pytest.fixture
def scarf(tmp_path):
    (tmp_path / "scarf.mhclo").write_text(MHCLO)
    (tmp_path / "scarf.obj").write_text(OBJ)
    return tmp_path / "scarf.mhclo"


def base() -> np.ndarray:
    vertices = np.zeros((HM08_VERTICES, 3))
    vertices[1] = (4.0, 0.0, 0.0)  # twice the reference width
    vertices[2] = (0.0, 4.0, 0.0)  # the reference height
    vertices[3] = (0.0, 0.0, 1.0)  # twice the reference depth
    vertices[7] = (9.0, 8.0, 7.0)
    return vertices


def test_fit_gives_the_closed_form(scarf):
    fitted = load_garment(scarf).fit(base())
    np.testing.assert_allclose(fitted[0], (9.0, 8.0, 7.0))  # a single number is that vertex
    np.testing.assert_allclose(fitted[1], (0.25 * 4 + 2.0, 0.25 * 4 + 1.0, 2.0))
    np.testing.assert_allclose(fitted[2], (0.0, -2.0, 0.0))


def test_delete_verts_are_read_as_ranges(scarf):
    assert load_garment(scarf).hides.tolist() == [3, 7, 8, 9, 12]


def test_faces_with_a_visible_corner_stay():
    faces = np.array([[0, 1, 2], [1, 2, 3]])
    assert hidden_faces(faces, np.array([0, 1, 2]), 4).tolist() == [True, False]


def test_carry_keeps_a_partition_of_unity(scarf):
    weights = np.random.default_rng(0).random((HM08_VERTICES, 5))
    weights /= weights.sum(1, keepdims=True)
    np.testing.assert_allclose(load_garment(scarf).carry(weights).sum(1), 1.0)


def test_polygons_become_fans(tmp_path):
    (tmp_path / "quad.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n")
    assert load_obj(tmp_path / "quad.obj").faces.tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("obj_file scarf.obj\n", "", "obj_file"),
        ("x_scale 0 1 2.0", "x_scale 0 one 2.0", "one"),
        ("7\n0 1 2 0.5", "0 1 2 0.5", "binds 2 vertices"),
        ("3 7 - 9", "3 7 - 20000", "larger than hm08"),
    ],
)
def test_broken_clothes_name_the_file(scarf, old, new, says):
    scarf.write_text(MHCLO.replace(old, new))
    with pytest.raises(WardrobeError, match=says) as error:
        load_garment(scarf)
    assert "scarf.mhclo" in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_are_one_line(tmp_path, scarf):
    with pytest.raises(WardrobeError, match="nothing.mhclo"):
        load_garment(tmp_path / "nothing.mhclo")
    (tmp_path / "scarf.obj").write_text("v 0 0 0\n")
    with pytest.raises(WardrobeError, match="no faces"):
        load_garment(scarf)


def test_the_whole_wardrobe_scales_with_the_body(shared):
    wardrobe = shared("assets/makehuman_cc0")
    body = np.random.default_rng(1).normal(size=(HM08_VERTICES, 3))
    files = sorted(wardrobe.glob("*/*/*.mhclo"))
    assert len(files) >= 28
    for file in files:
        garment = load_garment(file)
        np.testing.assert_allclose(garment.fit(2.0 * body), 2.0 * garment.fit(body), atol=1e-9)
        assert garment.mesh.faces_uv.max() < len(garment.mesh.uv)
        assert np.isclose(garment.weights.sum(1), 1.0, atol=1e-3).all()
