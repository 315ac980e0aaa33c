"""Footage behind the camera, of each kind, and what Blender cannot play."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
from blender_addon.errors import AddonError  # noqa: E402
from blender_addon.scene import footage  # noqa: E402


@pytest.fixture
def picture(tmp_path, addon):
    """``picture(path)`` writes a small PNG."""

    def write(name):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = bpy.data.images.new("made", 8, 6)
        image.filepath_raw, image.file_format = str(path), "PNG"
        image.save()
        bpy.data.images.remove(image)
        return path

    return write


@pytest.fixture
def camera(addon):
    return bpy.data.objects.new("C", bpy.data.cameras.new("C"))


def test_picture(picture, camera):
    path = picture("plate.png")
    shown = footage.add_background(camera, path)
    assert shown.image.source == "FILE"
    assert camera.data.show_background_images


@pytest.mark.parametrize("where", ["shot", "shot/f_####.png"])
def test_sequence(picture, camera, tmp_path, where):
    for number in (10, 11, 12):
        picture(f"shot/f_{number:04d}.png")
    shown = footage.add_background(camera, tmp_path / where, frame_start=5)
    user = shown.image_user
    assert shown.image.source == "SEQUENCE"
    assert shown.image.filepath.endswith("f_0010.png")
    assert (user.frame_start, user.frame_duration, user.frame_offset) == (5, 3, 9)


def test_movie(camera, shared):
    shown = footage.add_background(
        camera, shared("footage/clips/mmhuman3d_single.mp4"), frame_start=3, frame_count=40
    )
    assert shown.image.source == "MOVIE"
    assert (shown.image_user.frame_start, shown.image_user.frame_duration) == (3, 40)


def test_what_cannot_be_played(picture, camera, tmp_path):
    with pytest.raises(AddonError, match="no such footage"):
        footage.add_background(camera, tmp_path / "missing.mp4")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(AddonError, match="neither a movie nor a picture"):
        footage.add_background(camera, tmp_path / "notes.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AddonError, match="no pictures there"):
        footage.add_background(camera, tmp_path / "empty")
    picture("gap/1.png"), picture("gap/3.png")
    with pytest.raises(AddonError, match="gaps"):
        footage.add_background(camera, tmp_path / "gap")
    picture("names/a.png"), picture("names/b.png")
    with pytest.raises(AddonError, match="not one numbered sequence"):
        footage.add_background(camera, tmp_path / "names")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + np.random.default_rng(0).bytes(50))
    with pytest.raises(AddonError, match="Blender can"):
        footage.add_background(camera, broken)
    assert not camera.data.background_images
