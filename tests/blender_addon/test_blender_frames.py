"""Frame ranges, names, and telling whole files from broken ones."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
from blender_addon import frames  # noqa: E402
from blender_addon.errors import AddonError  # noqa: E402


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", [3]),
        ("1-3", [1, 2, 3]),
        ("1,5,8-9", [1, 5, 8, 9]),
        ("-2--1", [-2, -1]),
        (" 1 - 2 , 4", [1, 2, 4]),
    ],
)
def test_ranges(text, expected):
    assert frames.parse_frames(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1-", "3-1", "1..3", "1,,2"])
def test_bad_ranges(text):
    with pytest.raises(AddonError):
        frames.parse_frames(text)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("####.png", "0007.png"),
        ("a_##.exr", "a_07.exr"),
        ("s#_###.png", "s#_007.png"),
        ("one.png", "one.png"),
    ],
)
def test_names(pattern, expected):
    assert frames.frame_path(pattern, 7).name == expected


def test_patterns():
    with pytest.raises(AddonError, match=r"\.png or \.exr"):
        frames.check_pattern("####.jpg", [1])
    with pytest.raises(AddonError, match="place for their number"):
        frames.check_pattern("frame.png", [1, 2])
    frames.check_pattern("frame.png", [1])


@pytest.mark.parametrize("suffix", [".png", ".exr"])
def test_whole_files_of_blender_are_known(addon, tmp_path, suffix):
    """What Blender writes is whole; cut anywhere, or of another size, it is not."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 70, 50
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    camera = bpy.data.objects.new("C", bpy.data.cameras.new("C"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    frames.render_frames(scene, [1, 2], tmp_path / f"##{suffix}", say=lambda text: None)
    path = tmp_path / f"01{suffix}"
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"01{suffix}", f"02{suffix}"]
    assert frames.is_whole(path, (50, 70))
    assert not frames.is_whole(path, (70, 50))
    data = path.read_bytes()
    for keep in (0, 3, 20, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:keep])
        assert not frames.is_whole(path, (50, 70))
    if suffix == ".png":
        spoilt = bytearray(data)
        spoilt[len(data) // 2] ^= 0xFF
        path.write_bytes(spoilt)
        assert not frames.is_whole(path, (50, 70))
    assert not frames.is_whole(tmp_path / "missing", (50, 70))


def test_only_frames_that_are_not_whole_are_rendered(addon, tmp_path):
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 16, 8
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    camera = bpy.data.objects.new("C", bpy.data.cameras.new("C"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    pattern, said = tmp_path / "##.png", []
    frames.render_frames(scene, [1, 2, 3], pattern, say=said.append)
    broken = tmp_path / "02.png"
    broken.write_bytes(broken.read_bytes()[:-5])
    kept = (tmp_path / "01.png").stat().st_mtime_ns
    said.clear()
    assert [p.name for p in frames.render_frames(scene, [1, 2, 3], pattern, say=said.append)] == ["02.png"]
    assert [line.split(":")[0] for line in said] == ["Skipped", "Saved", "Skipped"]
    assert f"Saved: '{broken}'" in said
    assert (tmp_path / "01.png").stat().st_mtime_ns == kept
    assert len(frames.render_frames(scene, [1, 2], pattern, overwrite=True, say=said.append)) == 2


def test_failed_frame_leaves_nothing(addon, tmp_path):
    """No camera: an error, no file, no temporary one."""
    with pytest.raises(AddonError, match="frame 1: .*camera"):
        frames.render_frames(bpy.context.scene, [1], tmp_path / "##.png", say=np.array)
    assert list(tmp_path.iterdir()) == []
