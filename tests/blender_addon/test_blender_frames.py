"""Frame ranges, names, and telling whole files from broken ones."""

import struct
import zlib

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
from blender_addon import frames, handlers  # noqa: E402
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
    spoilt = bytearray(data)
    spoilt[len(data) // 2 if suffix == ".png" else len(data) - 6] ^= 0xFF
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


def test_a_png_with_too_few_rows(tmp_path):
    """Every checksum is right, and yet it is not a whole picture."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 4, 3, 8, 6, 0, 0, 0)
    for rows, whole in ((3, True), (2, False)):
        data = zlib.compress(b"\0" * rows * (1 + 4 * 4))
        path = tmp_path / f"{rows}.png"
        parts = [chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")]
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
        assert frames.is_whole(path, (3, 4)) == whole


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-a", []),
        ("-f 5", [5]),
        ("-b x.blend --render-frame 1..3,7", [1, 2, 3, 7]),
        ("-f +1 -f -1", [11, 20]),
        ("-f a..b -a -- -f 3", []),
    ],
)
def test_frames_of_the_command_line(words, expected):
    assert handlers.asked_frames(words.split(), 10, 20) == expected


def test_broken_frames_are_removed_and_whole_ones_read_once(addon, tmp_path, monkeypatch):
    """Only under Overwrite off, only this engine's, only PNG and EXR, not where other machines may be writing."""
    scene = bpy.context.scene
    render = scene.render
    render.filepath, scene.frame_start, scene.frame_end = f"{tmp_path}/##", 1, 3
    render.engine, render.use_overwrite = "LIQUID_MOTION", False
    whole, broken, other = tmp_path / "01.png", tmp_path / "02.png", tmp_path / "04.png"
    image = bpy.data.images.new("made", 4, 3)
    image.filepath_raw, image.file_format = str(whole), "PNG"
    image.save()
    for path in (broken, other):
        path.write_bytes(whole.read_bytes()[:-3])
    for name, value in (("use_overwrite", True), ("use_placeholder", True), ("engine", "CYCLES")):
        before = getattr(render, name)
        setattr(render, name, value)
        handlers.remove_broken_frames(scene)
        setattr(render, name, before)
    assert broken.exists()
    read = []
    real = handlers.whole_size
    monkeypatch.setattr(handlers, "whole_size", lambda path: read.append(path.name) or real(path))
    for _ in range(3):
        handlers.remove_broken_frames(scene)
    assert (whole.exists(), broken.exists(), other.exists()) == (True, False, True)
    assert read == ["01.png", "02.png"]


def test_failed_frame_leaves_nothing(addon, tmp_path):
    """No camera: an error, no file, no temporary one."""
    with pytest.raises(AddonError, match="frame 1: .*camera"):
        frames.render_frames(bpy.context.scene, [1], tmp_path / "##.png", say=np.array)
    assert list(tmp_path.iterdir()) == []
