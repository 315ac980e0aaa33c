"""The orientation that a photo's EXIF block records (Exif 2.32, tag 0x0112), read from the file's bytes.

PyAV 18 cannot be asked: listing a frame's side data frees the EXIF block's dictionary a second time, and the process
dies at some later garbage collection.
"""

from __future__ import annotations

import struct

import numpy as np

_ORIENTATION = 0x0112
# How a stored point (x right, y down) is shown: (x', y') = (x, y) @ matrix, for the tag's values 1 to 8.
_MATRICES = {
    1: ((1, 0), (0, 1)),
    2: ((-1, 0), (0, 1)),
    3: ((-1, 0), (0, -1)),
    4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)),
    6: ((0, 1), (-1, 0)),
    7: ((0, -1), (-1, 0)),
    8: ((0, -1), (1, 0)),
}


def orientation_matrix(data: bytes) -> np.ndarray | None:
    """The upper-left 2x2 of the display matrix of a JPEG, PNG, WebP or TIFF file; None where it is stored upright."""
    block = _exif_block(data)
    value = 1 if block is None else _orientation(block)
    return None if value == 1 else np.array(_MATRICES[value], float)


def _exif_block(data: bytes) -> bytes | None:
    """The TIFF structure that holds the tags, wherever the format keeps it."""
    if data[:4] in (b"II*\0", b"MM\0*"):
        return data
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        place, marker = 8, b"eXIf"
        while place + 8 <= len(data):
            (length,), kind = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
            if kind == marker:
                return data[place + 8 : place + 8 + length]
            place += length + 12
        return None
    if data[:2] == b"\xff\xd8":
        place = 2
        while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
            (length,) = struct.unpack(">H", data[place + 2 : place + 4])
            segment = data[place + 4 : place + 2 + length]
            if data[place + 1] == 0xE1 and segment[:6] == b"Exif\0\0":
                return segment[6:]
            place += 2 + length
        return None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        place = 12
        while place + 8 <= len(data):
            (length,) = struct.unpack("<I", data[place + 4 : place + 8])
            if data[place : place + 4] == b"EXIF":
                return data[place + 8 : place + 8 + length].removeprefix(b"Exif\0\0")
            place += 8 + length + length % 2
    return None


def _orientation(block: bytes) -> int:
    """The tag's value in the first directory of a TIFF structure; 1 where it is missing or senseless."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    try:
        if order is None:
            return 1
        (directory,) = struct.unpack_from(order + "I", block, 4)
        (entries,) = struct.unpack_from(order + "H", block, directory)
        for entry in range(entries):
            tag, _, _, value = struct.unpack_from(order + "HHIH", block, directory + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return value if value in _MATRICES else 1
    except struct.error:
        return 1  # a damaged block spoils no picture
    return 1
