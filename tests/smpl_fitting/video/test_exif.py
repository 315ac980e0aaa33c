"""EXIF orientations of photos, and that reading such a photo leaves the process alive."""

import gc
import struct

import numpy as np
import pytest

from smpl_fitting.video import read_image, write_image
from smpl_fitting.video.exif import orientation_matrix

PICTURE = np.zeros((6, 4, 3), np.uint8)
PICTURE[0, 0] = 255  # the stored picture's first pixel
PICTURE[0, :, 1] = 100  # and its first row
# What the standard says the 0th row and 0th column are shown as, by numpy means.
SHOWN = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: p.swapaxes(0, 1)[:, ::-1],
    7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
    8: lambda p: p.swapaxes(0, 1)[::-1],
}


def _block(value, order):
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, value, 0)
    return head + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


def _with_exif(png, block):
    import zlib

    chunk = b"eXIf" + block
    return png[:33] + struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
def test_every_orientation_of_a_png(tmp_path, value, order):
    path = tmp_path / "photo.png"
    write_image(path, PICTURE)
    path.write_bytes(_with_exif(path.read_bytes(), _block(value, order)))
    for _ in range(20):  # listing such a frame's side data corrupted the heap: the process died in gc
        shown = read_image(path)
    gc.collect()
    assert np.array_equal(shown, SHOWN[value](PICTURE))


def test_jpeg_and_webp_keep_it_in_their_own_places():
    block = _block(6, ">")
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block
    webp = b"RIFF\0\0\0\0WEBPVP8X\x03\0\0\0abc\0EXIF" + struct.pack("<I", len(block)) + block
    for data in (jpeg, webp):
        assert np.array_equal(orientation_matrix(data), [[0, 1], [-1, 0]])


@pytest.mark.parametrize("block", [b"", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"])
def test_damaged_blocks_turn_nothing(block):
    jpeg = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block
    assert orientation_matrix(jpeg) is None
