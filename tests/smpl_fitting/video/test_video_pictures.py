"""Single pictures and picture sequences, read and written."""

import os
from fractions import Fraction

import av
import numpy as np
import OpenEXR
import pytest
from numbered_clips import number, numbered

from smpl_fitting.colour import linear_to_srgb, srgb_to_linear
from smpl_fitting.errors import FootageError, LiquidMotionError
from smpl_fitting.video import SequenceWriter, open_footage, read_image, write_image

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 56, 4), dtype=np.uint8)


@pytest.mark.parametrize("channels", [None, 3, 4])
def test_png_comes_back_unchanged(tmp_path, channels):
    picture = PICTURE[..., 0] if channels is None else PICTURE[..., :channels]
    write_image(tmp_path / "a.png", picture)
    back = read_image(tmp_path / "a.png")
    assert np.array_equal(back, np.dstack([picture] * 3) if channels is None else picture)


def test_jpeg(tmp_path):
    picture = numbered(5)
    write_image(tmp_path / "a.jpg", picture)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - picture).mean() < 1.5


@pytest.mark.parametrize(("pix_fmt", "dtype"), [("gray16be", ">u2"), ("rgb48be", ">u2")])
def test_16_bit_png(tmp_path, pix_fmt, dtype):
    values = np.linspace(0, 65535, 40 * 56).reshape(40, 56).astype("u2")
    stored = values if pix_fmt.startswith("gray") else np.dstack([values] * 3)
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width, encoder.pix_fmt = 40, 56, pix_fmt
    encoder.time_base = Fraction(1, 25)
    frame = av.VideoFrame(56, 40, pix_fmt)
    rows = np.zeros((40, frame.planes[0].line_size), np.uint8)
    rows[:, : stored[0].nbytes] = stored.astype(dtype).reshape(40, -1).view(np.uint8)
    frame.planes[0].update(rows)
    path = tmp_path / "deep.png"
    path.write_bytes(b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)]))
    back = read_image(path)
    assert back.shape == (40, 56, 3)
    assert np.abs(back[..., 0].astype(float) - values / 257.0).max() <= 1.5  # one rounding of swscale


def test_names_that_look_like_patterns(tmp_path):
    for name in ("50%d.png", "take#2.png", "a[1].png"):
        write_image(tmp_path / name, PICTURE[..., :3])
        assert open_footage(tmp_path / name).is_still


def test_a_still(tmp_path):
    write_image(tmp_path / "still.png", PICTURE)
    still = open_footage(tmp_path / "still.png")
    assert (still.frame_count, still.image_size, still.has_alpha) == (1, (40, 56), True)
    assert np.array_equal(still.frame(0), PICTURE)


@pytest.fixture
def sequence(tmp_path):
    folder = tmp_path / "frames"
    for index in (1, 2, 9, 10, 11):
        write_image(folder / f"shot_{index}.png", numbered(index))
    (folder / "notes.txt").write_text("notes")
    return folder


@pytest.mark.parametrize(
    "pattern", ["", "shot_####.png", "shot_#.png", "shot_%04d.png", "shot_%d.png", "shot_*.png"]
)
def test_sequences_in_numeric_order(sequence, pattern):
    footage = open_footage(sequence / pattern if pattern else sequence, fps=12)
    assert [number(picture) for _, picture in footage.frames()] == [1, 2, 9, 10, 11]
    assert footage.fps == 12
    assert number(footage.frame(3)) == 10
    assert [index for index, _ in footage.frames(1, None, 2)] == [1, 3]


def test_a_sequence_of_two_sizes_names_the_odd_one(sequence):
    write_image(sequence / "shot_12.png", numbered(12, (70, 96)))
    with pytest.raises(FootageError, match=r"shot_12\.png.*96x70.*96x64"):
        list(open_footage(sequence).frames())


def test_png_sequence_writer(tmp_path):
    rgba = PICTURE.astype(np.float32) / 255
    with SequenceWriter(tmp_path / "out" / "x_####.png") as writer:
        writer.write(7, PICTURE)
        writer.write(12345, rgba)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["x_0007.png", "x_12345.png"]
    assert np.array_equal(read_image(writer.path(7)), PICTURE)
    assert np.array_equal(read_image(writer.path(12345)), PICTURE)


def test_exr_holds_linear_premultiplied_colour_and_depth(tmp_path):
    rgba = np.zeros((20, 30, 4), np.float32)
    rgba[..., :3] = (0.5, 0.25, 1.0)
    rgba[:, :10, 3], rgba[:, 10:20, 3] = 1.0, 0.5
    depth = np.full((20, 30), 2.5)
    depth[:, 20:] = np.inf
    with SequenceWriter(tmp_path / "####.exr") as writer:
        writer.write(3, rgba, depth)
    with OpenEXR.File(str(tmp_path / "0003.exr"), separate_channels=True) as file:
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    assert set(channels) == {*(f"ViewLayer.Combined.{c}" for c in "RGBA"), "ViewLayer.Depth.Z"}
    half = 0.21404114  # 0.5 by IEC 61966-2-1
    assert channels["ViewLayer.Combined.R"][0, [0, 15, 25]] == pytest.approx([half, half / 2, 0], abs=1e-3)
    assert channels["ViewLayer.Combined.A"][0, [0, 15, 25]] == pytest.approx([1, 0.5, 0])
    assert channels["ViewLayer.Depth.Z"].dtype == np.float32
    assert channels["ViewLayer.Depth.Z"][0, [0, 15, 25]] == pytest.approx([2.5, 2.5, 1e10])
    back = read_image(tmp_path / "0003.exr")
    assert np.abs(back[:, :20].astype(float) / 255 - rgba[:, :20]).max() < 2 / 255


def test_srgb_transfer_round_trip():
    values = np.linspace(0, 1, 1000)
    assert np.allclose(linear_to_srgb(srgb_to_linear(values)), values, atol=1e-7)


def test_a_writer_that_fails_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(LiquidMotionError, match="file"),
        SequenceWriter(tmp_path / "file" / "####.png") as writer,
    ):
        for index in range(20):
            writer.write(index, PICTURE)
    with pytest.raises(FootageError, match="####"):
        SequenceWriter(tmp_path / "x.png")
    with pytest.raises(FootageError, match=r"\.png or \.exr"):
        SequenceWriter(tmp_path / "####.tga")


def test_a_failed_write_leaves_the_old_picture(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", PICTURE)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(LiquidMotionError, match=r"a\.png: cannot be written \(No space left"):
        write_image(tmp_path / "a.png", PICTURE[:10])
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert read_image(tmp_path / "a.png").shape == PICTURE.shape
